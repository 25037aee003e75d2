"""Settings → a pipeline that is ready to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from common.messages import CameraInfo
from common.places import Places
from edge_agent.capture.mask import Mask
from edge_agent.capture.settings import CameraSettings
from edge_agent.faces import FaceSettings, Reader
from edge_agent.no_detector import NoDetector
from edge_agent.pipeline import Pipeline
from edge_agent.settings import ModelSettings
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings
from edge_agent.tracklets import TrackletSettings
from edge_agent.zones import CountingSettings
from models.detector import Detector, DetectorSettings
from models.embedder import Embedder
from models.faces import load_faces
from models.load import load_detector, load_embedder
from models.store import ModelStore


def load_models(models: ModelSettings, detector: DetectorSettings) -> tuple[Detector, Embedder]:
    """Both networks, opened and checked.

    Raises:
        ModelError: a file that is missing or broken, a graph of another kind, or a demanded GPU that is not there.
    """
    store = ModelStore()
    return (load_detector(models.detector, store=store, device=models.device, threads=models.threads,
                          settings=detector),
            load_embedder(models.embedder, store=store, device=models.device, threads=models.threads))


def load_needed(cameras: Sequence[CameraSettings], models: ModelSettings, detector: DetectorSettings
                ) -> tuple[Detector | NoDetector, Embedder]:
    """As `load_models`, without the detector where all cameras are data sets of people cut out."""
    if all(camera.address.dataset for camera in cameras):
        return NoDetector(), load_embedder(models.embedder, store=ModelStore(), device=models.device,
                                           threads=models.threads)
    return load_models(models, detector)


def build_pipeline(
    cameras: Sequence[CameraSettings], networks: tuple[Detector | NoDetector, Embedder], tracker: TrackerSettings,
    tracklets: TrackletSettings, run: str, on_camera: Callable[[CameraInfo], None] | None = None,
    counting: CountingSettings | None = None, drawn: Mapping[str, Places] | None = None,
    faces: FaceSettings | None = None, reader: Reader | None = None,
) -> Pipeline:
    """One pipeline for the cameras of a box; `run` names this start of the agent. What is `drawn` for a camera takes
    the place of its own zones and lines. `reader` reads faces, instead of what is loaded where a camera looks for some.

    Raises:
        ModelError: a camera looks for faces, and the networks for that are not on this machine.
    """
    names = [camera.id for camera in cameras]
    masks = {camera.id: Mask.load(camera.mask) for camera in cameras if camera.mask is not None}
    looking = [camera.id for camera in cameras if camera.faces]
    return Pipeline(names, *networks, Tracker(tracker, names, IdAllocator()), tracklets, run, masks, on_camera,
                    {camera.id: camera.read_places() for camera in cameras} | dict(drawn or {}), counting,
                    (looking, reader or load_faces(ModelStore()), faces or FaceSettings()) if looking else None)
