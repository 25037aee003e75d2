"""What it costs to write each look down before it is answered, and to take somebody out of a store of 20,000 visits.

    python benchmarks/audit.py [--visits 20000]

`note`: milliseconds from asking to being on the disk (SQLite, fsync), by one caller and by eight at a time; the
comparison is a bare write and fsync of as many bytes. `guard`: microseconds that finding a token takes. `narrow`: the
list of 50 identities for a token of one camera, as a multiple of the same list for one that sees all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from aggregator.api.access import Role
from aggregator.audit import AuditLog, Look
from aggregator.store import StoreReader, open_store
from aggregator.tokens import FILE, Tokens, digest_of
from benchmarks.api import DAY, tracklets
from common.messages import CameraInfo


async def _notes(log: AuditLog, callers: int, each: int) -> list[float]:
    taken: list[float] = []

    async def one() -> None:
        for _ in range(each):
            began = time.perf_counter()
            await log.note(Look(time=DAY, who="anna", role="viewer", action="get_identity", subject='{"id": 17}',
                                peer="127.0.0.1"))
            taken.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(one() for _ in range(callers)))
    return taken


def _bare(folder: Path, count: int) -> list[float]:
    taken = []
    with (folder / "bare").open("wb") as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(bytes(300))
            file.flush()
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - began))
    return taken


def _lists(reader: StoreReader, times: int = 40) -> float:
    began = time.process_time()
    for _ in range(times):
        reader.identities(limit=50)
    return 1000 * (time.process_time() - began) / times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=20_000)
    visits = parser.parse_args().visits
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = AuditLog(folder)
        bare = _bare(folder, 200)
        alone = asyncio.run(_notes(log, 1, 200))
        many = asyncio.run(_notes(log, 8, 100))
        log.close()
        print(f"note: alone {statistics.median(alone):.2f} ms, eight at a time {statistics.median(many):.2f} ms; "
              f"bare fsync {statistics.median(bare):.2f} ms")
        tokens = Tokens(folder / FILE)
        secrets = [tokens.add(f"t{n}", Role.VIEWER, None, DAY)[0] for n in range(20)]
        began = time.perf_counter()
        for n in range(20_000):
            tokens.find(digest_of(secrets[n % 20]))
        print(f"guard: {1e6 * (time.perf_counter() - began) / 20_000:.1f} µs to find a token")
        with open_store(folder) as store:
            with store.transaction():
                store.agent_seen("box", DAY, software="benchmark", run="run")
                for n in range(20):
                    store.camera_known("box", CameraInfo(camera=f"camera {n}", width=1280, height=720, fps=10.0), DAY)
                for person, tracklet in tracklets(visits, "a" * 16, 512):
                    visit = store.record_tracklet("box", tracklet)
                    assert visit is not None
                    store._db.execute("INSERT OR IGNORE INTO identities VALUES (?, 'person', ?, NULL)", (person, DAY))
                    store._db.execute("UPDATE visits SET identity = ? WHERE visit = ?", (person, visit.visit))
            with StoreReader(folder) as reader:
                wide = _lists(reader)
                reader.show_only({"camera 3"})
                print(f"narrow: {_lists(reader) / wide:.1f} times as long as {wide:.1f} ms")
            began = time.perf_counter()
            with store.transaction():
                numbers = np.flatnonzero(np.arange(visits) // 4 == 7) + 1
                store.eraser.visits(numbers.tolist())
                store.eraser.identities([8])
                store.eraser.record_again()
            deleted = time.perf_counter()
            store.scrub()
            size = (folder / "passage.db").stat().st_size / 2**20
            print(f"forget: {deleted - began:.2f} s to delete, {time.perf_counter() - deleted:.2f} s to write "
                  f"{size:.0f} MiB anew")


if __name__ == "__main__":
    main()
