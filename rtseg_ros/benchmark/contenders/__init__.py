"""The ways from a frame to its labels that take part in a race."""
