"""From a training checkpoint to one model file: read, export, compare, write."""
