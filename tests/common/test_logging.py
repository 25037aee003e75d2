"""Log lines for machines: one JSON object each, whatever is said in them."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging
from common.logging import configure_logging
configure_logging("info", as_json={as_json})
log = logging.getLogger("inbox")
log.debug("not at this level")
log.warning("refused %d message(s) from %s", 3, "'gate\\n\\x1b[31m \u00fc'")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("the inbox failed at a message and goes on")
"""


def lines(as_json: bool) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", SCRIPT.format(as_json=as_json)], capture_output=True, text=True,
                         check=True, timeout=60)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_each_line_is_an_object_with_time_level_logger_and_message() -> None:
    found = [json.loads(line) for line in lines(as_json=True)]
    assert [(line["level"], line["logger"]) for line in found] == [("warning", "inbox"), ("error", "inbox")]
    assert found[0]["message"] == "refused 3 message(s) from 'gate\n\x1b[31m \u00fc'"
    assert found[0]["time"].endswith("Z")
    assert "trace" not in found[0]
    assert "ZeroDivisionError" in found[1]["trace"]


def test_without_a_terminal_people_get_plain_lines() -> None:
    text = "\n".join(lines(as_json=False))
    assert "WARNING inbox: refused 3 message(s)" in text
    assert "not at this level" not in text
