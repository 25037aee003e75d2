"""`edge-agent run`: wires cameras, pipeline, spool and uplink together, until the files end or it is told to stop."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import __version__
from common.clock import Clock
from common.keys import read_agent_keys
from common.messages import Assign, Drawn, Hello, ModelInfo, Preview, Refusal, Stats, pack_events, pack_tracklet
from edge_agent.build import build_pipeline, load_needed
from edge_agent.capture.dataset import every_camera
from edge_agent.capture.group import CaptureGroup
from edge_agent.holding import Holding
from edge_agent.hook.hook import Hook
from edge_agent.latency import Latency
from edge_agent.metrics import MetricsServer, measure
from edge_agent.outputs import RunOutputs
from edge_agent.pipeline import Pipeline, Result
from edge_agent.preview.faces import face_finder
from edge_agent.preview.previewer import Previewer
from edge_agent.preview.server import LocalPreview
from edge_agent.settings import AgentSettings
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink
from edge_agent.zones.drawn import DrawnPlaces
from models.faces import TASK
from models.store import ModelStore

log = logging.getLogger("passage.agent")

DRAIN_S = 20.0
STOP_S = 2.0
UPLINK = "uplink"
MOST_IDS = 10_000  # global ids remembered for each camera


class Agent:
    """One camera box, from capture to uplink.

    Args:
        settings: the whole of agent.yaml.
        clock: for times of capture and heartbeats.
        annotate: folder for an annotated video of every camera, or None.
    """

    def __init__(self, settings: AgentSettings, clock: Clock, annotate: Path | None = None) -> None:
        settings = settings.model_copy(update={"cameras": every_camera(settings.cameras)})
        self.settings, self.clock, self.annotate = settings, clock, annotate
        if settings.hook is not None:
            settings.hook.check()
        self.run_id = secrets.token_hex(4)
        self.spool = Spool(settings.data / "spool.db", max_bytes=int(settings.spool.max_mb * 1e6),
                           max_age_s=settings.spool.max_age_h * 3600)
        self.holding = Holding(self.spool)
        self.drawn = DrawnPlaces(settings.data / "places")
        self.capture = CaptureGroup(settings.cameras, clock=clock, speed=settings.replay.speed,
                                    max_skew_s=settings.replay.max_skew_s, **settings.streams.model_dump())
        self.uplink = Uplink(settings.aggregator, settings.agent, self._hello, self.spool, clock,
                             stats=self._stats, on_assign=self._assigned, on_preview=self._looked_at,
                             on_drawn=self._drawn,
                             on_refusal=self._refused,
                             keys=read_agent_keys(settings.keys) if settings.keys else None)
        self.pipeline: Pipeline = build_pipeline(
            settings.cameras, load_needed(settings.cameras, settings.models, settings.detector), settings.tracker,
            settings.tracklets, self.run_id, on_camera=lambda _: self.uplink.greet(), counting=settings.counting,
            faces=settings.faces,
            drawn=self.drawn.load([camera.id for camera in settings.cameras]) if settings.counting.drawn else None)
        self.pipeline.embedder.warm_up()
        self.previewer = Previewer({camera.id: camera.preview for camera in settings.cameras},
                                   lambda: self.pipeline.detector.names, lambda: face_finder(ModelStore()))
        self.previewer.add_sink(UPLINK, self.uplink.show)
        self.local_preview = LocalPreview(settings.preview_http, self.previewer) if settings.preview_http else None
        self.hook = Hook(settings.hook, lambda: self.pipeline.detector.names) if settings.hook else None
        self.metrics = MetricsServer(settings.metrics_http, self._measured,
                                     settings.metrics_allow_remote) if settings.metrics_http else None
        self.people: dict[str, int] = {}
        self.latency = Latency()  # of cameras that are live
        self._live = {camera.id for camera in settings.cameras if camera.address.kind in ("stream", "webcam")}
        self.global_ids: dict[str, dict[int, str]] = {camera.id: {} for camera in settings.cameras}
        self.refusals = 0
        self._outputs: dict[str, RunOutputs] = {}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks `run` to end soon; from any thread or signal handler."""
        self._stopping.set()

    def run(self, on_batch: Callable[[], None] | None = None) -> dict[str, Any]:
        """Works until the files have ended or `stop` is called; returns a summary.

        Whatever was seen is in the spool when this returns; what the aggregator has not acknowledged yet goes out
        at the next start.

        Raises:
            SourceError: not one of the cameras gave a picture.
            ModelError: a network does not run any more, such as on a GPU that was lost.
        """
        if self.pipeline.embedder.notice:
            log.warning("%s", self.pipeline.embedder.notice)
        self.uplink.start()
        if self.local_preview is not None:
            self.local_preview.start()
        if self.metrics is not None:
            self.metrics.start()
        self.previewer.start()
        if self.hook is not None:
            self.hook.start()
        self.capture.start()
        try:
            while not self._stopping.is_set() and not self.capture.finished:
                frames = self.capture.next_batch(timeout=0.25)
                self._draw_places()
                if frames:
                    self._keep(self.pipeline.step(frames))
                if on_batch:
                    on_batch()
        except BaseException:
            self._stopping.set()  # such as a lost GPU: whoever starts us again must not wait for an aggregator
            raise
        finally:
            self._end()
        if not self.pipeline.times.frames and not self._stopping.is_set():
            self.capture.raise_if_nothing_was_read(self.settings.cameras[0].id)
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """Counts of this run, for people and machines."""
        return {
            "agent": self.settings.agent,
            "frames": self.pipeline.times.frames,
            "crops": self.pipeline.times.crops,
            "stage_fps": {stage: round(fps, 1) for stage, fps in self.pipeline.times.fps().items()},
            "unsent": self.spool.depth,
            "refused": self.refusals,
            **({"hook": self.hook.figures()} if self.hook else {}),
            "cameras": {name: status.as_dict() for name, status in self.capture.status().items()},
            "models": {"detector": self.pipeline.detector.name, "embedder": self.pipeline.embedder.name},
        }

    def _keep(self, results: list[Result]) -> None:
        bodies = [pack_tracklet(part) for result in results for part in result.tracklets]
        bodies += [pack_events(result.events) for result in results if result.events]
        self.holding.keep(bodies)
        for result in results:
            camera = result.frame.camera
            self.people[camera] = len(result.tracked.track)
            if camera in self._live:
                self.latency.add(camera, self.clock.now() - result.frame.time, time.monotonic())
            if self.hook is not None:
                self.hook.offer_frame(result.frame, result.tracked, self.global_ids[camera])
                self.hook.offer_tracklets(result.tracklets)
            self.previewer.offer(result.frame, result.found, result.tracked, self.global_ids[camera])
            if self.annotate:
                self._draw(self.annotate, result)

    def _draw(self, folder: Path, result: Result) -> None:
        camera = result.frame.camera
        if camera not in self._outputs:
            height, width = result.frame.image.shape[:2]
            self._outputs[camera] = RunOutputs(folder / camera, camera, (width, height),
                                               self.capture.fps(camera), annotate=True)
        outputs = self._outputs[camera]
        outputs.frame(result.frame, result.tracked, self.pipeline.detector.names, self.global_ids[camera])
        outputs.events(result.events)

    def _end(self) -> None:
        self.capture.stop()
        self.previewer.stop()
        if self.local_preview is not None:
            self.local_preview.stop()
        if self.metrics is not None:
            self.metrics.stop()
        tracklets, events = self.pipeline.finish()
        bodies = [pack_tracklet(part) for part in tracklets]
        if events:
            bodies.append(pack_events(events))
        self.holding.keep(bodies)
        if self.hook is not None:
            self.hook.offer_tracklets(tracklets)
            self.hook.stop()
        self.uplink.drain(STOP_S if self._stopping.is_set() else DRAIN_S)
        self.uplink.stop()
        for outputs in self._outputs.values():
            outputs.close(self.summary())
        if self.spool.depth:
            log.warning("%d messages wait in %s; they go out at the next start", self.spool.depth, self.settings.data)
        self.spool.close()

    def _hello(self) -> Hello:
        pipeline = self.pipeline
        return Hello(
            agent=self.settings.agent, run=self.run_id, spool=self.spool.id, software=__version__,
            clock=self.clock.now(), cameras=tuple(pipeline.infos.values()),
            models=(*([ModelInfo(task="detection", name=pipeline.detector.name,
                                 fingerprint=pipeline.detector.fingerprint)] if pipeline.detector.fingerprint else []),
                    ModelInfo(task="embedding", name=pipeline.embedder.name,
                              fingerprint=pipeline.embedder.fingerprint, dimensions=pipeline.embedder.dimensions),
                    *([ModelInfo(task=TASK, name=faces.reader.name, fingerprint=faces.reader.fingerprint,
                                 dimensions=faces.reader.dimensions)] if (faces := pipeline.faces) else [])))

    def _stats(self) -> Stats:
        cameras = {name: status.numbers() | {"people": float(self.people.get(name, 0))}
                   for name, status in self.capture.status().items()}
        for name in cameras:
            cameras[name] |= self.latency.numbers(name)
        for name in self.previewer.allowed & cameras.keys():
            cameras[name]["preview"] = 1.0
        return Stats(clock=self.clock.now(), cameras=cameras, spool=self.spool.figures())

    def _measured(self) -> str:
        return measure(self._stats(), self.uplink.status(), self.pipeline.times.fps(),
                       self.hook.figures() if self.hook else {})

    def _assigned(self, assign: Assign) -> None:
        for camera, run, track, identity in assign.tracks:
            if run == self.run_id and camera in self.global_ids:
                ids = self.global_ids[camera]
                ids[track] = identity
                while len(ids) > MOST_IDS:  # of tracks long gone
                    del ids[next(iter(ids))]

    def _drawn(self, drawn: Drawn) -> None:
        if self.settings.counting.drawn and drawn.camera in self.global_ids:
            self.drawn.put(drawn.camera, (drawn.zones, drawn.lines))

    def _draw_places(self) -> None:
        for camera, places in self.drawn.take():
            events = self.pipeline.draw(camera, places)
            if events:
                self.holding.keep([pack_events(events)])

    def _looked_at(self, asked: Preview) -> None:
        self.previewer.ask(UPLINK, asked.camera, asked.on, asked.width, asked.fps)

    def _refused(self, refusal: Refusal) -> None:
        self.refusals += 1
        log.error("the aggregator refused %s: %s", f"message {refusal.seq}" if refusal.seq else refusal.code,
                  refusal.message)
