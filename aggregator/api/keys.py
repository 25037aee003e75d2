"""Where the application keeps what its handlers need."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from aggregator.api.embedders import Embedders
from aggregator.api.faces import FaceNetworks
from aggregator.api.guard import Guard
from aggregator.api.ports import Bus, Engine
from aggregator.api.readers import Readers
from aggregator.api.requests import Requests
from aggregator.api.settings import ApiSettings
from aggregator.api.streams import Streams
from aggregator.previews import Previews
from common.clock import Clock
from common.metrics import Samples
from common.places import Places

SETTINGS = web.AppKey("settings", ApiSettings)
GUARD = web.AppKey("guard", Guard)
READERS = web.AppKey("readers", Readers)
EMBEDDERS = web.AppKey("embedders", Embedders)
FACES = web.AppKey("faces", FaceNetworks)
REQUESTS = web.AppKey("requests", Requests)
MORE_METRICS: web.AppKey[Callable[[Samples], None]] = web.AppKey("more_metrics")
STREAMS = web.AppKey("streams", Streams)
DRAW: web.AppKey[Callable[[str, str, Places], None]] = web.AppKey("draw")
PREVIEWS = web.AppKey("previews", Previews)
ENGINE: web.AppKey[Engine] = web.AppKey("engine")
BUS: web.AppKey[Bus] = web.AppKey("bus")
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
