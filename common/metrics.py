"""Metrics as Prometheus reads them: each is declared once, with its unit in its name and what it means."""

from __future__ import annotations

import math
import os
import re
import resource
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MEDIA = "text/plain; version=0.0.4"
UNITS = ("seconds", "bytes", "messages", "visits", "rows", "ratio", "people", "files", "threads", "per_second",
         "frames", "info", "total", "identities", "sockets", "viewers", "boolean")
Kind = Literal["gauge", "counter"]
Described = tuple[str, Kind, str]
"""A metric's name, kind and words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: ends in its unit; a counter in `_total`.
        labels: what tells its numbers apart.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Samples:
    """Numbers of this moment, of metrics that were declared.

    Args:
        known: by name.
    """

    known: Mapping[str, Metric]
    _rows: dict[str, list[tuple[tuple[str, ...], float]]] = field(default_factory=dict)

    def add(self, name: str, value: float | None, *labels: str) -> None:
        """A number; None is left out.

        Raises:
            KeyError: nobody declared such a metric.
            ValueError: not as many labels as it has.
        """
        metric = self.known[name]
        if len(labels) != len(metric.labels):
            raise ValueError(f"{name}: expected labels {metric.labels}, got {labels}")
        if value is not None and not math.isnan(value):
            self._rows.setdefault(name, []).append((labels, float(value)))

    def text(self) -> str:
        """All of them, as Prometheus reads them."""
        lines = []
        for name in sorted(self._rows):
            metric = self.known[name]
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
            for labels, value in self._rows[name]:
                pairs = ",".join(f'{key}="{_quoted(label)}"'
                                 for key, label in zip(metric.labels, labels, strict=True))
                lines.append(f"{name}{{{pairs}}} {_number(value)}" if pairs else f"{name} {_number(value)}")
        return "\n".join(lines) + "\n"


def declared(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """By name.

    Raises:
        ValueError: one is declared twice, its name says no unit, or a counter's does not end in `_total`.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in found or not re.fullmatch(r"passage_[a-z0-9_]+", metric.name):
            raise ValueError(f"{metric.name}: declared twice, or not a name of ours")
        if not metric.name.endswith(UNITS) or (metric.kind == "counter") != metric.name.endswith("_total"):
            raise ValueError(f"{metric.name}: ends in its unit, and a counter in _total")
        found[metric.name] = metric
    return found


PROCESS = (
    Metric(name="passage_process_cpu_seconds_total", kind="counter", help="CPU time of this process."),
    Metric(name="passage_process_resident_bytes", kind="gauge", help="Memory that this process holds."),
    Metric(name="passage_process_open_files", kind="gauge", help="Open files and sockets."),
    Metric(name="passage_process_threads", kind="gauge", help="Threads."),
)


def measure_process(samples: Samples) -> None:
    """The numbers of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    samples.add("passage_process_cpu_seconds_total", used.ru_utime + used.ru_stime)
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        samples.add("passage_process_open_files", len(os.listdir("/proc/self/fd")))  # noqa: PTH208  much faster
    except (OSError, ValueError):  # no Linux: the most it ever held
        resident = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    samples.add("passage_process_resident_bytes", resident)
    samples.add("passage_process_threads", threading.active_count())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
