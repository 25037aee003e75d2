"""The faults: each is a function that disturbs a running site and returns when the fault is over."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults import scene
from tests.faults.flip import flip_bit
from tests.faults.proxy import Shuffler
from tests.faults.readers import stubborn_readers
from tests.faults.site import MIDDLE, Site

WRITES_OF_BOX, WRITES_OF_MIDDLE = 420, 560  # more than a round that nothing disturbs has


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of round.

    Attributes:
        says: what happens, for the report.
        run: makes it happen.
        weight: rounds of this kind among all, relatively.
        may_miss: entries that nobody acknowledged may be gone with the disk that held them.
        disk: whose files lie on a small file system.
        needs: `plug`, or nothing.
        writes: how many writes and syncs there are to die in, where it dies in one.
        plain: without CURVE, because the round reads messages on their way.
    """

    says: str
    run: Callable[[Site, random.Random], None]
    weight: int = 1
    may_miss: bool = False
    disk: str = ""
    needs: str = ""
    writes: int = 0
    plain: bool = False


def _begin(site: Site, rng: random.Random) -> None:
    site.start()
    site.sent(rng.uniform(0.05, 0.7))


def none(site: Site, rng: random.Random) -> None:
    _begin(site, rng)


def kill_box(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(scene.BOXES)
        site.kill(name)
        site.start(name)
        time.sleep(rng.uniform(0.0, 0.2))


def kill_middle(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    for _ in range(rng.randint(1, 3)):
        site.kill(MIDDLE)
        time.sleep(rng.choice([0.0, rng.uniform(0, 0.3)]))
        site.start(MIDDLE)
        time.sleep(rng.uniform(0.05, 0.4))


def kill_all(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    names = [*scene.BOXES, MIDDLE]
    rng.shuffle(names)
    for name in names:
        site.kill(name)
    for name in names:
        time.sleep(rng.uniform(0, 0.1))
        site.start(name)


def write_of_box(site: Site, rng: random.Random) -> None:
    name = rng.choice(scene.BOXES)
    site.kill_at[name] = site.at or rng.randint(1, WRITES_OF_BOX)
    site.start()
    site.sent(0.95)


def write_of_middle(site: Site, rng: random.Random) -> None:
    site.kill_at[MIDDLE] = site.at or rng.randint(1, WRITES_OF_MIDDLE)
    site.start()
    site.sent(0.95)


def cut(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    for _ in range(rng.randint(1, 5)):
        site.wire.accepting = rng.random() < 0.7
        site.wire.cut(hard=rng.random() < 0.7)
        time.sleep(rng.uniform(0, 0.15))
    site.wire.accepting = True


def slow(site: Site, rng: random.Random) -> None:
    site.wire.chunk, site.wire.delay_s = rng.choice([(64, 0.002), (512, 0.01), (4096, 0.05)])
    _begin(site, rng)
    time.sleep(rng.uniform(0.2, 0.6))
    site.wire.chunk, site.wire.delay_s = 65536, 0.0
    site.wire.cut()


def stalled(site: Site, rng: random.Random) -> None:
    """Nothing passes, and no connection breaks: then everything at once, or a break."""
    _begin(site, rng)
    site.wire.flowing.clear()
    time.sleep(rng.uniform(0.2, 1.0))
    if rng.random() < 0.5:
        site.wire.cut()
    site.wire.flowing.set()


def shuffled(site: Site, rng: random.Random) -> None:
    shuffler = Shuffler(site.target, rng.randrange(1 << 30), twice=rng.uniform(0, 0.3), late=rng.uniform(0, 0.3))
    site.on_exit.append(shuffler.close)
    for name, order in site.orders.items():
        site.orders[name] = replace(order, endpoint=shuffler.endpoint)
    site.start()
    site.sent(0.95)
    shuffler.on = False


def disk_full(who: str) -> Callable[[Site, random.Random], None]:
    def run(site: Site, rng: random.Random) -> None:
        _begin(site, rng)
        filler = site.disk[who] / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        time.sleep(rng.uniform(0.1, 0.8))
        if rng.random() < 0.3:
            site.kill(who)
            site.start(who)
            time.sleep(0.1)
        filler.unlink()
    return run


def flipped_spool(site: Site, rng: random.Random) -> None:
    name = rng.choice(scene.BOXES)
    site.start(*scene.BOXES)  # so that there is something in it
    site.sent(rng.uniform(0.2, 0.9))
    site.wait(lambda: site.state(name).sent > 0, "its spool holds something")
    if rng.random() < 0.5:
        site.start(MIDDLE)
        site.ready()
        time.sleep(rng.uniform(0, 0.2))
    site.kill(name)
    flip_bit(site.disk[name], rng, "spool.db", ("", "-wal"))
    site.start(name)


def flipped_database(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    site.stop(MIDDLE)  # which folds the log into the file
    flip_bit(site.disk[MIDDLE], rng, "passage.db", ("",))
    site.start(MIDDLE)


def clock_jumps(site: Site, rng: random.Random) -> None:
    _begin(site, rng)
    for _ in range(rng.randint(1, 2)):
        name = rng.choice([*scene.BOXES, MIDDLE])
        site.clocks[name].set(rng.choice([3600.0, -3600.0, 86400.0, -86400.0]))
        time.sleep(rng.uniform(0.05, 0.2))
        if rng.random() < 0.3:
            site.kill(name)
            site.start(name)
        if rng.random() < 0.5:
            site.clocks[name].set(0.0)


def spool_full(site: Site, rng: random.Random) -> None:
    for name, order in site.orders.items():
        site.orders[name] = replace(order, max_bytes=rng.randint(4_000, 20_000))
    site.start(*scene.BOXES)
    site.sent(rng.uniform(0.5, 0.95))
    site.start(MIDDLE)
    site.ready()


def twins(site: Site, rng: random.Random) -> None:
    """Two boxes of one name: the second gets in when the first is gone."""
    first, second = scene.BOXES
    site.orders[second] = replace(site.orders[second], box=first, plays=second, keys=site.orders[first].keys)
    _begin(site, rng)
    site.begin_last()
    site.wait(lambda: bool(site.state(first).finished or site.state(second).finished), "one of the two is done")
    done = first if site.state(first).finished else second
    assert not all(site.state(name).connected for name in (first, second)), "both are in"
    site.kill(done)
    site.retired.add(done)


def old_disk(site: Site, rng: random.Random) -> None:
    """A box's disk is put back to what it was a while ago."""
    name = rng.choice(scene.BOXES)
    _begin(site, rng)
    image = site.folder / "image"
    with site.frozen(name):
        shutil.copytree(site.disk[name], image)
    time.sleep(rng.uniform(0.05, 0.4))
    site.kill(name)
    shutil.rmtree(site.disk[name])
    shutil.copytree(image, site.disk[name])
    site.start(name)


def deaf_readers(site: Site, rng: random.Random) -> None:
    site.start()
    site.ready()
    before = _memory_mb(site)
    site.on_exit.append(stubborn_readers(site.api, rng.randint(2, 8)))
    site.sent(0.95)
    grown = _memory_mb(site) - before
    assert grown < 100, f"the aggregator grew by {grown:.0f} MB while readers did not read"


def _memory_mb(site: Site) -> float:
    text = Path(f"/proc/{site.running[MIDDLE].pid}/statm").read_text()
    return int(text.split()[1]) * 4096 / 1e6


FAULTS: dict[str, Fault] = {
    "none": Fault("nothing happens: what the others are compared with", none, 2),
    "kill-box": Fault("kill -9 of boxes at random moments", kill_box, 6),
    "kill-aggregator": Fault("kill -9 of the aggregator at random moments", kill_middle, 6),
    "kill-all": Fault("kill -9 of everything, started again in any order", kill_all, 3),
    "write-of-box": Fault("kill -9 in the middle of the n-th write or sync of a spool", write_of_box, 12,
                          needs="plug", writes=WRITES_OF_BOX),
    "write-of-aggregator": Fault("kill -9 in the middle of the n-th write or sync of the database", write_of_middle, 16,
                                 needs="plug", writes=WRITES_OF_MIDDLE),
    "cut": Fault("connections cut, and for a while refused", cut, 5),
    "slow": Fault("a wire of a few kB/s", slow, 3),
    "stalled": Fault("a wire on which nothing moves, without a break", stalled, 3),
    "shuffled": Fault("messages doubled, delayed and out of order, both ways", shuffled, 6, plain=True),
    "full-box": Fault("a box's disk is full for a while", disk_full("box-1"), 4, disk="box-1"),
    "full-aggregator": Fault("the aggregator's disk is full for a while", disk_full(MIDDLE), 4, disk=MIDDLE),
    "flipped-spool": Fault("one bit of a spool flips", flipped_spool, 6, may_miss=True),
    "flipped-database": Fault("one bit of the database flips", flipped_database, 6),
    "clock": Fault("a clock jumps by an hour or a day, forwards or back", clock_jumps, 5),
    "spool-full": Fault("spools at their limit while the aggregator is away", spool_full, 3, may_miss=True),
    "twins": Fault("two boxes with one name", twins, 3),
    "old-disk": Fault("a box restored from an old image of its disk", old_disk, 4, may_miss=True),
    "deaf-readers": Fault("readers of API and WebSocket that stop reading", deaf_readers, 3),
}
