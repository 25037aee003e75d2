"""What both live views share: keys, and what they do to lists on a screen."""
