"""docs/reference/limits.md: what everything that could grow is bounded by. A test compares it with the code."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that could grow.

    Attributes:
        what: in words.
        bound: `agent:KEY` or `aggregator:KEY` of the settings; `MODULE:CONSTANT`; or words, without a colon.
        beyond: what happens at the bound.
        holds: queues, caches, pools and tables in the code that it speaks of, as `tests/docs/held.py` names them.
    """

    what: str
    bound: str
    beyond: str
    holds: tuple[str, ...] = ()


A, E = "aggregator", "edge_agent"
BOX = (
    Limit("frames that wait for the pipeline, each camera", "edge_agent.capture.lane:QUEUE",
          "live: the oldest is dropped and counted; file: it is read more slowly",
          (f"{E}.capture.lane.Lane._queue", f"{E}.capture.lane.Lane._arrivals")),
    Limit("boxes found in a picture", "agent:detector.max_detections", "the surest are kept"),
    Limit("entries that wait on the disk for the aggregator, MB", "agent:spool.max_mb",
          "the oldest are dropped, counted and told", ("table entries", "table lives", "table tally")),
    Limit("their age, hours", "agent:spool.max_age_h", "the same"),
    Limit("damaged spools that were set aside", "common.private_files:KEPT", "the oldest is deleted"),
    Limit("entries that a full disk keeps in memory", "edge_agent.holding:LIMIT", "the oldest are dropped, and it "
                                                                                  "says so"),
    Limit("bytes of them", "edge_agent.holding:LIMIT_BYTES", "the same"),
    Limit("bytes of one entry", "edge_agent.spool:MAX_BODY_BYTES", "it is left out, counted and told"),
    Limit("entries sent and not acknowledged", "512, `credit` of the uplink", "nothing more is sent until some are",
          (f"{E}.delivery.Delivery._flying",)),
    Limit("pictures for people to look at, each camera", "one, and those under way", "a newer one takes its place",
          (f"{E}.picture_box.PictureBox._flying",)),
    Limit("zones and lines that were drawn in the dashboard, each camera", "the latest, in one file",
          "a newer drawing takes its place"),
    Limit("tracklets that wait for the hook", "agent:hook.queue", "the oldest are dropped and counted",
          (f"{E}.hook.hook.Hook._tracklets",)),
    Limit("frames that wait for the hook, each camera", "one", "a newer one takes its place; counted"),
    Limit("cameras of a data set whose files were looked through", "4 data sets", "looked through again",
          (f"{E}.capture.dataset._planned",)),
    Limit("the catalog, messages about a device", "what the release ships with", "read once",
          ("models.catalog.catalog", "models.runtime._cuda_driver", "models.runtime._say_cpu")),
)
WIRE = (
    Limit("bytes of a message", "common.messages:MAX_MESSAGE_BYTES", "refused and counted; twice that ends the "
                                                                     "connection"),
    Limit("numbers of an embedding", "common.messages:MAX_DIMENSIONS", "refused"),
    Limit("cameras of an agent", "common.messages:MAX_CAMERAS", "refused"),
    Limit("zones, and lines, of a camera", "common.messages:MAX_PLACES", "refused"),
    Limit("numbers about a camera in a heartbeat", "common.messages:MAX_NUMBERS", "refused"),
    Limit("kinds of complaints that a log counts together", "common.bursts:MOST_KEYS", "the count begins anew"),
)
MIDDLE = (
    Limit("agents at one time", "10,000, `most_agents` of the register", "refused: too_many_agents"),
    Limit("cameras of a site", "aggregator.engine.site:MOST_CAMERAS", "refused: too_many_cameras"),
    Limit("networks that a site's embeddings come from", "aggregator.engine.site:MOST_NETWORKS",
          "refused: too_many_networks"),
    Limit("classes of what is seen, since the start", "aggregator.engine.site:MOST_LABELS", "refused: too_many_labels"),
    Limit("tracks in each camera, stays in zones, and alerts said, that rules follow", "aggregator.alerts.watch:MOST",
          "the oldest are forgotten"),
    Limit("messages that wait for the engine", "aggregator:engine.queue",
          "nothing is read from the network: agents wait, by credit and TCP",
          (f"{A}.serve.Server.messages", f"{A}.mailbox.Mailbox._runs")),
    Limit("MiB of them", "aggregator:engine.queue_mb", "the same"),
    Limit("messages that wait to be sent to agents", "aggregator.inbox:_MAX_OUTGOING", "dropped and counted",
          (f"{A}.inbox.Inbox._outgoing",)),
    Limit("messages of one transaction", "aggregator:engine.batch", "the rest comes in the next"),
    Limit("corrections that wait for the engine", "aggregator.engine.corrector:MOST", "503, ask again",
          (f"{A}.engine.corrector.Corrector._orders",)),
    Limit("other errands of the engine", "aggregator.engine.errands:MOST", "503, ask again",
          (f"{A}.engine.errands.Errands._waiting",)),
    Limit("what is shown of this moment", "20 links, ten seconds of rates, agents and cameras that are there",
          "the oldest goes", (f"{A}.engine.live.Live._rate", f"{A}.engine.live.Live._recent")),
    Limit("seconds for which new visits are compared with old ones", "aggregator:linking.time_to_live",
          "older ones leave memory, not the database"),
    Limit("visits that are learned from", "aggregator:linking.sample", "the latest are taken"),
    Limit("visits of which is known how much a search finds, each network", "aggregator.linking.recall:KEPT",
          "the latest are kept", ("aggregator.linking.recall.Trials._asked",)),
    Limit("visits that linking starts anew from, in samples", "aggregator.engine.engine:LOOK_BACK",
          "the latest are read, and those that are still compared with"),
    Limit("visits that are solved anew together", "aggregator.linking.linker:WHOLE", "the latest are taken"),
    Limit("earlier visits that are among them in any case", "aggregator.linking.linker:FIXED", "the latest are taken"),
    Limit("the database, MiB, with everything in it", "aggregator:retention.max_mb",
          "the oldest visits go first, and events as old; sums when nothing else is left",
          tuple(f"table {name}" for name in (
              "agents", "arrivals", "cameras", "corrections", "crossings", "events", "exemplars", "faces", "facts",
              "hours", "hours_due", "identities", "linked", "log", "models", "moments", "paths", "places", "received",
              "stays", "visits"))),
    Limit("the audit log, MiB", "aggregator:retention.audit_mb", "the oldest entries go first, and it says so",
          ("table head", "table looks", "table pruned")),
    Limit("damaged databases that were set aside", "common.private_files:KEPT", "the oldest is deleted"),
    Limit("the index to search everybody in", "what the database holds, about 1 kB of memory a visit",
          "goes with the visits"),
    Limit("visits that wait for that index", "aggregator.engine.indexer:MOST", "the engine waits, and so do agents"),
    Limit("matrices that turn embeddings, one for each length", "8", "made again", (f"{A}.privacy.turn.Turn.matrix",)),
    Limit("statements that take many rows, as text", "aggregator.store.many:STATEMENTS", "written anew",
          (f"{A}.store.many._with",)),
    Limit("visits that go on, at hand for their next part", "aggregator.store.visit_writer:MOST", "read again"),
    Limit("room that the disk must have at the start, MiB", "aggregator:store.min_free_mb", "it does not start, and "
                                                                                            "says so"),
    Limit("a database that is checked at the start, MiB", "aggregator:store.check_mb", "it is checked once damage was "
                                                                                       "met"),
)
HTTP = (
    Limit("bytes of a request", "aggregator:api.max_upload_bytes", "413"),
    Limit("pixels of a picture to search with", "aggregator:api.max_picture_pixels", "400"),
    Limit("questions answered at one time", "aggregator:api.readers", "the others wait",
          (f"{A}.api.readers.Readers._pool",)),
    Limit("WebSocket connections", "aggregator:api.max_sockets", "503"),
    Limit("messages that wait for a slow WebSocket reader", "aggregator:api.socket_queue",
          "the oldest are dropped; it is told how many", (f"{A}.api.streams.Reader._queue",)),
    Limit("messages on their way to all readers", "aggregator.api.streams:MOST_PENDING", "the oldest are dropped, the "
                                                                                         "same",
          (f"{A}.api.streams.Streams._pending",)),
    Limit("viewers of live pictures", "aggregator:api.max_viewers", "503"),
    Limit("wrong tokens of an address in a minute", "aggregator:api.failures_per_minute", "429 for a minute"),
    Limit("addresses of which failures are remembered", "aggregator.api.limiter:MOST_ADDRESSES", "the oldest is "
                                                                                                 "forgotten",
          (f"{A}.api.limiter.Limiter._failures",)),
    Limit("browsers that are logged in", "aggregator.api.sessions:MOST", "the oldest has to log in again",
          (f"{A}.api.sessions.Sessions._open",)),
    Limit("looks that are not written down twice", "aggregator.api.guard:MOST_LOOKS", "written down again",
          (f"{A}.api.guard.Guard._lately",)),
    Limit("looks that wait to be written down", "requests under way, each waits for its own", "they wait",
          (f"{A}.audit.log.AuditLog._waiting",)),
    Limit("zones that an MQTT broker is told of", "aggregator.sinks.mqtt:MOST_ZONES", "new ones are not"),
    Limit("alerts that wait for a webhook", "aggregator:alerts.webhooks[].queue", "the oldest are dropped, and it "
                                                                                  "says so",
          (f"{A}.sinks.webhook.Webhook._waiting",)),
    Limit("the API's own description and the dashboard's files", "what the release ships with", "made once",
          (f"{A}.api.app.openapi_document", f"{A}.api.app.registry", f"{A}.api.registry._adapter",
           f"{A}.api.tables._columns", f"{A}.dashboard.files.files")),
    Limit("entries of a simulated agent that are not acknowledged", "aggregator.simulate.fleet:CREDIT", "it waits",
          (f"{A}.simulate.fleet.Box.waiting",)),
)
PARTS = {"A camera box": BOX, "The wire": WIRE, "The middle": MIDDLE, "HTTP": HTTP}


def default_of(bound: str) -> str:
    """What a bound is, if nobody sets it.

    Raises:
        LookupError: there is no such key or constant.
    """
    place, separator, name = bound.partition(":")
    if not separator or " " in place:
        return ""
    if place in ("agent", "aggregator"):
        from aggregator.settings import AggregatorSettings
        from edge_agent.settings import AgentSettings

        return str(_setting(AgentSettings if place == "agent" else AggregatorSettings, name))
    value = getattr(importlib.import_module(place), name, None)
    if value is None:
        raise LookupError(bound)
    return str(value)


def _setting(kind: type[BaseModel], key: str) -> Any:
    from docs.build import _model_in

    first, _, rest = key.partition(".")
    if first.removesuffix("[]") not in kind.model_fields:
        raise LookupError(key)
    field = kind.model_fields[first.removesuffix("[]")]
    inner = _model_in(field.annotation)
    return _setting(inner, rest) if rest and inner else field.default


def limits_page() -> str:
    """Everything that could grow, with its bound, its default and what happens there."""
    from docs.build import NOTE

    text = NOTE + ("# Limits\n\nEverything that could grow, what bounds it, and what happens then. `KEY` stands in "
                   "agent.yaml or aggregator.yaml, see [settings](settings.md); other bounds are fixed.\n")
    for part, rows in PARTS.items():
        text += f"\n## {part}\n\n| what | bound | default | beyond it |\n|---|---|--:|---|\n"
        for row in rows:
            place, separator, key = row.bound.partition(":")
            shown = f"`{key}`" if separator and place in ("agent", "aggregator") else (
                "fixed" if separator and " " not in place else row.bound)
            text += f"| {row.what} | {shown} | {default_of(row.bound)} | {row.beyond} |\n"
    return text
