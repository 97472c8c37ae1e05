"""ROS 2 bags without ROS: what files one consists of, its messages, reading and writing."""
