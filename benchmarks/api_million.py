"""Search over a million stored embeddings through HTTP: milliseconds and recall, with and without a time filter.

    python benchmarks/api_million.py [--visits 1000000] [--seconds 20] [--connections 4] [--json FILE] [--keep DIR]

The real server in a process of its own, over a synthetic city's day in a real database: visits whose embeddings err as
those of real networks do, seen about five times each. It is asked over loopback by this process, so both share the
machine's cores. A question is a visit, as when somebody clicks on a person; the answer is read from the store. What is
right was found by looking at every visit. `1 %` asks within a hundredth of the visits, by time; `30 %` likewise; `two
cameras` of sixty, at any time. `server cpu` is the server's processor time for one question.

The database is filled without the engine: only what a search reads is there. Making a million takes half an hour;
with `--keep` database and index stay in that folder, and the next run with it begins at the questions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from history_index import ask as direct_ask
from history_index import exact, show_times

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.simulate.city import EPOCH, City, simulate
from aggregator.simulate.letters import camera_infos, model_of
from aggregator.simulate.settings import CitySettings
from aggregator.store import StoreReader, open_store
from common.clock import ManualClock, to_rfc3339
from tests.support.kept_history import keep, kept

K = 10
ASKED = 200
MADE = "made.json"
VISIT = """INSERT INTO visits (visit, agent, camera, run, track, start, "end", label, frames, parts, final, confidence,
                               model, mean, attributes, identity, certainty)
           VALUES (?, 'box', ?, 'run', ?, ?, ?, 'person', ?, 1, 1, .8, ?, ?, '{}', ?, .9)"""


class Numbers:
    """An engine whose numbers stand still."""

    def __init__(self, history: HistoryIndex) -> None:
        self.history = history

    def stats(self) -> dict[str, Any]:
        """Of the index."""
        return {"index": self.history.figures()}


def store(folder: Path, city: City) -> None:
    """Visits and identities."""
    model, seen, names = model_of(city), city.seen, city.world.names
    with open_store(folder) as writer, writer.transaction():
        writer.agent_seen("box", EPOCH, software="benchmark", run="run")
        for info in camera_infos(city):
            writer.camera_known("box", info, EPOCH)
        writer.model_known(model)
    with sqlite3.connect(folder / "passage.db") as database:
        database.executemany("INSERT INTO identities (identity, label, created) VALUES (?, 'person', ?)", (
            (who + 1, EPOCH) for who in range(len(city.party.of_person))))
        database.executemany(VISIT, (
            (row + 1, names[camera], row, start + EPOCH, end + EPOCH, frames, model.fingerprint,
             city.embedding[row].tobytes(), who + 1)
            for row, (camera, start, end, frames, who) in enumerate(zip(
                seen.camera.tolist(), seen.start.tolist(), seen.end.tolist(), seen.frames.tolist(), seen.who.tolist(),
                strict=True))))
    database.close()


def index(city: City) -> HistoryIndex:
    """As the indexer and the keeper make it."""
    history, model, seen = HistoryIndex(), model_of(city).fingerprint, city.seen
    for low in range(0, len(city), 4096):
        part = slice(low, min(len(city), low + 4096))
        history.add(model, list(range(low + 1, part.stop + 1)), (seen.who[part] + 1).tolist(),
                    city.embedding[part].astype(np.float32), [city.world.names[k] for k in seen.camera[part]],
                    (seen.start[part] + EPOCH).tolist(), (seen.end[part] + EPOCH).tolist())
    history.maintain(threads=2)
    history.settle()
    return history


def right(city: City, rows: np.ndarray, allowed: np.ndarray) -> list[list[int]]:
    """For each asked row the `K` visits most like it among those allowed, without itself."""
    queries = city.embedding[rows].astype(np.float32)
    best = np.full((len(rows), K), -np.inf, np.float32)
    who = np.zeros((len(rows), K), np.int64)
    for low in range(0, len(allowed), 1 << 14):
        part = allowed[low : low + (1 << 14)]
        cosine = queries @ city.embedding[part].astype(np.float32).T
        cosine[rows[:, None] == part] = -np.inf
        cosine = np.concatenate([best, cosine], axis=1)
        names = np.concatenate([who, np.broadcast_to(part + 1, (len(rows), len(part)))], axis=1)
        top = np.argpartition(-cosine, K, axis=1)[:, :K]
        best, who = np.take_along_axis(cosine, top, axis=1), np.take_along_axis(names, top, axis=1)
    return [list(map(int, one)) for one in who]


def questions(city: City) -> dict[str, dict[str, Any]]:
    """Parameters of each kind of question, the visits asked for, and what is right."""
    start, end, n = city.seen.start, city.seen.end, len(city)
    rows = np.random.default_rng(4).choice(n, ASKED, replace=False)
    out: dict[str, dict[str, Any]] = {}
    for name, share in (("all", 1.0), ("1 % by time", 0.01), ("30 % by time", 0.3), ("two cameras", 0.0)):
        allowed, parameters = np.arange(n), list[tuple[str, str]]()
        if name == "two cameras":
            allowed = np.flatnonzero(city.seen.camera < 2)
            parameters = [("camera", city.world.names[0]), ("camera", city.world.names[1])]
        elif share < 1:
            since, until = np.round(end[int(0.4 * n)]), np.round(end[int((0.4 + share) * n)])
            allowed = np.flatnonzero((end >= since) & (start <= until))
            parameters = [("since", to_rfc3339(since + EPOCH)), ("until", to_rfc3339(until + EPOCH))]
        out[name] = {"parameters": parameters, "visits": (rows + 1).tolist(), "right": right(city, rows, allowed),
                     "share": len(allowed) / n}
    return out


def make(folder: Path, visits: int, dimensions: int) -> None:
    """Database, index and questions, in files."""
    city = simulate(CitySettings(cameras=60, people=max(20, round(visits / 5.06)), hours=24, dimensions=dimensions))
    asked, model = questions(city), model_of(city).fingerprint
    store(folder, city)
    began = time.perf_counter()
    history = index(city)
    built, count = time.perf_counter() - began, len(city)
    del city
    keep(history, model, folder)
    part, rows = history._parts[model], np.sort(np.random.default_rng(6).choice(count, 1000, replace=False))
    queries = part.vectors.take(rows)
    best = exact(part, queries, rows + 1)
    (folder / MADE).write_text(json.dumps({
        "model": model, "visits": count, "built": built, "asked": asked, "rows": rows.tolist(),
        "best": best.tolist(), "figures": history.figures()}) + "\n")


def serve(folder: Path, visits: int, dimensions: int, pipe: Connection) -> None:
    """The server's process: fill unless it is filled, listen on a free port, tell it, run until told."""
    if not (folder / MADE).exists():
        make(folder, visits, dimensions)
    open_store(folder).close()  # one that was kept may be of an older release
    made = json.loads((folder / MADE).read_text())
    history = kept(folder)
    queries = history._parts[made["model"]].vectors.take(np.array(made["rows"]))
    direct = direct_ask(history, queries, np.array(made["rows"]) + 1, np.array(made["best"]), made["model"])

    async def run() -> None:
        app = create_app(lambda: StoreReader(folder), Numbers(history), Bus(), clock=ManualClock(EPOCH + 86_400),
                         guard=Guard(ApiSettings(), everybody=LOCAL))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send((runner.addresses[0][1], made["built"], made["visits"], made["asked"], made["figures"], direct))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await runner.cleanup()

    asyncio.run(run())


def processor(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def ask(url: str, question: dict[str, Any], seconds: float, connections: int, pid: int) -> dict[str, float]:
    """Recall over every asked visit once; then times, over so many connections for so long."""
    taken: list[float] = []
    hits: list[float] = []

    async def one(session: aiohttp.ClientSession, k: int) -> list[int]:
        parameters = [("visit", str(question["visits"][k])), ("each", "visit"), ("limit", str(K)),
                      *question["parameters"]]
        async with session.get(url + "/api/search", params=parameters) as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return [row["visit"] for row in found["results"]]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        for k, best in enumerate(question["right"]):
            hits.append(len(set(await one(session, k)) & set(best)) / K)
        until, worked = time.perf_counter() + seconds, processor(pid)

        async def many(seed: int) -> None:
            random = np.random.default_rng(seed)
            while time.perf_counter() < until:
                began = time.perf_counter()
                await one(session, int(random.integers(len(question["visits"]))))
                taken.append(time.perf_counter() - began)

        await asyncio.gather(*(many(seed) for seed in range(connections)))
    return {"recall_at_10": float(np.mean(hits)), "p50_ms": 1000 * float(np.median(taken)),
            "p99_ms": 1000 * float(np.quantile(taken, 0.99)), "per_second": len(taken) / seconds,
            "server_cpu_ms": 1000 * (processor(pid) - worked) / len(taken)}


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each kind of question")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="an empty folder for database and index, or one of an earlier run")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(given.keep or Path(folder), given.visits, given.dimensions, theirs), daemon=True)
        server.start()
        while not ours.poll(1.0):
            if not server.is_alive():
                sys.exit("the server did not start")
        port, built, count, asked, figures, direct = ours.recv()
        print(f"{count} visits, indexed in {built:.0f} s: {figures}")
        show_times("the index alone", direct)
        print(f"  {'':26s}{'recall@10':>11s}{'p50 ms':>9s}{'p99 ms':>9s}{'a second':>10s}{'server cpu ms':>15s}")
        table: dict[str, Any] = {"visits": count, "built_s": built, "index": figures, "direct": direct}
        for name, question in asked.items():
            for connections in (1, given.connections):
                found = asyncio.run(ask(f"http://127.0.0.1:{port}", question, given.seconds, connections,
                                        server.pid or 0))
                table[f"{name}, {connections}"] = found | {"share": question["share"]}
                print(f"  {name:14s}{connections:>5d} asking{found['recall_at_10']:11.4f}{found['p50_ms']:9.2f}"
                      f"{found['p99_ms']:9.2f}{found['per_second']:10.0f}{found['server_cpu_ms']:15.2f}", flush=True)
        ours.send("end")
        server.join(10)
    if given.json:
        given.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
