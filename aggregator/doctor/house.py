"""What lies on the aggregator's own disk: is the database whole, do models meet, do links come about?"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from pathlib import Path

from aggregator.store.database import open_read_only, store_file
from aggregator.store.mend import problems
from common.errors import PassageError
from common.findings import Finding, of_error

ENOUGH = 50
LATEST = 500
UNSURE = 0.6
FEW = 0.02
_RECENT = "(SELECT * FROM visits ORDER BY visit DESC LIMIT 500)"


def examine_house(data: Path, check_bytes: float) -> Iterator[Finding]:
    """All about the database in the folder `data`; read through if it is not larger than `check_bytes`."""
    path = store_file(data)
    try:
        with contextlib.closing(open_read_only(path)) as db:
            models = db.execute(f"""
                SELECT DISTINCT v.model, v.camera, coalesce(m.name, '') FROM {_RECENT} v
                LEFT JOIN models m ON m.fingerprint = v.model WHERE v.model <> '' ORDER BY 2""").fetchall()
            decisions = db.execute("SELECT operation, confidence FROM log WHERE operation IN ('new', 'link') "
                                   "ORDER BY entry DESC LIMIT ?", (LATEST,)).fetchall()
            cameras = int(db.execute(f"SELECT count(DISTINCT camera) FROM {_RECENT}").fetchone()[0])
    except PassageError as error:
        yield of_error("database", error, "a database that can be read")
        return
    yield whole(path, check_bytes)
    yield one_network([(str(model), str(camera), str(name)) for model, camera, name in models])
    yield links([(str(operation), float(confidence)) for operation, confidence in decisions], cameras)


def whole(path: Path, check_bytes: float) -> Finding:
    """Is the file as it was written?"""
    size = path.stat().st_size
    aside = sorted(path.parent.glob(f"{path.name}.broken-*"))
    if size > check_bytes:
        return Finding(what="database", seen=f"{size / 1e6:.0f} MB, not read through: --deep does")
    found = problems(path)
    if found:
        return Finding(what="database", wrong=True, seen=f"damaged: {' '.join(found[0].split())}",
                       expected="a whole file", cure=f"touch {path}.suspect and start the aggregator again: it mends "
                                                     "what "
                                                     "can be mended. Then check the disk (smartctl -a)")
    if aside:
        return Finding(what="database", wrong=True, seen=f"whole; but it was damaged before: {aside[-1].name}",
                       expected="no file set aside", cure="check the disk (smartctl -a), then delete the file set "
                                                          "aside: "
                                                          "it holds personal data")
    return Finding(what="database", seen=f"whole, {size / 1e6:.1f} MB")


def one_network(found: list[tuple[str, str, str]]) -> Finding:
    """Do all cameras embed with one network? `found`: fingerprint, camera, name."""
    by_model: dict[str, list[str]] = {}
    for model, camera, name in found:
        by_model.setdefault(f"{name or 'unnamed'} {model[:8]}", []).append(camera)
    if len(by_model) < 2:
        return Finding(what="networks", seen=next(iter(by_model), "nothing embedded yet"))
    return Finding(what="networks", wrong=True,
                   seen="; ".join(f"{model}: {', '.join(cameras[:5])}" for model, cameras in by_model.items()),
                   expected="one embedder everywhere: embeddings of different networks never meet, so nobody is "
                            "recognised between these cameras",
                   cure="set the same 'models.embedder' on every box (edge-agent models verify shows the fingerprint)")


def links(decisions: list[tuple[str, float]], cameras: int) -> Finding:
    """Do links come about, and are they sure? `decisions`: operation and confidence of the latest."""
    sure = [confidence for operation, confidence in decisions if operation == "link"]
    what, seen = "links", f"{len(sure)} of the latest {len(decisions)} visits were recognised"
    if len(decisions) < ENOUGH:
        return Finding(what=what, seen=f"{seen}: too few to judge")
    if cameras > 1 and len(sure) < FEW * len(decisions):
        return Finding(what=what, wrong=True, seen=f"{seen}, in {cameras} cameras",
                       expected="some: almost everybody is taken for somebody new",
                       cure="lower 'linking.caution', look whether 'layout' forbids ways that people take, and at "
                            "clocks "
                            "and networks above")
    if len(sure) >= ENOUGH // 2 and (middle := statistics.median(sure)) < UNSURE:
        return Finding(what=what, wrong=True, seen=f"{seen}, with a median confidence of {middle:.2f}",
                       expected=f"at least {UNSURE}", cure="a better embedder (edge-agent models list), a 'layout' "
                                                           "with "
                                                           "the times to walk, or more 'linking.caution'")
    return Finding(what=what, seen=seen)
