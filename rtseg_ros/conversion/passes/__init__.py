"""Rewrites of an ONNX graph: faster operators, folded norms, half and eight-bit numbers."""
