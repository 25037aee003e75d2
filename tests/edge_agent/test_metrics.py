from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from common.errors import ConfigError
from common.messages import Stats
from edge_agent.metrics import METRICS, MetricsServer, measure
from edge_agent.uplink import UplinkStatus

STATUS = UplinkStatus(connected=True, problem="", last_ack_age_s=None, unacknowledged=3, sent=9, resent=1, refused=0)
STATS = Stats(clock=1.0, cameras={"hall": {"fps": 9.5, "up": 1.0, "frames": 40.0, "somethingelse": 1.0}},
              spool={"depth": 3.0, "bytes": 4000.0})


def test_a_box_says_how_it_is_doing():
    text = measure(STATS, STATUS, {"detect": 31.0})
    assert 'passage_camera_frames_per_second{camera="hall"} 9.5' in text
    assert "passage_spool_messages 3" in text
    assert 'passage_stage_frames_per_second{stage="detect"} 31' in text
    assert "ack_age" not in text, "there was none yet"
    assert {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")} <= set(METRICS)


def test_prometheus_reads_it_over_http():
    def read() -> str:
        return measure(STATS, STATUS, {})

    server = MetricsServer("127.0.0.1:0", read)
    server.start()
    try:
        base = f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
            assert b"passage_uplink_connected_boolean 1" in answer.read()
        with urllib.request.urlopen(f"{base}/health", timeout=5) as answer:
            assert answer.read() == b"ok\n"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{base}/etc/passwd", timeout=5)
        refused.value.close()
        with pytest.raises(ConfigError, match="in use"):
            MetricsServer(f"127.0.0.1:{server.port}", read)
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "[::]", "box.example"])
def test_other_machines_read_nothing_unless_somebody_says_that_they_may(host):
    with pytest.raises(ConfigError, match="whoever reaches") as refused:
        MetricsServer(f"{host}:0", lambda: "")
    assert "metrics_allow_remote" in refused.value.cure
    server = MetricsServer("0.0.0.0:0", lambda: "", allow_remote=True)
    server.stop()


def test_what_is_no_address_is_told():
    with pytest.raises(ConfigError, match="HOST:PORT"):
        MetricsServer("8602", lambda: "")
