"""`aggregator rekey`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from aggregator.privacy.turn import Floats, Turn, new_key, read_key
from aggregator.store import StoreWriter, open_store
from common.errors import ConfigError, StoreError


def rekey(
    new: Annotated[Path | None, typer.Option(
        "--new", metavar="FILE", help="the key to turn embeddings by from now on; made when missing")] = None,
    old: Annotated[Path | None, typer.Option(
        "--old", metavar="FILE", help="the key by which they are turned now; none if they are as they came")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="back to embeddings as they came, without a key")] = False,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The aggregator's data folder.")] = Path(
        "passage-data"),
) -> None:
    """Turn every stored embedding by another key, while the aggregator is stopped.

    Cosines stay, so who is who does not change. It happens in one transaction: whatever interrupts it, the store is
    as before or as after. Then the file is written anew, so that nothing turned by the old key is left in it. Say
    'embedding_key: FILE' in aggregator.yaml, and keep the key apart from the data and its backups.

    Examples:

      aggregator rekey --new /etc/passage/embeddings.key

      aggregator rekey --old /etc/passage/embeddings.key --new /etc/passage/embeddings-2.key
    """
    if (new is None) == (not plain):
        raise ConfigError("which key from now on?", "give --new FILE, or --plain")
    before = None if old is None else read_key(old)
    with open_store(data) as store:
        check_key(store, before, "--old")
        after = None if new is None else read_key(new) if new.exists() else new_key(new)
        if (before.id if before else "") == (after.id if after else ""):
            raise ConfigError("that is the key that is used already", "give another file as --new")
        count = change_key(store, before, after)
    typer.echo(f"{count} embeddings are turned by " + (f"the key {after.id}" if after else "no key"))
    if new is not None:
        typer.echo(f"say 'embedding_key: {new}' in aggregator.yaml; the old key is of no more use")


def change_key(store: StoreWriter, before: Turn | None, after: Turn | None) -> int:
    """Turn every embedding back by one key and on by the other; how many.

    Raises:
        StoreError: nothing was changed; or everything was, and old bytes could not be cut off.
    """
    def change(rows: Floats, model: str) -> Floats:
        rows = rows if before is None else before.back(rows, model)
        return rows if after is None else after.rows(rows, model)

    with store.transaction():
        total = store.turned.count()
        done = sum(track(store.turned.turn(change), "turning", max(1, total // 500), transient=True))
        store.turned.use("" if after is None else after.id)
        store.eraser.owe_scrub()
    store.drop_copies()
    if not store.scrub():
        raise StoreError("every embedding is turned, but somebody reads the database, so its write-ahead log still "
                         "holds old ones", "end what reads it and start the aggregator once")
    return done


def check_key(store: StoreWriter, turn: Turn | None, where: str) -> None:
    """Whether the store's embeddings are turned by this key; an empty store takes it.

    Raises:
        ConfigError: they are turned by another key, or by none.
    """
    wanted, found = "" if turn is None else turn.id, store.turned.key()
    if wanted == found:
        return
    if store.turned.empty():
        with store.transaction():
            store.turned.use(wanted)
        return
    said = f"the key {found}" if found else "no key"
    raise ConfigError(f"the stored embeddings are turned by {said}, {where} is {wanted or 'no key'}",
                      "give the key that was used, or turn them: aggregator rekey --help")
