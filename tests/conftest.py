"""What holds for all tests: a home of their own for what programs leave, Ctrl-C, and the fast ones first."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest

# Before anything is imported, and for the programs that tests start: no test touches the user's own tokens.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="passage-test-state-")
os.environ.pop("PASSAGE_TOKEN", None)


def pytest_configure() -> None:
    # A shell without job control starts `./run test &` with Ctrl-C ignored, and ignored it would stay for every
    # program that a test starts and ends by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def kind(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("system") else int(item.get_closest_marker("slow") is not None)

    items.sort(key=kind)
