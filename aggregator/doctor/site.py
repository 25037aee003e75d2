"""What the aggregator's own numbers, asked twice a few seconds apart, say about agents, cameras and refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from common.findings import Finding

SKEW_S = 1.0
LEAST_FPS = 4.0
LATE_S = 2.0
GROWN = 50
"""Entries more in a spool than a few seconds ago, at least, that count as growing."""

CURES = {
    "key_unknown": ("a box whose key nobody let in", "aggregator keys new NAME, and carry NAME.key to the box"),
    "key_revoked": ("a box whose key was taken back", "stop that agent, or make it a new key: aggregator keys new "
                                                      "NAME"),
    "not_authorised": ("a box that is not expected", "add its name to 'agents' in aggregator.yaml"),
    "wrong_agent": ("a box with another box's key", "give each box its own key file and name"),
    "agent_taken": ("two boxes with one name", "give each box a name of its own: 'agent' in agent.yaml"),
    **{f"too_many_{what}": (f"a box that speaks of very many {what}",
                            "it makes them up: look at what it runs, or take its key back: aggregator keys revoke NAME")
       for what in ("cameras", "networks", "labels")},
    "camera_taken": ("two boxes with a camera of one name", "give each camera of the site a name of its own"),
    "wrong_version": ("a box of another release", "install the same release on boxes and aggregator"),
    "future_time": ("tracklets from the future", "set the clock of the box (timedatectl), or its cameras' "
                                                 "'clock.offset'"),
    "wrong_dimensions": ("embeddings of a wrong length", "restart the agent; install the same release everywhere"),
}


def examine_site(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Finding]:
    """All about a site.

    Args:
        before, after: two answers of /api/stats, some seconds apart.
    """
    yield from _engine(after["engine"])
    if not after["agents"]:
        yield Finding(what="agents", wrong=True, seen="no box has ever connected", expected="at least one",
                      cure="start one with `edge-agent run`; `edge-agent doctor` there says why it does not reach this")
    spools = {agent["agent"]: agent["spool"] for agent in before["agents"]}
    for agent in after["agents"]:
        yield from _agent(agent, spools.get(agent["agent"], {}))
    earlier = {camera["camera"]: camera["live"] or {} for camera in before["cameras"]}
    there = {agent["agent"] for agent in after["agents"] if agent["connected"]}
    for camera in after["cameras"]:
        if camera["agent"] in there:
            yield _camera(camera, earlier.get(camera["camera"], {}))
    yield from _refusals(after["engine"])


def _engine(engine: Mapping[str, Any]) -> Iterator[Finding]:
    if engine.get("problem"):
        yield Finding(what="storing", wrong=True, seen=f"nothing can be stored: {engine['problem']}",
                      expected="every batch on the disk", cure="see the aggregator's log; agents keep what they have")
    waiting, limit = engine.get("queue", 0), engine.get("queue_limit", 1)
    if waiting > limit / 2:
        yield Finding(what="load", wrong=True, seen=f"{waiting} messages wait, {limit} at most",
                      expected="less than half", cure="a faster disk or processor; agents are made to wait meanwhile")
    else:
        yield Finding(what="load", seen=f"{waiting} of at most {limit} messages wait, "
                                        f"{engine.get('messages_per_s', 0):.3g} a second")


def _agent(agent: Mapping[str, Any], spool: Mapping[str, float]) -> Iterator[Finding]:
    name, now = agent["agent"], agent["spool"]
    what = f"agent {name}"
    if not agent["connected"]:
        yield Finding(what=what, wrong=True, seen=f"silent since {agent['last_seen']}", expected="a heartbeat every 2 "
                                                                                                 "s",
                      cure="look at that box (systemctl status passage-edge-agent); `edge-agent doctor` there says "
                           "whether it reaches this")
        return
    yield Finding(what=what, seen=f"connected, release {agent['software'] or 'unknown'}")
    skew = agent["clock_skew_s"]
    if skew is not None and abs(skew) > SKEW_S:
        yield Finding(what=f"clock of {name}", wrong=True, seen=f"{skew:+.1f} s against this machine's",
                      expected=f"within {SKEW_S:g} s: who walks from its cameras to others seems too fast or too slow",
                      cure="timedatectl set-ntp true on both machines; or 'clock.offset' of its cameras")
    depth, grown = now.get("depth", 0.0), now.get("depth", 0.0) - spool.get("depth", 0.0)
    share = now.get("bytes", 0.0) / max(1.0, now.get("max_bytes", 0.0))
    lost = now.get("dropped_messages", 0.0)
    if grown > GROWN or share > 0.5:
        yield Finding(what=f"spool of {name}", wrong=True,
                      seen=f"{depth:.0f} entries wait, {100 * share:.0f} % of its limit, {grown:+.0f} while we looked",
                      expected="a spool that is nearly empty while both sides run",
                      cure="see 'load' and 'storing' here, and the network between: a few kB/s are not enough")
    if lost:
        yield Finding(what=f"lost by {name}", wrong=True, seen=f"{lost:.0f} entries given up since its spool was made",
                      expected="none", cure="raise 'spool.max_mb' or 'max_age_h' there, or keep the aggregator up")


def _camera(camera: Mapping[str, Any], before: Mapping[str, float]) -> Finding:
    what, live = f"camera {camera['camera']}", camera["live"] or {}
    fps = live.get("fps")
    stands = "frames" in live and "frames" in before and live["frames"] <= before["frames"]
    if live.get("up") == 0.0 or fps == 0.0 or (stands and live.get("up", 1.0) == 0.0):
        return Finding(what=what, wrong=True, seen=f"silent; lost and found {live.get('reconnects', 0):.0f} times so "
                                                   "far",
                       expected="pictures", cure=f"see that it is switched on and its address in {camera['agent']}'s "
                                                 "agent.yaml is right: `edge-agent doctor` there tries it")
    if fps is None:
        return Finding(what=what, seen="no heartbeat yet")
    if fps < LEAST_FPS:
        return Finding(what=what, wrong=True, seen=f"{fps:.3g} frames a second",
                       expected=f"at least {LEAST_FPS:g}: with fewer, people are lost from frame to frame",
                       cure=f"raise it in the camera, or see whether {camera['agent']} is too slow: `edge-agent "
                            "doctor`")
    late = live.get("latency_s", 0.0)
    if late > LATE_S:
        return Finding(what=what, wrong=True, seen=f"{late:.1f} s from picture to tracklet",
                       expected=f"less than {LATE_S:g} s", cure=f"{camera['agent']} is too slow for its cameras: a "
                                                                "smaller "
                                                               "network or 'detector.size', a GPU, fewer cameras")
    return Finding(what=what, seen=f"{fps:.3g} frames a second" + (f", {late:.1f} s behind" if late else ""))


def _refusals(engine: Mapping[str, Any]) -> Iterator[Finding]:
    refused = {**engine.get("refused", {})}
    for code, count in engine.get("wire", {}).get("refused", {}).items():
        refused[code] = refused.get(code, 0) + count
    for code in CURES.keys() & refused.keys():
        words, cure = CURES[code]
        yield Finding(what="refused", wrong=True, seen=f"{words}: {refused[code]} times since the start ({code})",
                      expected="none; the log says which", cure=cure)
