"""ONNX networks: where they come from, how they run, what they say."""
