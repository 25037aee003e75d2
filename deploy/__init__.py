"""How Passage is put on machines, and the demo."""
