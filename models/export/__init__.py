"""Checkpoints become ONNX graphs here, without torch and without running anything that a checkpoint says."""
