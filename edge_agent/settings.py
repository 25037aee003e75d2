"""agent.yaml: everything a camera box is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from common.settings import Settings
from edge_agent.capture.settings import CameraSettings
from edge_agent.faces import FaceSettings
from edge_agent.hook import HookSettings
from edge_agent.tracking import TrackerSettings
from edge_agent.tracklets import TrackletSettings
from edge_agent.zones import CountingSettings
from models.detector import DetectorSettings
from models.runtime import Device


class ModelSettings(Settings):
    """Which networks run, and on what."""

    detector: str = Field("yolov8n", description="name from the catalog, or path of an ONNX file")
    embedder: str = Field("osnet_generated", description="name from the catalog, or path of an ONNX file")
    device: Device = Field("auto", description="auto takes a GPU when there is one; cpu, cuda and tensorrt demand it")
    threads: int = Field(0, ge=0, description="CPU threads a network may use; 0 lets the runtime choose")


class ReplaySettings(Settings):
    """How recorded files are played."""

    speed: float = Field(0.0, ge=0, description="1 plays files as fast as they were recorded, 0 as fast as possible")
    max_skew_s: float = Field(1.0, gt=0, description="seconds of video that one file may be ahead of another")


class StreamSettings(Settings):
    """How patient the box is with streams and webcams."""

    open_timeout_s: float = Field(10.0, gt=0, description="seconds a stream may take to connect")
    read_timeout_s: float = Field(5.0, gt=0, description="seconds of silence after which a stream is opened again")
    stall_s: float = Field(10.0, gt=0, description="seconds without a frame after which a camera counts as stalled")
    retry_first_s: float = Field(0.5, gt=0, description="seconds until a lost camera is tried again, at first")
    retry_longest_s: float = Field(30.0, gt=0, description="and at most, after many attempts")


class SpoolSettings(Settings):
    """What waits on disk while the aggregator is away."""

    max_mb: float = Field(512.0, gt=0, description="megabytes kept; beyond, the oldest are dropped, and it says so")
    max_age_h: float = Field(72.0, gt=0, description="hours kept")


class AgentSettings(Settings):
    """The whole of agent.yaml."""

    agent: str = Field("edge-1", min_length=1, max_length=60, pattern=r"^[\w.-]+$", description="name of this box")
    aggregator: str = Field("tcp://127.0.0.1:5599", description="where tracklets go")
    keys: Path | None = Field(None, description="this box's key file, made by `aggregator keys new NAME`; without it "
                                                "the aggregator must be on this machine")
    data: Path = Field(Path("edge-data"), description="folder of the spool")
    cameras: tuple[CameraSettings, ...] = Field(min_length=1, description="what this box looks at")
    models: ModelSettings = Field(ModelSettings(), description="networks")
    detector: DetectorSettings = Field(DetectorSettings(), description="what counts as found")
    tracker: TrackerSettings = Field(TrackerSettings(), description="how boxes become tracks")
    tracklets: TrackletSettings = Field(TrackletSettings(), description="what is said about a track")
    counting: CountingSettings = Field(CountingSettings(), description="how the cameras' zones and lines count")
    faces: FaceSettings = Field(FaceSettings(), description="how cameras with `faces: true` look for faces")
    replay: ReplaySettings = Field(ReplaySettings(), description="how recorded files are played")
    streams: StreamSettings = Field(StreamSettings(), description="patience with streams and webcams")
    spool: SpoolSettings = Field(SpoolSettings(), description="what waits while the aggregator is away")
    hook: HookSettings | None = Field(None, description="your own Python, called for frames and tracklets; see "
                                                        "docs/hook.md")
    preview_http: str | None = Field(
        None, description="HOST:PORT on loopback where a browser on this box shows its cameras, of those that allow "
                          "it; the log says where the token for it lies; not set: nowhere")
    metrics_http: str | None = Field(
        None, description="HOST:PORT where Prometheus reads this box's numbers at /metrics; they name cameras, and "
                          "nobody in them; not set: nowhere")
    metrics_allow_remote: bool = Field(
        False, description="let 'metrics_http' be an address that other machines reach: whoever gets there reads the "
                           "numbers, without a token and in the clear")
    log: Literal["debug", "info", "warning", "error"] = Field("info", description="least level of log lines")
    log_format: Literal["text", "json"] = Field("text", description="how log lines are written; json is for machines")

    @field_validator("cameras")
    @classmethod
    def _one_name_one_camera(cls, cameras: tuple[CameraSettings, ...]) -> tuple[CameraSettings, ...]:
        twice = [name for name, count in Counter(camera.id for camera in cameras).items() if count > 1]
        if twice:
            raise ValueError(f"two cameras are named '{twice[0]}'; every camera needs a name of its own")
        return cameras
