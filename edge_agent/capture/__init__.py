"""Cameras, streams, files and folders → frames: one thread a camera, bounded queues, one clock."""
