"""What every test has: a home of its own for what programs leave for their user."""

from __future__ import annotations

import os
import tempfile

# Before anything is imported, and for the programs that tests start: no test touches the user's own tokens.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="passage-test-state-")
os.environ.pop("PASSAGE_TOKEN", None)
