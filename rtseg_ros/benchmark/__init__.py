"""Speed from a uint8 frame to uint8 labels, against other ways to run the same network."""
