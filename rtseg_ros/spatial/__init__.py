"""From pixels to places, as arrays: calibration, rectification, points, a ground grid."""
