"""Serves a Motion-JPEG AVI as H.264 over RTSP on loopback, for tests. Run by the system's Python, which has GStreamer.

usage: rtsp_server.py FILE [PORT]

Prints the port once it listens. FILE is played once for everybody who connects, at its own pace.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( filesrc location={path} ! avidemux ! jpegdec ! videoconvert ! video/x-raw,format=I420"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
NEEDED = ("avidemux", "jpegdec", "videoconvert", "x264enc", "rtph264pay")


def main(path: str = "", port: str = "0") -> int:
    """Serve until killed; 3 when GStreamer lacks a part. Without a path, only look whether all parts are there."""
    Gst.init(None)
    missing = [name for name in NEEDED if Gst.ElementFactory.find(name) is None]
    if missing:
        print("GStreamer lacks", *missing, file=sys.stderr)
        return 3
    if not path:
        return 0
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(path=path))
    server.get_mount_points().add_factory("/camera", factory)
    if not server.attach(None):
        print("port", port, "is taken", file=sys.stderr)
        return 4
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
