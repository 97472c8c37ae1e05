"""Real-time semantic segmentation for ROS 2: camera images in, label images out."""

__version__ = '0.1.0'
