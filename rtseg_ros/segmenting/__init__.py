"""From photos, folders, videos and cameras to pictures and masks on disk; without ROS."""
