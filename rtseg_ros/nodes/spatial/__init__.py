"""Points and ground of segmentation_node: depth, calibration and poses as topics."""
