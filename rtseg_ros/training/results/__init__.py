"""What finished runs came to, for people to compare."""
