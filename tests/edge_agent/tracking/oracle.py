"""The tracker as slow and plain as can be: one object a track, 8×8 matrices, loops; what `Tracker` is held against."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from common.detections import Detections
from edge_agent.tracking import TrackerSettings

Box = tuple[float, float, float, float]
Row = tuple[int, int, Box, int, bool, bool]


def iou(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def log_odds(p: float) -> float:
    p = min(max(p, 0.02), 0.98)
    return math.log(p / (1 - p))


@dataclass
class Seen:
    """A detection."""

    row: int
    box: Box
    confidence: float
    class_id: int

    @property
    def z(self) -> NDArray[np.float64]:
        left, top, right, bottom = self.box
        return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


@dataclass
class Track:
    """One object: state x = (cx, cy, w, h and their velocities), covariance P."""

    x: NDArray[np.float64]
    P: NDArray[np.float64]
    class_id: int
    votes: float
    evidence: float
    id: int = 0
    hits: int = 1
    missed: int = 0
    unseen: float = 0.0
    waiting: bool = True

    @classmethod
    def of(cls, seen: Seen) -> Track:
        area = max(seen.z[2] * seen.z[3], 1.0)
        spread = np.array([2.25, 2.25, 0.15, 0.15]) ** 2 * area
        P = np.zeros((8, 8))  # noqa: N806
        P[:4, :4], P[4:, 4:] = noise(area, seen.confidence), np.diag(spread)
        return cls(np.concatenate([seen.z, np.zeros(4)]), P, seen.class_id, seen.confidence, log_odds(seen.confidence))

    @property
    def box(self) -> Box:
        cx, cy, w, h = self.x[:4]
        return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)

    def predict(self, dt: float) -> None:
        F = np.eye(8)  # noqa: N806
        F[:4, 4:] = np.eye(4) * dt
        q = np.diag(np.array([0.18, 0.18, 0.06, 0.06]) ** 2) * max(self.x[2] * self.x[3], 1.0)
        Q = np.block([[q * dt**3 / 3, q * dt**2 / 2], [q * dt**2 / 2, q * dt]])  # noqa: N806
        self.x = F @ self.x
        self.x[2:4] = np.maximum(self.x[2:4], 1.0)
        self.P = F @ self.P @ F.T + Q
        self.unseen += dt

    def update(self, seen: Seen) -> None:
        H = np.eye(4, 8)  # noqa: N806
        R = noise(max(self.x[2] * self.x[3], 1.0), seen.confidence)  # noqa: N806
        K = self.P @ H.T @ np.linalg.inv(H @ self.P @ H.T + R)  # noqa: N806
        self.x = self.x + K @ (seen.z - H @ self.x)
        self.x[2:4] = np.maximum(self.x[2:4], 1.0)
        self.P = (np.eye(8) - K @ H) @ self.P
        self.votes += seen.confidence if seen.class_id == self.class_id else -seen.confidence
        if self.votes < 0:
            self.votes, self.class_id = -self.votes, seen.class_id
        self.evidence += log_odds(seen.confidence)
        self.hits += 1
        self.missed, self.unseen = 0, 0.0


def noise(area: float, confidence: float) -> NDArray[np.float64]:
    edge = math.sqrt(area) * (0.03 + 0.15 * (1 - confidence))
    return np.diag([edge**2 / 2, edge**2 / 2, edge**2 * 2, edge**2 * 2])


def best_pairs(tracks: list[Track], seen: list[Seen]) -> list[tuple[Track, Seen]]:
    """Those that overlap one another most."""
    table = {(i, j): iou(t.box, d.box) for i, t in enumerate(tracks) for j, d in enumerate(seen)}
    return [
        (tracks[i], seen[j])
        for (i, j), overlap in table.items()
        if overlap > 0.3
        and overlap == max(table[i, k] for k in range(len(seen)))
        and overlap == max(table[k, j] for k in range(len(tracks)))
    ]


def jolt(tracks: list[Track], seen: list[Seen]) -> NDArray[np.float64]:
    """The way from tracks to detections that most tracks agree on."""
    size = [math.sqrt(t.x[2] * t.x[3]) for t in tracks]
    ways = []
    for i, track in enumerate(tracks):
        for d in seen:
            way = d.z[:2] - track.x[:2]
            if max(abs(way)) < 1.5 * size[i] and abs(math.log(math.sqrt(d.z[2] * d.z[3]) / size[i])) < 0.3:
                ways.append((i, way))
    same = [[max(abs(a - b)) < 0.15 * statistics.median(size) for _, b in ways] for _, a in ways]
    votes = [len({i for (i, _), yes in zip(ways, row, strict=True) if yes}) for row in same]
    if not votes or max(votes) < max(4, 0.6 * min(len(tracks), len(seen))):
        return np.zeros(2)
    agreed = [way for (_, way), yes in zip(ways, same[votes.index(max(votes))], strict=True) if yes]
    return np.median(agreed, axis=0)


@dataclass
class OneCamera:
    """One camera's tracks."""

    settings: TrackerSettings
    tracks: list[Track] = field(default_factory=list)
    latest: float | None = None
    interval: float | None = None
    next_id: int = 1
    unrest: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0], [0.0, 0.0]])

    def step(self, time: float, detections: Detections) -> tuple[list[Row], list[int]]:
        """Rows (track, detection, box, class, started, re-entered) in order of detections, and what ended."""
        s = self.settings
        first = self.latest is None
        dt = 0.0 if self.latest is None else max(time - self.latest, 0.0)
        steady = self.interval is None or dt <= 3 * self.interval
        if not first and steady:
            self.interval = dt if self.interval is None else self.interval + 0.1 * (dt - self.interval)
        self.latest = time
        lowest = s.high_confidence if s.kind == "sort" else s.low_confidence
        seen = [
            Seen(i, tuple(map(float, box)), min(float(c), 1.0), int(k))
            for i, (box, c, k) in enumerate(
                zip(detections.xyxy, detections.confidence, detections.class_id, strict=True)
            )
            if float(c) >= lowest and box[2] > box[0] and box[3] > box[1]
        ]
        for track in self.tracks:
            track.predict(dt)
            track.waiting = track.unseen <= s.lost_seconds or (track.missed == 0 and steady)
        self._follow_camera(seen, dt)

        old = [track.id > 0 for track in self.tracks]
        pairs = self._match(seen)
        out, taken = [], {id(d) for _, d in pairs}
        matched = {id(t) for t, _ in pairs}
        predicted = {id(t): t.box for t in self.tracks}
        classes = {id(t): t.class_id for t in self.tracks}
        rows: list[tuple[Track, Seen, bool, bool]] = []
        for track, detection in pairs:
            back = track.id > 0 and track.missed > 0 and track.unseen >= s.re_entry_seconds
            track.update(detection)
            rows.append((track, detection, False, back))
        for track in self.tracks:
            if id(track) not in matched:
                track.missed += 1
        certain = math.log(s.confirm_confidence / (1 - s.confirm_confidence))
        for track in self.tracks:
            if (id(track) in matched and track.id == 0 and track.hits >= s.confirm_frames
                    and track.evidence >= certain * s.confirm_frames):
                track.id, self.next_id = self.next_id, self.next_id + 1
                rows = [(t, d, t is track or start, back) for t, d, start, back in rows]
        born = []
        for detection in seen:
            if id(detection) in taken or detection.confidence < s.high_confidence:
                continue
            if any(
                id(t) in matched and classes[id(t)] == detection.class_id
                and iou(predicted[id(t)], detection.box) > s.duplicate_overlap
                for t in self.tracks[: len(old)]
            ):
                continue
            track = Track.of(detection)
            born.append(track)
            if track.evidence >= certain and (first or s.confirm_frames == 1):
                track.id, self.next_id = self.next_id, self.next_id + 1
                rows.append((track, detection, True, False))
        lost = [t for t in self.tracks if t.missed > 0 and (t.unseen > s.lost_seconds or t.id == 0)]
        self.tracks = [t for t in self.tracks if not any(t is o for o in lost)] + born
        for track, detection, start, back in sorted(rows, key=lambda r: r[1].row):
            if track.id > 0:
                trust = detection.confidence**2
                box = tuple(trust * d + (1 - trust) * f for d, f in zip(detection.box, track.box, strict=True))
                out.append((track.id, detection.row, box, track.class_id, start, back))
        return out, [t.id for t in lost if t.id > 0]

    def _follow_camera(self, seen: list[Seen], dt: float) -> None:
        s = self.settings
        if not s.camera_motion:
            return
        tracks = [t for t in self.tracks if t.missed == 0 and (t.hits > 1 or t.id > 0)]
        sure = [d for d in seen if d.confidence >= s.high_confidence]
        could = min(len(tracks), len(sure))
        if could >= 4 and len(best_pairs(tracks, sure)) < 0.5 * could:
            way = jolt(tracks[:60], sure)
            for track in self.tracks:
                track.x[:2] += way
        errors = [d.z[:2] - t.x[:2] for t, d in best_pairs(tracks, sure)]
        if len(errors) < 4:
            return
        shift = [0.0, 0.0]
        for axis in (0, 1):
            values = [float(e[axis]) for e in errors]
            common = statistics.median(values)
            spread = statistics.median([abs(v - common) for v in values])
            chance = math.pi / 2 * (1.4826 * spread) ** 2 / len(values)
            pace = min(dt, 1.0)
            usual = self.unrest[axis]
            usual[0] += pace * (common**2 - usual[0])
            usual[1] += pace * (chance - usual[1])
            share = 1 - usual[1] / usual[0] if usual[0] > 0 else 0.0
            if share >= 0.5:
                shift[axis] = share * common
        for track in self.tracks:
            track.x[:2] += shift
            track.x[4:6] += 0.3 * np.array(shift) / max(dt, 1e-3)

    def _match(self, seen: list[Seen]) -> list[tuple[Track, Seen]]:
        s = self.settings
        high = [d for d in seen if d.confidence >= s.high_confidence]
        low = [d for d in seen if d.confidence < s.high_confidence]
        tracks = [t for t in self.tracks if t.waiting]
        if s.kind == "sort":
            return self._stage(tracks, high, s.match_similarity, fused=False)
        pairs = self._stage([t for t in tracks if t.id], high, s.match_similarity, fused=True)
        done = {id(t) for t, _ in pairs}
        pairs += self._stage([t for t in tracks if t.id and id(t) not in done], low, s.low_similarity, fused=False)
        gone = {id(d) for _, d in pairs}
        rest = [d for d in high if id(d) not in gone]
        return pairs + self._stage([t for t in tracks if not t.id], rest, s.new_similarity, fused=True)

    def _stage(self, tracks: list[Track], seen: list[Seen], least: float, *, fused: bool) -> list[tuple[Track, Seen]]:
        if not tracks or not seen:
            return []
        gain = np.zeros((len(tracks), len(seen)))
        for i, track in enumerate(tracks):
            for j, detection in enumerate(seen):
                overlap = iou(track.box, detection.box)
                if overlap < 0.1:
                    continue
                if track.class_id != detection.class_id:
                    overlap *= self.settings.class_mismatch
                gain[i, j] = max(overlap * (detection.confidence if fused else 1.0) - least, 0.0)
        chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
        return [(tracks[i], seen[j]) for i, j in chosen if gain[i, j] > 0]
