"""The camera box's metrics, and the small server that Prometheus reads them from."""

from __future__ import annotations

import http.server
import logging
import threading
from collections.abc import Callable, Mapping

from common.endpoints import is_loopback_host
from common.errors import ConfigError
from common.messages import Stats
from common.metrics import MEDIA, PROCESS, Described, Metric, Samples, declared, measure_process
from edge_agent.uplink import UplinkStatus

log = logging.getLogger("passage.metrics")

_CAMERA: dict[str, Described] = {
    "fps": ("passage_camera_frames_per_second", "gauge", "Frames that arrive."),
    "up": ("passage_camera_up_boolean", "gauge", "1 while the camera gives frames."),
    "people": ("passage_camera_people", "gauge", "Tracks in view."),
    "latency_s": ("passage_camera_latency_seconds", "gauge", "From a frame's capture to its tracklets."),
    "latency_worst_s": ("passage_camera_latency_worst_seconds", "gauge", "The same, of the slowest frame of the last "
                                                                          "half to whole minute."),
    "frames": ("passage_camera_frames_total", "counter", "Frames read since the start."),
    "dropped": ("passage_camera_dropped_frames_total", "counter", "Frames given up because newer ones came."),
    "reconnects": ("passage_camera_reconnects_total", "counter", "How often it was lost and came back."),
}
_SPOOL: dict[str, Described] = {
    "depth": ("passage_spool_messages", "gauge", "Messages that wait on the disk."),
    "bytes": ("passage_spool_bytes", "gauge", "Bytes of them."),
    "max_bytes": ("passage_spool_limit_bytes", "gauge", "Most that may wait."),
    "dropped_messages": ("passage_spool_dropped_total", "counter", "Messages dropped for want of room."),
}
_HOOK: dict[str, Described] = {
    "frames": ("passage_hook_frames_total", "counter", "Frames that the hook has seen."),
    "tracklets": ("passage_hook_tracklets_total", "counter", "Tracklets that the hook has seen."),
    "dropped": ("passage_hook_dropped_total", "counter", "Frames and tracklets it was too slow for."),
    "errors": ("passage_hook_errors_total", "counter", "Calls of it that raised."),
    "restarts": ("passage_hook_restarts_total", "counter", "How often its process was begun anew."),
}
METRICS = declared([
    *PROCESS,
    Metric(name="passage_uplink_connected_boolean", kind="gauge", help="1 while the aggregator is there."),
    Metric(name="passage_uplink_unacknowledged_messages", kind="gauge", help="Sent and not acknowledged yet."),
    Metric(name="passage_uplink_ack_age_seconds", kind="gauge", help="Since the latest acknowledgement."),
    Metric(name="passage_uplink_sent_total", kind="counter", help="Messages sent."),
    Metric(name="passage_uplink_resent_total", kind="counter", help="Of these, messages that were sent before."),
    Metric(name="passage_uplink_refused_total", kind="counter", help="Messages that the aggregator refused."),
    Metric(name="passage_stage_frames_per_second", kind="gauge", help="How many frames the stage alone could do.",
           labels=("stage",)),
    *(Metric(name=name, kind=kind, help=text, labels=("camera",)) for name, kind, text in _CAMERA.values()),
    *(Metric(name=name, kind=kind, help=text)
      for name, kind, text in (*_SPOOL.values(), *_HOOK.values())),
])


def measure(stats: Stats, uplink: UplinkStatus, stages: Mapping[str, float],
            hook: Mapping[str, float] | None = None) -> str:
    """The box's numbers as Prometheus reads them.

    Args:
        stats: the heartbeat's.
        uplink: how the connection is.
        stages: frames a second by stage.
        hook: the hook's figures, where there is one.
    """
    samples = Samples(METRICS)
    measure_process(samples)
    samples.add("passage_uplink_connected_boolean", float(uplink.connected))
    samples.add("passage_uplink_unacknowledged_messages", uplink.unacknowledged)
    samples.add("passage_uplink_ack_age_seconds", uplink.last_ack_age_s)
    samples.add("passage_uplink_sent_total", uplink.sent)
    samples.add("passage_uplink_resent_total", uplink.resent)
    samples.add("passage_uplink_refused_total", uplink.refused)
    for stage, fps in stages.items():
        samples.add("passage_stage_frames_per_second", fps, stage)
    for camera, numbers in stats.cameras.items():
        for key, (name, _, _) in _CAMERA.items():
            samples.add(name, numbers.get(key), camera)
    for key, (name, _, _) in _SPOOL.items():
        samples.add(name, stats.spool.get(key))
    for key, (name, _, _) in _HOOK.items() if hook else ():
        samples.add(name, (hook or {}).get(key))
    return samples.text()


class MetricsServer:
    """Answers GET /metrics, and /health with 200 while the box works. A thread of its own.

    Args:
        address: HOST:PORT; port 0 takes a free one. The numbers name cameras but nobody in them.
        read: gives the text; from the server's thread.
        allow_remote: whether other machines may reach it.

    Raises:
        ConfigError: the address is none, or taken, or others could reach it.
    """

    def __init__(self, address: str, read: Callable[[], str], allow_remote: bool = False) -> None:
        host, separator, port = address.rpartition(":")
        if not separator or not port.isdecimal():
            raise ConfigError(f"metrics_http {address}: is no HOST:PORT", "write it as 127.0.0.1:8602")
        if not (allow_remote or is_loopback_host(host.strip("[]"))):
            raise ConfigError(f"metrics_http {address}: whoever reaches that address could read this box's numbers",
                              "listen on 127.0.0.1 and let Prometheus reach it through ssh or a proxy; or set "
                              "'metrics_allow_remote: true' where nobody else is on the network")
        try:
            self._server = http.server.ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(read))
        except OSError as error:
            raise ConfigError(f"metrics_http {address}: {error.strerror}", "take another port") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2},
                                        name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join(timeout=2.0)
        self._server.server_close()


def _handler(read: Callable[[], str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5.0
        server_version, sys_version = "passage", ""

        def do_GET(self) -> None:
            """Answer."""
            if self.path not in ("/metrics", "/health"):
                self.send_error(404)
                return
            try:
                body = read().encode()
            except Exception:
                log.exception("the numbers could not be read")
                self.send_error(503)
                return
            if self.path == "/health":
                body = b"ok\n"
            self.send_response(200)
            self.send_header("Content-Type", MEDIA)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Not worth a line."""

    return Handler
