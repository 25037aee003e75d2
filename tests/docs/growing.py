"""What long-lived objects gather in plain dicts, lists and sets, and what bounds it: found in the code, said here.

Queues, caches and tables are in docs/limits.py, for users. This is for whoever adds one more: say what bounds it.
"""

from __future__ import annotations

import ast

from tests.docs.held import PACKAGES, ROOT

_SHORT_LIVED = ("_cli.py", "aggregator/simulate/", "aggregator/evaluate/", "aggregator/live/", "aggregator/doctor/",
                "aggregator/rerun", "aggregator/replay", "aggregator/query", "aggregator/store/queries",
                "edge_agent/outputs/", "edge_agent/doctor/", "edge_agent/capture/dataset", "edge_agent/capture/folder",
                "models/training/", "models/export/")
"""Programs that end, and what lives for one answer."""
_EMPTY = {"set", "dict", "list", "Counter", "defaultdict"}

BOUNDED = {
    "aggregator.alerts.watch.Watch _stays _tracks _seen _quiet_until": "watch.MOST",
    "aggregator.alerts.watch.Watch _time _run _alive _silent _crowds": "cameras of the site, times rules",
    "aggregator.api.embedders.Embedders _ready": "networks of this machine's model store",
    "aggregator.api.guard.Guard refused": "the codes of our own errors",
    "aggregator.api.guard.Guard _served": "tokens that are valid",
    "aggregator.api.guard.Guard _running": "requests under way",
    "aggregator.api.readers.Readers _opened": "api.readers, twice",
    "aggregator.api.registry.Registry routes": "the routes that there are",
    "aggregator.api.requests.Requests answered seconds": "operations, times statuses",
    "aggregator.api.streams.Streams _sockets _readers": "api.max_sockets",
    "aggregator.engine.forgetter.Forgetter counts": "kinds of data",
    "aggregator.engine.hours.Hours _seen _ready": "the table hours_due, read anew each time",
    "aggregator.engine.indexer.Indexer _visits _ends": "indexer.MOST",
    "aggregator.engine.indexer.Indexer _moved _dropped": "visits of a batch that is being indexed",
    "aggregator.engine.indexer.Indexer _faces": "networks of the site",
    "aggregator.engine.live.Live _heard _skew _spool": "agents: by keys, or whoever is on this machine",
    "aggregator.engine.live.Live _cameras": "the wire's cameras of an agent, those of the latest heartbeat",
    "aggregator.engine.live.Live _open": "visits of the last minute that go on",
    "aggregator.engine.live.Live _counts _refused": "our own words",
    "aggregator.engine.recorder.Recorder _waiting": "what is asked between two transactions; a failed one clears it",
    "aggregator.inbox.Inbox _refused": "the codes of our own errors",
    "aggregator.linking.constraints.Constraints identity _said _group _members _foes _look": "what people corrected",
    "aggregator.linking.faces.FaceRows _slot _models": "visits that linking compares with, networks",
    "aggregator.linking.gallery.Gallery row_of camera_of _leader": "visits of the store, cameras",
    "aggregator.linking.history.HistoryIndex _parts _trials _recall": "networks of the site",
    "aggregator.linking.linker.Linker merged": "identities of the store that were merged",
    "aggregator.linking.linker.Linker _cameras": "cameras of the site",
    "aggregator.linking.linker.Linker _partitions": "networks, times classes of the site",
    "aggregator.linking.linker.Linker _notices": "taken after each batch",
    "aggregator.linking.partition.Partition _steps touched": "one repair",
    "aggregator.linking.table.VisitTable row_of": "visits within linking.time_to_live",
    "aggregator.linking.together.Together _whose _mates": "visits within linking.time_to_live",
    "aggregator.linking.vectors.Vectors _chunks": "visits of the store",
    "aggregator.previews.Previews _wishes": "api.max_viewers",
    "aggregator.previews.Previews _agents _unwatched": "cameras of the site",
    "aggregator.register.Register _by_address _by_agent": "most_agents",
    "aggregator.register.Register _reminded": "connections of the last second",
    "aggregator.sinks.mqtt.Mqtt _zones": "mqtt.MOST_ZONES",
    "aggregator.sinks.mqtt.Mqtt _states": "rules, times places of the site",
    "aggregator.store.count_writer.CountWriter _touched": "one transaction",
    "aggregator.store.visit_writer.VisitWriter _known _by_number": "visit_writer.MOST",
    "aggregator.store.writer.StoreWriter _received": "one transaction",
    "aggregator.tokens.Tokens _by_digest": "tokens that the operator made",
    "common.bursts.Bursts _seen": "bursts.MOST_KEYS",
    "common.pictures.Viewer _taken _waiting": "one picture a camera",
    "common.pictures.Shown _new _viewers": "one picture a camera, viewers",
    "edge_agent.agent.Agent people _outputs": "cameras of the box",
    "edge_agent.capture.group.CaptureGroup _threads": "cameras of the box",
    "edge_agent.holding.Holding _held": "holding.LIMIT and LIMIT_BYTES",
    "edge_agent.hook.hook.Hook _frames _taken": "one frame a camera",
    "edge_agent.latency.Latency _latest _worst": "cameras of the box",
    "edge_agent.picture_box.PictureBox _waiting": "one picture a camera",
    "edge_agent.pipeline.Pipeline infos _builders _last": "cameras of the box",
    "edge_agent.preview.heads.Held _recent": "the last moments' frames",
    "edge_agent.preview.previewer.Previewer _sinks _wishes _taken _waiting _painters": "cameras of the box, and one "
                                                                                        "picture each",
    "edge_agent.preview.server.LocalPreview _watched": "cameras of the box",
    "edge_agent.tracking.appearance.Looks _of": "tracks that have not ended",
    "edge_agent.tracking.given.GivenTracks _open": "tracks that have not ended",
    "edge_agent.tracklets.TrackletBuilder _growing _counts _zones": "tracks that have not ended",
    "edge_agent.uplink.Uplink _owed": "starts of which entries wait in the spool",
    "edge_agent.visits.VisitRows _rows": "tracks that have not ended",
    "edge_agent.zones.drawn.DrawnPlaces _waiting": "cameras of the box",
    "edge_agent.zones.notes.Notes counts paths _labels _kept _due _gone": "tracks that have not ended",
    "models.detector.Detector _buffers": "sizes of batches",
}


def said() -> list[str]:
    """`module.Class.attribute` of all that is said above."""
    return [f"{place}.{name}" for line in BOUNDED for place, *names in [line.split()] for name in names]


def gathering() -> set[str]:
    """Attributes that begin as an empty dict, list or set, in what lives long."""
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            short = path.relative_to(ROOT).as_posix()
            if not any(part in short for part in _SHORT_LIVED):
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found |= _in(ast.parse(path.read_text(encoding="utf-8")), module)
    return found


def _in(tree: ast.AST, module: str) -> set[str]:
    found: set[str] = set()
    for kind in ast.walk(tree):
        if not isinstance(kind, ast.ClassDef):
            continue
        for node in ast.walk(kind):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_empty(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {f"{module}.{kind.name}.{target.attr}" for target in targets
                          if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"}
    return found


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        made = value.func.value if isinstance(value.func, ast.Subscript) else value.func
        return isinstance(made, ast.Name) and made.id in _EMPTY and not value.args and not value.keywords
    return (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
