"""`Watch`: what happens → alerts. Plain values in and out; it is told what time it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from aggregator.alerts.crowd import Crowd
from aggregator.alerts.rules import SILENT_S, Rule
from aggregator.visit import global_id
from common.messages import Event

KIND = "alert"
MOST = 20_000
"""Tracks in a camera, stays in zones, and alerts said, that are followed; of more the oldest are forgotten."""
State = Literal["alert", "raised", "cleared"]
Track = tuple[str, str, int]  # camera, run, track
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a rule says.

    Attributes:
        rule: its name.
        when: what kind of rule.
        state: `raised` and `cleared` for what lasts; otherwise `alert`.
        time: UTC seconds, of the camera's clock.
        camera: where.
        about: the zone, line or identity; empty for a whole camera.
        text: for people.
        run, track: whose track, -1 for none.
        data: numbers and names, ready for JSON.
    """

    rule: str
    when: str
    state: State
    time: float
    camera: str
    about: str
    text: str
    run: str = ""
    track: int = -1
    data: Mapping[str, Any] = field(default_factory=dict)

    def event(self) -> Event:
        """As it stands in the store and in the stream of events."""
        return Event(camera=self.camera, run=self.run or "aggregator", kind=KIND, time=self.time, track=self.track,
                     data={"rule": self.rule, "when": self.when, "state": self.state, "about": self.about,
                           "text": self.text, **self.data})


@dataclass(slots=True)
class _Stay:
    entered: float
    told: set[str] = field(default_factory=set)


class Watch:
    """Follows what the engine commits.

    Time is each camera's own: that of its latest event and what has passed since it came, so that a recording that is
    replayed, at whatever speed, causes the alerts that it would have caused live.

    Args:
        rules: in the order in which they speak.
        now: UTC seconds of the start: cameras are silent from then on until they are heard.
    """

    def __init__(self, rules: Sequence[Rule], now: float) -> None:
        self._rules = tuple(rules)
        self._began = now
        self._time: dict[str, tuple[float, float]] = {}
        self._stays: dict[tuple[Track, str], _Stay] = {}
        self._tracks: dict[str, dict[Track, None]] = {}
        self._run: dict[str, str] = {}  # by camera: that its latest track is of
        self._crowds: dict[tuple[str, str, str], Crowd] = {}  # rule, camera, zone
        self._watched = {rule.name: set(rule.watched) for rule in rules}
        self._seen: dict[tuple[str, int], None] = {}  # rule, visit
        self._alive: dict[str, float] = {}
        self._silent: set[tuple[str, str]] = set()  # rule, camera
        self._quiet_until: dict[tuple[str, str, str], float] = {}

    @property
    def idle(self) -> bool:
        """Nobody has asked to be told anything."""
        return not self._rules

    def restore(self, inside: Iterable[tuple[Track, str, float]], tracks: Iterable[Track], cameras: Iterable[str],
                alerts: Iterable[Event], merged: Mapping[int, int]) -> None:
        """What the store knows: who is in which zone since when, whose tracks go on, which cameras there are, what was
        said (oldest first), and who was merged into whom."""
        for track, zone, entered in inside:
            self._run[track[0]] = track[1]
            _hold(self._stays, (track, zone), _Stay(entered))
        for track in tracks:
            self._run[track[0]] = track[1]
            _hold(self._tracks.setdefault(track[0], {}), track, None)
        for camera in cameras:
            self._alive.setdefault(camera, self._began)
        for watched in self._watched.values():
            watched |= {merged[number] for number in watched & merged.keys()}
        for event in alerts:
            self._said(event)
        for rule in self._rules:
            if rule.when == "crowd":
                for camera, zone in self._places(rule):
                    crowd = self._crowds.setdefault((rule.name, camera, zone), Crowd())
                    crowd.number = self._number(camera, zone)

    def _places(self, rule: Rule) -> set[tuple[str, str]]:
        if rule.zone is None:
            return {(camera, "") for camera in self._tracks if rule.camera in (None, camera)}
        return {(track[0], zone) for track, zone in self._stays
                if zone == rule.zone and rule.camera in (None, track[0])}

    def _said(self, event: Event) -> None:
        data = event.data
        rule, about, state = str(data.get("rule")), str(data.get("about")), data.get("state")
        track = (event.camera, event.run, event.track)
        _hold(self._quiet_until, (rule, event.camera, about), event.time)
        if data.get("when") == "dwell" and (track, about) in self._stays:
            self._stays[track, about].told.add(rule)
        elif data.get("when") == "crowd":
            self._crowds.setdefault((rule, event.camera, about), Crowd()).raised = state == "raised"
        elif data.get("when") == "silent":
            (self._silent.add if state == "raised" else self._silent.discard)((rule, event.camera))
        elif data.get("when") == "identity" and isinstance(visit := data.get("visit"), int):
            _hold(self._seen, (rule, visit), None)

    def heard(self, camera: str, numbers: Mapping[str, float], now: float) -> None:
        """A heartbeat spoke of a camera; it is alive when frames arrive."""
        if numbers.get("fps", 0.0) > 0 and numbers.get("up", 1.0) > 0:
            self._alive[camera] = now
        else:
            self._alive.setdefault(camera, now)

    def take(self, events: Iterable[Event], now: float) -> list[Alert]:
        """What happened, in order; `now` UTC seconds."""
        alerts: list[Alert] = []
        for event in events:
            if event.kind == KIND:
                continue
            time = max(event.time, self._time.get(event.camera, (event.time, 0.0))[0])
            self._time[event.camera] = time, now
            self._alive.setdefault(event.camera, now)
            alerts += self._happened(event)
        return alerts

    def linked(self, visits: Iterable[tuple[int, Track, int]], merges: Iterable[tuple[int, int]], now: float,
               ) -> list[Alert]:
        """Visits that have a (new) identity, (visit, track, identity), after `merges` of (older, newer) numbers."""
        merges, alerts = list(merges), []
        for watched in self._watched.values():
            watched |= {into for into, other in merges if other in watched}
        for visit, track, identity in visits:
            for rule in self._rules:
                if rule.when == "identity" and identity in self._watched[rule.name] and (rule.name, visit) not in \
                        self._seen and rule.camera in (None, track[0]):
                    _hold(self._seen, (rule.name, visit), None)
                    alerts += self._say(rule, self.time(track[0], now), track, global_id(identity),
                                        f"{global_id(identity)} is in {track[0]}",
                                        {"visit": visit, "global_id": global_id(identity)})
        return alerts

    def time(self, camera: str, now: float) -> float:
        """What time it is in a camera's view."""
        latest, came = self._time.get(camera, (now, now))
        return latest + max(0.0, now - came)

    def tick(self, now: float) -> list[Alert]:
        """Time has passed."""
        alerts: list[Alert] = []
        for rule in self._rules:
            if rule.when == "dwell":
                for (track, zone), stay in self._stays.items():
                    alerts += self._dwelt(rule, track, zone, stay, self.time(track[0], now))
            elif rule.when == "crowd":
                for (name, camera, zone), crowd in self._crowds.items():
                    if name == rule.name:
                        alerts += self._crowd(rule, camera, zone, crowd, self.time(camera, now))
            elif rule.when == "silent":
                alerts += self._silence(rule, now)
        return alerts

    def _happened(self, event: Event) -> list[Alert]:
        track = (event.camera, event.run, event.track)
        zone = event.data.get("zone")
        alerts: list[Alert] = []
        if event.track >= 0 and self._run.setdefault(event.camera, event.run) != event.run:
            self._started_anew(event.camera, event.run)
        if event.kind == "zone_entered" and isinstance(zone, str):
            _hold(self._stays, (track, zone), _Stay(event.time))
        elif event.kind == "zone_left" and isinstance(zone, str):
            stay = self._stays.pop((track, zone), None)
            for rule in self._rules if stay else ():
                if stay and rule.when == "dwell":
                    alerts += self._dwelt(rule, track, zone, stay, event.time)
        elif event.kind == "track_started":
            _hold(self._tracks.setdefault(event.camera, {}), track, None)
        elif event.kind == "track_ended":
            self._tracks.get(event.camera, {}).pop(track, None)
            for key in [key for key in self._stays if key[0] == track]:
                del self._stays[key]  # it would have been told to leave; what tells so was lost
        for rule in self._rules:
            if rule.camera not in (None, event.camera):
                continue
            if rule.when == "zone" and event.kind == f"zone_{rule.on or 'entered'}" and zone == rule.zone:
                alerts += self._say(rule, event.time, track, str(zone), f"somebody {rule.on or 'entered'} "
                                    f"'{zone}' in {event.camera}", {"zone": zone})
            elif rule.when == "line" and event.kind == "line_crossed" and event.data.get("line") == rule.line \
                    and rule.direction in (None, event.data.get("direction")):
                alerts += self._say(rule, event.time, track, str(rule.line), f"somebody crossed '{rule.line}' in "
                                    f"{event.camera}: {event.data.get('direction')}",
                                    {"line": rule.line, "direction": event.data.get("direction")})
            elif rule.when == "crowd" and (
                    (rule.zone is None and event.kind in ("track_started", "track_ended"))
                    or (rule.zone is not None and (zone == rule.zone or event.kind == "track_ended"))):
                crowd = self._crowds.setdefault((rule.name, event.camera, rule.zone or ""), Crowd())
                alerts += self._crowd(rule, event.camera, rule.zone or "", crowd, event.time)
        return alerts

    def _started_anew(self, camera: str, run: str) -> None:
        """A camera's box was started again: of those whom it had in view before nobody will tell that they left."""
        self._run[camera] = run
        self._tracks.pop(camera, None)
        self._stays = {key: stay for key, stay in self._stays.items() if key[0][0] != camera or key[0][1] == run}

    def _number(self, camera: str, zone: str) -> int:
        if not zone:
            return len(self._tracks.get(camera, ()))
        return sum(track[0] == camera and name == zone for track, name in self._stays)

    def inside(self, camera: str, zone: str) -> int:
        """How many are in a zone."""
        return self._number(camera, zone)

    def _crowd(self, rule: Rule, camera: str, zone: str, crowd: Crowd, time: float) -> list[Alert]:
        where = f"'{zone}' in {camera}" if zone else camera
        alerts: list[Alert] = []
        for state, when, people in crowd.step(self._number(camera, zone), time, rule.people or 1, rule.seconds or 0.0):
            text = f"{people} people are in {where}" if state == "raised" else f"{where} is not crowded any more"
            alerts += self._say(rule, when, (camera, "", -1), zone, text, {"people": people}, state)
        return alerts

    def _dwelt(self, rule: Rule, track: Track, zone: str, stay: _Stay, time: float) -> list[Alert]:
        seconds = rule.seconds or 0.0
        if zone != rule.zone or rule.camera not in (None, track[0]) or rule.name in stay.told \
                or time - stay.entered < seconds:
            return []
        stay.told.add(rule.name)
        return self._say(rule, stay.entered + seconds, track, zone,
                         f"somebody is in '{zone}' in {track[0]} for {seconds:g} s", {"zone": zone, "dwell_s": seconds})

    def _silence(self, rule: Rule, now: float) -> list[Alert]:
        alerts: list[Alert] = []
        seconds = SILENT_S if rule.seconds is None else rule.seconds
        for camera, alive in self._alive.items():
            if rule.camera not in (None, camera):
                continue
            silent, key = now - alive >= seconds, (rule.name, camera)
            if silent and key not in self._silent:
                self._silent.add(key)
                alerts += self._say(rule, now, (camera, "", -1), "", f"{camera} gives no picture for {seconds:g} s", {},
                                    "raised")
            elif not silent and key in self._silent:
                self._silent.discard(key)
                alerts += self._say(rule, now, (camera, "", -1), "", f"{camera} gives pictures again", {}, "cleared")
        return alerts

    def _say(self, rule: Rule, time: float, track: Track, about: str, text: str, data: dict[str, Any],
             state: State = "alert") -> list[Alert]:
        key = rule.name, track[0], about
        # What was raised is cleared, however soon: somebody waits for it.
        if state != "cleared" and time < self._quiet_until.get(key, float("-inf")) + rule.cooldown_s \
                and rule.cooldown_s:
            return []
        if state != "cleared":
            _hold(self._quiet_until, key, time)
        return [Alert(rule=rule.name, when=rule.when, state=state, time=time, camera=track[0], about=about, text=text,
                      run=track[1], track=track[2], data=data)]


def _hold(held: dict[K, V], key: K, value: V) -> None:
    """Put it in; when there are too many, the oldest goes."""
    held[key] = value
    if len(held) > MOST:
        del held[next(iter(held))]
