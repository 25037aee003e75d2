"""Live pictures for people who look: only of cameras that allow it, with faces blurred before anything is encoded."""
