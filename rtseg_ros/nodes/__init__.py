"""The ROS 2 nodes, one executable a file, and what they share."""
