"""Other streets, other light, other cameras, made of the frames that there are."""
