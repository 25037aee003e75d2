"""`generate`: sites of generated people on disk, one file pair a site, so that it can stop and go on at any time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from models.training.site import HEIGHT, TAKES, WIDTH, Site

_model = None  # each worker process keeps its own body model between sites


def generate(
    folder: Path,
    sites: int,
    *,
    seed: int = 0,
    takes: int = TAKES,
    workers: int = 1,
    done: Callable[[int, int], None] | None = None,
) -> int:
    """Make the sites that `folder` has not got yet.

    Args:
        folder: for `site-00000.npy` (pictures) and `site-00000.npz` (labels).
        sites: how many there shall be.
        seed: of everything; another seed, other people.
        takes: pictures of each visit; fewer make more people in an hour.
        workers: processes.
        done: called with the number of sites that are there and `sites`.

    Returns:
        Sites made now.

    Raises:
        ConfigError: a package of the extra `[train]` lacks, or the folder holds another seed's sites.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "seed.txt"
    if not note.exists():
        note.write_text(f"{seed}\n")
    if note.read_text().strip() != str(seed):
        raise ConfigError(f"{folder}: holds sites of seed {note.read_text().strip()}", "another folder or that seed")
    missing = [number for number in range(sites) if not _paths(folder, number)[1].exists()]
    work = [(folder, seed, number, takes) for number in missing]
    if done is not None:
        done(sites - len(missing), sites)
    if workers <= 1:
        for count, job in enumerate(work, 1):
            _make(job)
            if done is not None:
                done(sites - len(missing) + count, sites)
        return len(missing)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for count, _ in enumerate(pool.imap_unordered(_make, work), 1):
            if done is not None:
                done(sites - len(missing) + count, sites)
    return len(missing)


def ready(folder: Path) -> list[int]:
    """Numbers of the sites that are whole."""
    return sorted(int(path.stem.split("-")[1]) for path in folder.glob("site-*.npz"))


def read(folder: Path, number: int) -> Site:
    """A site; its pictures stay on disk until they are touched."""
    pictures, labels = _paths(folder, number)
    with np.load(labels) as stored:
        values = {key: stored[key] for key in stored.files}
    return Site(
        pictures=np.load(pictures, mmap_mode="r"),
        person=values.pop("person"),
        camera=values.pop("camera"),
        visit=values.pop("visit"),
        traits=values,
    )


def contact_sheet(folder: Path, target: Path, people: int = 14, columns: int = 12) -> None:
    """A picture of some people of the first sites: a row each, grouped by visit."""
    rows: list[NDArray[np.uint8]] = []
    for number in ready(folder)[:4]:
        site = read(folder, number)
        for person in range(min(int(site.person.max()) + 1, -(-people // 4))):
            own = np.flatnonzero(site.person == person)[:columns]
            strip = np.zeros((HEIGHT, columns * WIDTH, 3), np.uint8)
            strip[:, : len(own) * WIDTH] = np.concatenate(list(site.pictures[own]), axis=1)
            rows.append(strip)
    if not rows:
        raise ConfigError(f"{folder}: no generated people are here yet", "edge-agent models train generate")
    if not cv2.imwrite(str(target), np.concatenate(rows[:people])[..., ::-1]):
        raise ConfigError(f"{target}: cannot be written", "a path that ends in .jpg or .png, in a folder that exists")


def _paths(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"site-{number:05d}.npy", folder / f"site-{number:05d}.npz"


def _make(job: tuple[Path, int, int, int]) -> None:
    """Labels are put in place last: a site without them was cut off and is made again."""
    global _model
    folder, seed, number, takes = job
    if _model is None:
        import torch

        from models.training.bodies import BodyModel

        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        _model = BodyModel()
    from models.training.sites import make_site

    site = make_site(_model, seed, number, takes=takes)
    pictures, labels = _paths(folder, number)
    unfinished = pictures.with_suffix(f".{os.getpid()}.part.npy")
    np.save(unfinished, site.pictures)
    unfinished.replace(pictures)
    unfinished = labels.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        # numpy's stub takes every keyword for `allow_pickle`; these are arrays by name.
        np.savez(file, **{"person": site.person, "camera": site.camera, "visit": site.visit, **site.traits})  # type: ignore[arg-type]
    unfinished.replace(labels)
