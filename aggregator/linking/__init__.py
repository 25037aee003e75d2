"""Who is who: gate → score → assign → repair; plain values in, plain values out."""

from __future__ import annotations

from aggregator.linking.ids import IdAllocator
from aggregator.linking.layout import parse_layout, read_layout, write_lines, write_matrices
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.topology import Topology
from aggregator.linking.ways import Clock, SiteMap, Way

__all__ = [
    "Clock",
    "IdAllocator",
    "Linker",
    "LinkingSettings",
    "SiteMap",
    "Topology",
    "Way",
    "parse_layout",
    "read_layout",
    "write_lines",
    "write_matrices",
]
