"""Tracklet → identity → answer."""

from __future__ import annotations

import os

# Before anything imports NumPy. Linking multiplies many small matrices, one after another: BLAS would wake a thread a
# core for each, and they spin between; a replay then costs more than twice the processor's time, and is no sooner done.
# What can go side by side here are whole jobs: linking, storing, answering. Who knows better sets it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
