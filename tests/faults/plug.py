"""Compiles the plug (plug.c) and has it loaded into the processes of rounds."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path


def make_plug() -> tuple[dict[str, str], str]:
    """The environment that loads it, empty when there is none; and why there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return {}, "no C compiler"
    folder = Path(tempfile.mkdtemp(prefix="passage-plug-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "plug.so"
    made = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library),
                           str(Path(__file__).with_name("plug.c")), "-ldl"], capture_output=True, text=True,
                          check=False)
    if made.returncode:
        return {}, f"the plug does not compile: {made.stderr[:200]}"
    return {"LD_PRELOAD": str(library)}, ""
