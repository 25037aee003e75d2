"""`edge-agent doctor`: looks for the usual faults of a camera box."""
