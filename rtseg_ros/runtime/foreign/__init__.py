"""What .onnx files of others say of themselves, and what lies beside them says of them."""
