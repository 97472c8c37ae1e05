"""Arrays in, arrays out: from a frame to labels, without ROS and without torch."""
