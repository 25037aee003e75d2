"""Networks: do they load, and have they the faults that exports are known for?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from common.errors import PassageError
from common.findings import Finding, of_error
from edge_agent.capture.settings import CameraSettings
from edge_agent.settings import ModelSettings
from models.checks import probe_crops
from models.detector import Detector, DetectorSettings
from models.embedder import Embedder
from models.faces import load_faces
from models.graph_file import read_graph
from models.graph_input import own_normalisation
from models.load import load_detector, load_embedder
from models.store import ModelStore

ALIKE = 0.98


def examine_networks(models: ModelSettings, settings: DetectorSettings, found: list[Detector | Embedder]) \
        -> Iterator[Finding]:
    """Loads both; those that load are appended to `found`."""
    store = ModelStore()
    try:
        detector = load_detector(models.detector, store=store, device=models.device, threads=models.threads,
                                 settings=settings)
        found.append(detector)
        yield Finding(what="detector", seen=f"{detector.name} on {detector.device}")
    except PassageError as error:
        yield of_error("detector", error, "a network that loads")
    try:
        embedder = load_embedder(models.embedder, store=store, device=models.device, threads=models.threads)
    except PassageError as error:
        yield of_error("embedder", error, "a network that loads")
        return
    found.append(embedder)
    yield Finding(what="embedder", seen=f"{embedder.name} on {embedder.device}"
                  + (f" ({embedder.notice})" if embedder.notice else ""))
    yield drift(embedder)
    path = _file(models.embedder, store)
    if path is not None:
        yield normalisation(embedder, read_graph(path))
    yield collapse(embedder)


def examine_faces(cameras: Sequence[CameraSettings]) -> Iterator[Finding]:
    """Where a camera looks for faces: can the networks for that be used?"""
    looking = [camera.id for camera in cameras if camera.faces]
    if not looking:
        return
    try:
        reader = load_faces(ModelStore())
        yield Finding(what="faces", seen=f"looked for in {', '.join(looking)}, with {reader.name}")
    except PassageError as error:
        yield of_error("faces", error, "networks that find and embed them")


def drift(embedder: Embedder) -> Finding:
    """Does a crop get another embedding in a batch than alone? Loading has tried, and runs such a graph one by one."""
    if embedder.batch == 1 and embedder.fixed_batch is None:
        return Finding(what="embedder in batches", wrong=True,
                       seen=f"{embedder.name}: a crop in a batch gets another embedding than alone, so it runs one "
                            "crop "
                            "at a time", expected="the same embedding in any company",
                       cure="export it again with a free batch size (dynamic_axes), in evaluation mode")
    return Finding(what="embedder in batches", seen="the same embedding alone and in company")


def normalisation(embedder: Embedder, graph: bytes) -> Finding:
    """Does the graph itself do what is done to every picture before? Loading has noticed, and leaves its part out."""
    own = own_normalisation(graph)
    if own is None:
        return Finding(what="normalisation", seen=f"once: {embedder.pixels}")
    return Finding(what="normalisation", wrong=True,
                   seen=f"{embedder.name} normalises its input itself ({own}); it is fed {embedder.pixels}, so that it "
                        "is not done twice", expected="a graph that leaves it to the program",
                   cure="export it again without the preprocessing; other programs with this file would do it twice")


def collapse(embedder: Embedder) -> Finding:
    """Do different people look different to it? With pixels of a wrong scale they hardly do."""
    rows = embedder.embed(probe_crops())
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    least = float(cosines.min())
    if least > ALIKE:
        return Finding(what="embeddings", wrong=True,
                       seen=f"{embedder.name}: quite different pictures are alike (cosine {least:.3f} or more), fed "
                            f"{embedder.pixels}", expected=f"below {ALIKE}",
                       cure="say what it expects of a pixel: edge-agent models add FILE --pixels "
                            "rgb_imagenet|rgb_unit|rgb_bytes|bgr_bytes")
    return Finding(what="embeddings", seen=f"different pictures differ (cosine {least:.2f} and more)")


def _file(name: str, store: ModelStore) -> Path | None:
    """The graph's file, if it has one."""
    if name.endswith(".onnx") or "/" in name:
        return Path(name).expanduser()
    return store.path(name) if store.stored(name) is not None else None
