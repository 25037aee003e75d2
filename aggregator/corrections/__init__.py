"""What people correct: merge, split, confirm, reject and undo, as words, as decisions and as a command."""
