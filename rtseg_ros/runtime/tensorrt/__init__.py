"""TensorRT: build a plan, keep it, run it, from 8.6 to 11 and TensorRT-RTX."""
