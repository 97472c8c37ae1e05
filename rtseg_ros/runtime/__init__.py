"""Arrays in, arrays out: from a frame to labels, without ROS and without torch."""

from rtseg_ros.runtime.segmenter import Segmentation, Segmenter, load_segmenter

__all__ = ['Segmentation', 'Segmenter', 'load_segmenter']
