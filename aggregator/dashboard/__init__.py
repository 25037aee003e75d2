"""The page at `/`: plain HTML, style and ES modules, served as they are, with no build and nothing from afar."""
