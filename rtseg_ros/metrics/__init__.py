"""Figures from arrays: accuracy, calibration, latency; no files, no ROS."""
