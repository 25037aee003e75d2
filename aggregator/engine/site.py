"""`Site`: which agent owns which camera, and which networks are in use. A cache of the store, loaded from it anew
whenever a write failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.linking.linker import Linker
from aggregator.linking.ways import SiteMap
from aggregator.store.reader import StoreReader
from aggregator.store.writer import StoreWriter
from common.errors import WireError
from common.messages import CameraInfo, Event, Hello, ModelInfo

MOST_CAMERAS = 10_000
MOST_NETWORKS = 1000
"""Each has a space of its own to search and link in."""
MOST_LABELS = 1000
"""Classes, such as person; only those of one class are compared."""


@dataclass(slots=True)
class Site:
    """See the module.

    Attributes:
        owners: agent by camera.
        dimensions: of embedding networks, by fingerprint.
        labels: classes that came since the start.
        claims: cameras that an agent announced while they were another's, by agent. Kept over failures.
        map: what linking had learned of ways and clocks at its last repair.
    """

    owners: dict[str, str] = field(default_factory=dict)
    dimensions: dict[str, int] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    claims: dict[str, dict[str, CameraInfo]] = field(default_factory=dict)
    map: SiteMap = field(default=SiteMap(ways=(), clocks=()))

    def load(self, reader: StoreReader) -> None:
        """As the store has it."""
        self.owners = {row.camera: row.agent for row in reader.cameras()}
        self.dimensions = {model.fingerprint: model.dimensions for model in reader.models()}

    def greet(self, agent: str, hello: Hello, store: StoreWriter, now: float,
              is_there: Callable[[str, float], bool]) -> list[WireError]:
        """Write down what an agent says about itself.

        Returns:
            `camera_taken` for each camera that another living agent owns; the other cameras are taken note of, unless
            the site has too many.
        """
        store.agent_seen(agent, now, software=hello.software, run=hello.run)
        taken: dict[str, CameraInfo] = {}
        errors: list[WireError] = []
        for info in hello.cameras:
            owner = self.owners.get(info.camera)
            if owner is None and len(self.owners) >= MOST_CAMERAS:
                errors.append(_too_many("cameras", MOST_CAMERAS))
                break
            if owner not in (None, agent) and is_there(str(owner), now):
                taken[info.camera] = info
                continue
            store.camera_known(agent, info, now)
            self.owners[info.camera] = agent
        for model in hello.models:
            if model.fingerprint not in self.dimensions and len(self.dimensions) >= MOST_NETWORKS:
                errors.append(_too_many("networks", MOST_NETWORKS))
                break
            store.model_known(model)
            self.dimensions[model.fingerprint] = model.dimensions
        self.claims[agent] = taken
        return [self._taken(camera) for camera in taken] + errors

    def admit(self, agent: str, camera: str, store: StoreWriter, now: float,
              is_there: Callable[[str, float], bool]) -> None:
        """May `agent` speak for `camera`? What it has in its spool of a camera that has moved since is welcome.

        Raises:
            WireError: `camera_taken`: it claims the camera for itself while it is another's; `too_many_cameras`.
        """
        owner = self.owners.get(camera)
        claim = self.claims.get(agent, {}).get(camera)
        if owner is None:
            if len(self.owners) >= MOST_CAMERAS:
                raise _too_many("cameras", MOST_CAMERAS)
            self.owners[camera] = agent
        elif owner != agent and claim is not None:
            if is_there(owner, now):
                raise self._taken(camera)
            store.camera_known(agent, claim, now)
            self.owners[camera] = agent

    def know_model(self, task: str, model: str, length: int, store: StoreWriter) -> None:
        """A network that nobody announced (the agent greeted another aggregator): its first embedding, of `length`
        numbers, tells.

        Raises:
            WireError: `too_many_networks`.
        """
        if length and model not in self.dimensions:
            if len(self.dimensions) >= MOST_NETWORKS:
                raise _too_many("networks", MOST_NETWORKS)
            self.dimensions[model] = length
            store.model_known(ModelInfo(task=task, name="", fingerprint=model, dimensions=length))

    def know_label(self, label: str) -> None:
        """A class of things.

        Raises:
            WireError: `too_many_labels`.
        """
        if label not in self.labels and len(self.labels) >= MOST_LABELS:
            raise _too_many("labels", MOST_LABELS)
        self.labels.add(label)

    def _taken(self, camera: str) -> WireError:
        return WireError("camera_taken",
                         f"camera '{camera}' belongs to agent '{self.owners[camera]}', which is running",
                         "give each camera of the site a name of its own, or stop that agent first")


def _too_many(what: str, most: int) -> WireError:
    return WireError(f"too_many_{what}", f"this site knows {most} {what} already, and takes no more",
                     "an agent makes them up: look at what it runs, or take its key back")


def seen_of_cameras(linker: Linker, now: float) -> list[Event]:
    """What linking has found out about the cameras themselves, each once: `clock_jumped`, `camera_moved`."""
    return [Event(camera=camera, run="", kind=kind, time=now, data=dict(data))
            for kind, camera, data in linker.notices()]
