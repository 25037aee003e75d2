"""A `HistoryIndex` in files, for benchmarks whose index takes long to build. The product fills its index anew."""

from __future__ import annotations

import json
from pathlib import Path

import hnswlib
import numpy as np

from aggregator.linking import gallery
from aggregator.linking.gallery import Gallery
from aggregator.linking.graph import Graph
from aggregator.linking.history import HistoryIndex
from aggregator.linking.vectors import STEP, Vectors


def keep(history: HistoryIndex, model: str, folder: Path) -> None:
    """Write one model's part of an index whose graph is up to date."""
    part = history._parts[model]
    assert part.graph is not None
    assert part.through == part.rows
    columns = {name: getattr(part, name)[: part.rows] for name in gallery._COLUMNS}
    vectors = np.concatenate(part.vectors._chunks)[: part.rows]
    np.savez(folder / "columns.npz", **columns, basis=part.graph._basis, vectors=vectors)
    part.graph._index.save_index(str(folder / "graph.bin"))
    (folder / "index.json").write_text(json.dumps({
        "model": model, "ef": part.ef, "fitted": part._fitted, "cameras": part.camera_of,
        "leaders": list(part._leader.items()), "room": part.graph._index.max_elements}) + "\n")


def kept(folder: Path) -> HistoryIndex:
    """What `keep` wrote."""
    about = json.loads((folder / "index.json").read_text())
    with np.load(folder / "columns.npz") as file:
        columns = {name: file[name] for name in file.files}
    whole, basis = columns.pop("vectors"), columns.pop("basis")
    rows, dimensions = whole.shape
    history = HistoryIndex(ef=about["ef"])
    part = history._parts[about["model"]] = Gallery(dimensions, about["ef"])
    while len(part.visit) < rows:
        part._grow()
    for name, column in columns.items():
        getattr(part, name)[:rows] = column
    vectors = Vectors(dimensions)
    for low in range(0, rows, STEP):
        vectors.append(np.float32(1 / 32767) * whole[low : low + STEP])
    part.vectors, part.rows, part.camera_of = vectors, rows, about["cameras"]
    part.row_of = {visit: row for row, visit in enumerate(columns["visit"].tolist()) if columns["alive"][row]}
    np.minimum.at(part.first, np.arange(rows) // gallery.BLOCK, columns["start"])
    np.maximum.at(part.last, np.arange(rows) // gallery.BLOCK, columns["end"])
    graph = Graph(np.eye(dimensions, dtype=np.float32), 1)
    graph._basis, graph._rows = basis, np.ascontiguousarray(basis.T)
    graph._index = hnswlib.Index(space="ip", dim=basis.shape[1])
    graph._index.load_index(str(folder / "graph.bin"), max_elements=about["room"])
    part.graph, part.through, part._frozen, part._fitted = graph, rows, rows, about["fitted"]
    part._leader = {int(identity): row for identity, row in about["leaders"]}
    return history
