from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import SourceError
from edge_agent.capture.settings import CameraSettings
from edge_agent.capture.source import Source, open_source
from tests.support.videos import make_folder, make_video, number_in, numbered


def opened(source: str | Path, **more: object) -> Source:
    return open_source(CameraSettings.model_validate({"id": "c", "source": str(source)} | more), 5.0, 2.0)


def read(source: Source) -> tuple[list[int], list[float]]:
    """The numbers in all pictures that can be read, and their times."""
    numbers, times = [], []
    while (seconds := source.grab()) is not None:
        picture = source.picture()
        if picture is not None:
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            numbers.append(number_in(picture))
            times.append(seconds)
    source.close()
    return numbers, times


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "MJPG")])
def test_every_frame_of_a_video_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    source = opened(make_video(tmp_path / name, frames=20, fps=12.5, codec=codec))
    assert not source.live
    assert source.fps == pytest.approx(12.5)
    assert source.frames == 20
    numbers, times = read(source)
    assert numbers == list(range(20))
    assert times == pytest.approx([k / 12.5 for k in range(20)], abs=0.002)
    assert source.problem() is None


def test_a_stated_rate_wins_over_the_files(tmp_path: Path) -> None:
    source = opened(make_video(tmp_path / "a.avi", frames=5, fps=10), fps=2)
    assert source.fps == 2
    assert read(source)[1] == pytest.approx([0, 0.5, 1, 1.5, 2])


def test_a_header_with_a_rate_that_cannot_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make_video(tmp_path / "a.avi", frames=20, fps=10)
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8
    # AVI's stream header: dwScale and dwRate, 20 and 24 bytes in; their quotient is the frame rate.
    data[at + 20:at + 28] = (1).to_bytes(4, "little") + (90_000).to_bytes(4, "little")
    path.write_bytes(data)
    source = opened(path)
    assert source.fps == 25
    assert "90000" in caplog.text
    numbers, times = read(source)
    assert numbers == list(range(20))
    assert times == pytest.approx([k / 25 for k in range(20)])


def test_a_video_that_was_cut_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.avi", frames=60).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[:len(whole) // 2])
    source = opened(tmp_path / "cut.avi")
    numbers, _ = read(source)
    assert 20 <= len(numbers) < 40
    assert numbers[:20] == list(range(20))
    problem = source.problem()
    assert problem is not None
    assert f"promises 60 frames, {len(numbers)} could be read" in problem.message


def test_an_mp4_that_was_cut_has_lost_its_index(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=30, codec="mp4v").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:len(whole) * 9 // 10])
    with pytest.raises(SourceError, match="cut off: its index"):
        opened(tmp_path / "cut.mp4")


def test_a_path_that_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"street\.mp4 does not exist"):
        opened(tmp_path / "street.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError, match=r"empty\.mp4 is empty"):
        opened(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    with pytest.raises(SourceError, match=r"text\.mp4 holds no video stream"):
        opened(tmp_path / "text.mp4")
    (tmp_path / "broken.avi").write_bytes(b"RIFF" + bytes(500))
    with pytest.raises(SourceError, match="AVI file"):
        opened(tmp_path / "broken.avi")
    with pytest.raises(SourceError, match="is a folder") as error:
        opened(tmp_path)
    assert f"folder:{tmp_path}" in (error.value.cure or "")


def test_a_video_without_a_single_picture(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.avi", frames=10).read_bytes()
    (tmp_path / "head.avi").write_bytes(data[:data.index(b"movi") + 4])
    with pytest.raises(SourceError, match=r"no video stream|not one picture"):
        read(opened(tmp_path / "head.avi"))


def test_a_webcam_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="webcam:97 does not open"):
        opened("webcam:97")


def test_pictures_play_in_the_order_people_count(tmp_path: Path) -> None:
    source = opened(f"folder:{make_folder(tmp_path / 'img1', frames=12)}", fps=4)
    numbers, times = read(source)
    assert numbers == list(range(12))  # 10.png after 9.png
    assert times == pytest.approx([k / 4 for k in range(12)])
    assert source.problem() is None


def test_pictures_that_cannot_be_read_are_skipped_and_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "img1", frames=6)
    (folder / "2.png").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "4.png"), numbered(4, (80, 40)))
    (folder / "notes.txt").write_text("not looked at")
    source = opened(f"folder:{folder}", fps=10)
    numbers, times = read(source)
    assert numbers == [0, 1, 3, 5]
    assert times == pytest.approx([0, 0.1, 0.3, 0.5])  # who is skipped keeps the place in time
    problem = source.problem()
    assert problem is not None
    assert "2 of its 6 pictures" in problem.message
    assert "2.png" in problem.message
    assert "4.png (80×40 pixels)" in problem.message


def test_folders_with_nothing_in_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        opened(f"folder:{tmp_path / 'none'}")
    with pytest.raises(SourceError, match="no pictures"):
        opened(f"folder:{tmp_path}")
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="none of its 1 pictures"):
        read(opened(f"folder:{tmp_path}"))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/live.mjpg":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for k in range(40):
            picture = cv2.imencode(".jpg", numbered(k))[1].tobytes()
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture))
            self.wfile.write(picture + b"\r\n")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback for the files of `tmp_path`, and /live.mjpg."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_camera_that_speaks_http_is_live_and_its_end_is_a_loss(web: str) -> None:
    source = opened(f"{web}/live.mjpg")
    assert source.live
    numbers: list[int] = []

    def watch() -> None:
        while source.grab() is not None:
            picture = source.picture()
            assert picture is not None
            numbers.append(number_in(picture))

    with pytest.raises(SourceError, match="the stream ended"):
        watch()
    source.close()
    assert len(numbers) > 20
    assert numbers == sorted(numbers)


def test_a_file_over_http_is_a_file(web: str, tmp_path: Path) -> None:
    make_video(tmp_path / "a.mkv", frames=15, fps=10)
    source = opened(f"{web}/a.mkv")
    assert not source.live
    numbers, times = read(source)
    assert numbers == list(range(15))
    assert times[-1] == pytest.approx(1.4, abs=0.01)


def test_a_stream_that_is_not_there_names_it_without_its_password(web: str) -> None:
    address = web.replace("http://", "http://admin:hunter2@") + "/none.mjpg"
    with pytest.raises(SourceError, match=r"none\.mjpg: no video came") as error:
        opened(address)
    assert "hunter2" not in str(error.value)
