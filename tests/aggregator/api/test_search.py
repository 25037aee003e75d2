from __future__ import annotations

import aiohttp
import cv2
import numpy as np
import pytest

from aggregator.api.settings import ApiSettings
from common.errors import ModelError


def picture(person: int, kind: str = ".png") -> bytes:
    """A picture that the toy network takes for that person."""
    return cv2.imencode(kind, np.full((64, 32, 3), person * 20, np.uint8))[1].tobytes()


PNG = {"Content-Type": "image/png"}


def test_search_by_visit_leaves_that_visit_out(site):
    answer = site.ask("/api/search?visit=4").json
    assert answer["model"] == "toy"
    best = answer["results"][0]
    assert (best["visit"], best["global_id"], best["camera"]) == (5, "G4", "left")  # visits 4 and 5 look the same
    assert best["similarity"] == pytest.approx(1.0, abs=1e-3)
    assert 4 not in [found["visit"] for found in answer["results"]]


def test_one_answer_for_each_identity_or_each_visit(site):
    one = site.ask("/api/search?visit=3&each=identity").json["results"]
    assert sorted(found["global_id"] for found in one) == ["G1", "G4"]
    each = site.ask("/api/search?visit=3&each=visit").json["results"]
    assert sorted(found["visit"] for found in each) == [1, 2, 4, 5]


def test_search_by_picture(site):
    answer = site.ask("/api/search", "POST", data=picture(2), headers=PNG).json
    assert answer["notice"] == "a toy"
    assert (answer["results"][0]["global_id"], answer["results"][0]["visit"]) == ("G2", 3)


def test_an_identity_with_many_alike_visits_leaves_room_for_the_others(site):
    found = site.ask("/api/search?limit=2", "POST", data=picture(1), headers=PNG).json["results"]
    assert found[0]["global_id"] == "G1"  # both of its visits are more alike than anybody else's
    assert len({row["global_id"] for row in found}) == 2


def test_search_by_picture_in_a_form(site):
    form = aiohttp.FormData()
    form.add_field("note", "first")
    form.add_field("picture", picture(1, ".jpg"), filename="person.jpg", content_type="image/jpeg")
    assert site.ask("/api/search", "POST", data=form).json["results"][0]["global_id"] == "G1"


def test_filters_of_time_camera_and_number(site):
    def visits(**params):
        return [found["visit"] for found in site.ask("/api/search", params={"visit": 1, **params}).json["results"]]

    assert visits(camera="right", each="visit") == [2, 4] or visits(camera="right", each="visit") == [4, 2]
    assert visits(since="2026-03-01T12:00:55Z", camera="left") == [5]
    assert len(visits(limit=1)) == 1


@pytest.mark.parametrize(("body", "code"), [
    (b"no picture", "no_picture"),
    (b"", "no_picture"),
    (picture(1)[:40], "no_picture"),
    (cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes(), "no_picture"),
    (b"\xff\xd8" + b"\xff" * 50, "no_picture"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "no_picture"),
])
def test_what_is_no_picture(site, body, code):
    answer = site.ask("/api/search", "POST", data=body, headers=PNG)
    assert answer.status == 400
    assert (answer.error["code"], answer.error["field"]) == (code, "body")


def test_a_picture_that_would_unpack_into_all_memory_is_never_unpacked(site, monkeypatch):
    bomb = bytearray(picture(1))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    answer = site.ask("/api/search", "POST", data=bytes(bomb), headers=PNG)
    assert answer.status == 413
    assert "60000 × 60000" in answer.error["message"]


@pytest.mark.parametrize("form", [False, True])
def test_a_body_that_is_too_large(site, form):
    site.settings = ApiSettings(max_upload_bytes=2048)
    data = aiohttp.FormData() if form else bytes(5000)
    if form:
        data.add_field("picture", bytes(5000), filename="x.png")
    answer = site.ask("/api/search", "POST", data=data, headers={} if form else PNG)
    assert answer.status == 413
    assert answer.error["code"] == "too_large"


def test_other_bodies(site):
    answer = site.ask("/api/search", "POST", data=b"{}", headers={"Content-Type": "application/json"})
    assert (answer.status, answer.error["field"]) == (415, "Content-Type")
    broken = site.ask("/api/search", "POST", data=b"xx", headers={"Content-Type": "multipart/form-data"})
    assert (broken.status, broken.error["code"]) == (400, "bad_form")
    form = aiohttp.FormData()
    form.add_field("photo", b"x", filename="x.png")
    assert site.ask("/api/search", "POST", data=form).error["field"] == "picture"


def test_the_network_is_not_on_this_machine(site):
    def load(name):
        raise ModelError(f"{name} is not here", f"edge-agent models pull {name}")

    site.load = load
    answer = site.ask("/api/search", "POST", data=picture(1), headers=PNG)
    assert answer.status == 503
    assert answer.error["code"] == "model_unavailable"
    assert answer.error["cure"] == "edge-agent models pull toy"


def test_the_network_here_is_another(site):
    class Other:
        fingerprint, notice = "f" * 16, None

    site.load = lambda name: Other()
    answer = site.ask("/api/search", "POST", data=picture(1), headers=PNG)
    assert answer.status == 409
    assert answer.error["code"] == "other_model"


def test_an_embedder_that_the_site_does_not_use(site):
    answer = site.ask("/api/search?embedder=osnet", "POST", data=picture(1), headers=PNG)
    assert (answer.status, answer.error["field"]) == (400, "embedder")
    assert answer.error["cure"] == "this site uses 'toy'"


def test_no_agent_has_said_what_it_uses(site, tmp_path):
    from aggregator.store import open_store

    open_store(tmp_path).close()
    site.data = tmp_path
    answer = site.ask("/api/search", "POST", data=picture(1), headers=PNG)
    assert (answer.status, answer.error["code"]) == (409, "no_model")


def faces(*people: int) -> bytes:
    """A picture in which the toy network finds the faces of those people, the later the larger."""
    image = np.zeros((64, 64, 3), np.uint8)
    for k, person in enumerate(people):
        image[10 * (k + 1)] = person * 20
    return cv2.imencode(".png", image)[1].tobytes()


def test_search_by_a_picture_of_a_face(site):
    answer = site.ask("/api/search?by=face", "POST", data=faces(2), headers=PNG).json
    assert answer["model"] == "toy faces"
    assert (answer["results"][0]["global_id"], answer["results"][0]["visit"]) == ("G2", 3)
    assert {row["camera"] for row in answer["results"]} == {"left"}, "the other camera does not look for faces"


def test_of_several_faces_the_largest_counts(site):
    answer = site.ask("/api/search?by=face&limit=1", "POST", data=faces(2, 1), headers=PNG).json
    assert answer["results"][0]["global_id"] == "G1"


def test_a_picture_without_a_face(site):
    answer = site.ask("/api/search?by=face", "POST", data=faces(), headers=PNG)
    assert (answer.status, answer.error["code"]) == (400, "no_face")


def test_search_by_the_face_of_a_visit(site):
    best = site.ask("/api/search?visit=1&by=face&each=visit").json["results"]
    assert [row["visit"] for row in best] != []
    assert 1 not in [row["visit"] for row in best]
    answer = site.ask("/api/search?visit=2&by=face")
    assert (answer.status, answer.error["code"]) == (409, "no_face")


def test_faces_of_another_network_are_not_compared(site):
    class Other:
        fingerprint = "0" * 16

    site.load_faces = Other
    answer = site.ask("/api/search?by=face", "POST", data=faces(1), headers=PNG)
    assert (answer.status, answer.error["code"]) == (409, "other_model")


def test_without_the_weights_a_face_search_says_how_to_get_them(site):
    def lacks():
        raise ModelError("yunet: is not on this machine yet", "edge-agent models pull yunet")

    site.load_faces = lacks
    answer = site.ask("/api/search?by=face", "POST", data=faces(1), headers=PNG)
    assert answer.status == 503
    assert "models pull yunet" in answer.error["cure"]
