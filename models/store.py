"""`ModelStore`: the weights on this machine, one folder a model."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

try:
    import fcntl
except ImportError:  # Windows: nobody waits for anybody
    fcntl = None  # type: ignore[assignment]  # a module has no other type to be None of

from common.errors import ModelError
from models import builtin
from models.catalog import TASKS, Entry, catalog, look_up
from models.graph_file import read_graph
from models.mirrors import MirrorError, copy_from_folder, fetch, sha256_of
from models.pixels import CONTRACTS, Pixels
from models.progress import Progress, Silent

_NOTE: Final = "model.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store notes of a model that is here.

    Attributes:
        name, task, licence: as in the catalog; a user's own file has `yours` as licence.
        file: the file to use, within the model's folder.
        size, sha256: of that file.
        source: where it came from.
        source_sha256: of the file that was downloaded or added, before export.
        pixels: input contract, a key of `models.pixels.CONTRACTS`, or None.
    """

    name: str
    task: str
    licence: str
    file: str
    size: int
    sha256: str
    source: str
    source_sha256: str
    pixels: str | None = None


class ModelStore:
    """Pulls, keeps and checks weights.

    Args:
        root: the store's folder; by default $PASSAGE_MODELS, or `passage/models` among the user's data.
    """

    def __init__(self, root: Path | None = None) -> None:
        chosen = os.environ.get("PASSAGE_MODELS")
        self.root = root or (Path(chosen) if chosen else Path(platformdirs.user_data_dir("passage")) / "models")

    def list(self) -> tuple[Stored, ...]:
        """What is here, by name."""
        notes = sorted(self.root.glob(f"*/{_NOTE}")) if self.root.is_dir() else []
        return tuple(self._read(note.parent.name) for note in notes)

    def stored(self, name: str) -> Stored | None:
        """What is noted of a model, or None when it is not here."""
        return self._read(name) if _NAME.fullmatch(name) and (self.root / name / _NOTE).is_file() else None

    def path(self, name: str, task: str | None = None) -> Path:
        """The file of a model, ready to use.

        Raises:
            ModelError: not here (the cure is the command that gets it), cut off, or for another task than `task`.
        """
        stored = self.stored(name)
        if stored is None:
            entry = look_up(name)
            raise ModelError(f"{name}: is not on this machine yet (looked in {self.root})", how_to_get(entry))
        if task and stored.task != task:
            raise ModelError(f"{name}: wrong kind: {TASKS.get(stored.task, stored.task)}, not {TASKS.get(task, task)}")
        path = self.root / name / stored.file
        size = path.stat().st_size if path.is_file() else -1
        if size != stored.size:
            state = "is gone" if size < 0 else f"is cut off or changed: {size} bytes, not {stored.size}"
            raise ModelError(f"{path}: {state}", self._again(name))
        return path

    def pixels(self, name: str) -> Pixels | None:
        """The input contract that a model is bound to, if any."""
        stored = self.stored(name)
        return CONTRACTS[stored.pixels] if stored and stored.pixels else None

    def verify(self, name: str) -> Stored:
        """Compare a model's file with its sum.

        Raises:
            ModelError: not here, cut off, or changed.
        """
        path = self.path(name)
        stored = self._read(name)
        found = sha256_of(path)
        if found != stored.sha256:
            raise ModelError(f"{path}: wrong sum: expected {stored.sha256}, got {found}", self._again(name))
        return stored

    def pull(self, name: str, progress: Progress | None = None, folder: Path | None = None) -> Stored:
        """Get a model of the catalog from the first mirror that has it; nothing to do when it is here and whole.

        Args:
            name: of the catalog.
            progress: is told.
            folder: looked into first; by default $PASSAGE_MODELS_FOLDER.

        Raises:
            ModelError: unknown name, or no mirror has it; names every mirror and its reason.
        """
        progress = progress or Silent()
        if name == builtin.NAME:
            raise ModelError(f"{name}: comes with the package, there is nothing to pull")
        entry = look_up(name)
        if whole := self._whole(name):
            return whole
        if folder is None and os.environ.get("PASSAGE_MODELS_FOLDER"):
            folder = Path(os.environ["PASSAGE_MODELS_FOLDER"])
        if not entry.sums or not (entry.mirrors or folder):
            raise ModelError(f"{name}: cannot be pulled by a program", how_to_get(entry))
        with self._alone(progress):
            if whole := self._whole(name):  # another process was faster
                return whole
            return self._pull(entry, folder, progress)

    def _whole(self, name: str) -> Stored | None:
        try:
            return self.verify(name) if self.stored(name) else None
        except ModelError:
            return None

    def _pull(self, entry: Entry, folder: Path | None, progress: Progress) -> Stored:
        reasons = []
        places: list[Any] = [*([folder] if folder else []), *entry.mirrors]
        with self._scratch() as scratch:
            download = scratch / entry.file
            for k, place in enumerate(places):
                work = scratch / f"mirror{k}"
                work.mkdir()
                try:
                    if isinstance(place, Path):
                        copy_from_folder(place, entry.file, download, progress)
                    else:
                        fetch(place, download, work, progress)
                    found = sha256_of(download)
                    if found not in entry.sums:
                        raise MirrorError(f"the file has the wrong sum: expected {entry.sums[0]}, got {found}")
                except MirrorError as error:
                    reasons.append(f"  {place}: {error}")
                    progress.stage(f"  not from there: {error}")
                    continue
                finally:
                    shutil.rmtree(work, ignore_errors=True)
                return self._install(entry, download, str(place), found, progress)
        raise ModelError(
            f"{entry.name}: no mirror has it\n" + "\n".join(reasons),
            f"get {entry.file} from {entry.upstream or entry.home} by other means, then: "
            f"edge-agent models add PATH --as {entry.name}",
        )

    def add(
        self,
        path: Path,
        as_: str,
        *,
        task: str | None = None,
        pixels: str | None = None,
        any_sum: bool = False,
        progress: Progress | None = None,
    ) -> Stored:
        """Take in a user's own file.

        Args:
            path: an ONNX file, or the file that the catalog names (such as a `.pt` that can be exported).
            as_: a name of the catalog, whose input contract then holds, or a name of one's own.
            task: `detect` or `embed`, for a name of one's own; found from the graph when None.
            pixels: input contract for a name of one's own.
            any_sum: take it though the catalog knows another sum.

        Raises:
            ModelError: no such file, no good name, wrong sum, no ONNX graph, or one of another task.
        """
        if not _NAME.fullmatch(as_) or as_ == builtin.NAME:
            raise ModelError(
                f"'{as_}' is no name for a model: letters, digits, '.', '_' and '-', and not '{builtin.NAME}'"
            )
        if pixels and pixels not in CONTRACTS:
            raise ModelError(f"'{pixels}' is no input contract", f"one of {', '.join(CONTRACTS)}")
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        found = sha256_of(path)
        entry = catalog().get(as_)
        if entry is None:
            entry = Entry(
                name=as_, task=_as_task(task), about="", licence="yours", file=f"{as_}.onnx", pixels=pixels, home=""
            )
        else:
            converted = entry.export and path.suffix == ".onnx"
            if entry.sums and found not in entry.sums and not any_sum and not converted:
                raise ModelError(
                    f"{path}: wrong sum for {as_}: expected {' or '.join(entry.sums)}, got {found}",
                    f"if you trust the file: edge-agent models add {path} --as {as_} --any-sum",
                )
            if converted:
                entry = entry.model_copy(update={"export": None, "file": entry.ready_file})
        progress = progress or Silent()
        with self._alone(progress), self._scratch() as scratch:
            copy = scratch / entry.file
            if entry.export:
                shutil.copyfile(path, copy)
            else:
                copy.write_bytes(read_graph(path))
            return self._install(entry, copy, str(path.resolve()), found, progress)

    def remove(self, name: str) -> None:
        """Delete a model from this machine.

        Raises:
            ModelError: it is not here.
        """
        self.path(name)
        shutil.rmtree(self.root / name)

    def _install(self, entry: Entry, download: Path, source: str, found: str, progress: Progress) -> Stored:
        """From a checked download to a folder of the store, in one step."""
        from models.load import check_graph  # it loads networks, and for that asks the store

        with self._scratch() as scratch:
            folder = scratch / entry.name
            folder.mkdir()
            ready = folder / entry.ready_file
            shutil.move(download, folder / download.name)
            if entry.export:
                from models.export.yolov8 import export_yolov8

                progress.stage(f"exporting {download.name} to ONNX")
                ready.write_bytes(export_yolov8(folder / download.name, licence=entry.licence))
            if entry.task in ("detect", "embed"):
                progress.stage(f"checking {ready.name}")
                check_graph(ready, entry.name, entry.task, entry.contract)
            stored = Stored(
                name=entry.name,
                task=entry.task,
                licence=entry.licence,
                file=ready.name,
                size=ready.stat().st_size,
                sha256=sha256_of(ready),
                source=source,
                source_sha256=found,
                pixels=entry.pixels,
            )
            (folder / _NOTE).write_text(json.dumps(asdict(stored), indent=1), "utf-8")
            target = self.root / entry.name
            if target.exists():
                target.replace(scratch / "old")
            folder.replace(target)
        progress.stage(f"{entry.name} is ready: {target / stored.file}")
        return stored

    def _read(self, name: str) -> Stored:
        note = self.root / name / _NOTE
        try:
            return Stored(**json.loads(note.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            cure = f"delete {note.parent} and pull or add it again"
            raise ModelError(f"{note}: cannot be read: {error}", cure) from error

    @contextmanager
    def _alone(self, progress: Progress) -> Iterator[None]:
        """One process at a time changes the store; the second one then finds what the first one got."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("w")
        except OSError as error:
            raise self._cannot_write(error) from error
        with lock:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    progress.stage(f"waiting: somebody else is changing {self.root}")
                    fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder on the store's own disk, so that a rename is all that is left to do."""
        try:
            with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> ModelError:
        return ModelError(
            f"{self.root}: cannot write there: {error.strerror or error}", "set PASSAGE_MODELS to another folder"
        )

    def _again(self, name: str) -> str:
        entry = catalog().get(name)
        return f"edge-agent models {f'pull {name}' if entry and entry.pullable else f'add PATH --as {name}'}"


def how_to_get(entry: Entry) -> str:
    """The command, or the steps, that bring a model of the catalog here."""
    if entry.pullable:
        return f"edge-agent models pull {entry.name}"
    steps = f"get it from {entry.upstream or entry.home}"
    if entry.convert:
        steps += f" ({entry.convert})"
    return f"{steps}, then: edge-agent models add PATH --as {entry.name}"


def _as_task(task: str | None) -> Any:
    if task not in ("detect", "embed"):
        raise ModelError(
            "a name of your own needs its task", "add --task detect or --task embed (names of the catalog know theirs)"
        )
    return task
