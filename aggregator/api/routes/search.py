"""Find a person by a picture or by a visit."""

from __future__ import annotations

from typing import Literal

import numpy as np
from aiohttp import BodyPartReader, web
from numpy.typing import NDArray
from pydantic import Field

from aggregator.api import shapes, shaping
from aggregator.api.access import Audit, Role
from aggregator.api.embedders import TASK, decode_picture
from aggregator.api.errors import ApiError, bad_parameter, too_large
from aggregator.api.faces import TASK as FACE_TASK
from aggregator.api.keys import EMBEDDERS, ENGINE, FACES, READERS, SETTINGS
from aggregator.api.parameters import Between, VisitId
from aggregator.api.ports import History
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import the_camera
from aggregator.api.routes.visits import the_visit
from aggregator.store.reader import StoreReader
from common.clock import to_rfc3339
from common.messages import ModelInfo

MULTIPART = "multipart/form-data"
PICTURES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
TASKS = {"looks": TASK, "face": FACE_TASK}
_MOST_ASKED = 20_000

routes = Registry()


class SearchQuery(Between):
    """Where and when to look."""

    camera: tuple[str, ...] = Field(default=(), max_length=1000, description="only visits to these cameras")
    limit: int = Field(default=10, ge=1, le=200, description="how many at most")
    by: Literal["looks", "face"] = Field(
        default="looks", description="compare how people look as a whole, or their faces; faces are known from cameras "
                                     "that were told to look for them")
    each: Literal["identity", "visit"] = Field(
        default="identity", description="one answer for each identity, with its most alike visit, or for each visit")


class PictureQuery(SearchQuery):
    """How to read the picture."""

    embedder: str | None = Field(default=None, max_length=200, description=
                                 "name or fingerprint of the network to compare with; by default the one that the "
                                 "site's latest visits were embedded with")


class VisitQuery(SearchQuery):
    """Whom to look for."""

    visit: VisitId = Field(description="number of the visit that shows the person")


@routes.add("POST", "/api/search", tag="search", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=PictureQuery, answer=shapes.Search, takes=(*PICTURES, MULTIPART), errors=(404, 409))
async def search_by_picture(request: web.Request, query: PictureQuery) -> shapes.Search:
    """Find who looks like the person in a picture.

    Send a JPEG, PNG or WebP, cut around the person, as the body or as the part `picture` of a form. It is embedded
    with the network that the cameras use, compared, and forgotten. With `by=face` the picture need not be cut: the
    largest face in it counts.
    """
    data = await _picture(request)
    app = request.app

    def ask(reader: StoreReader) -> shapes.Search:
        picture = decode_picture(data, app[SETTINGS].max_picture_pixels)
        model = _choose_model(reader, query)
        if query.by == "face":
            return _answer(reader, app[ENGINE].history, model, None, app[FACES].embed(model, picture), query)
        vector, notice = app[EMBEDDERS].embed(model, picture)
        return _answer(reader, app[ENGINE].history, model, notice, vector, query)

    return await app[READERS].ask(ask)


@routes.add("GET", "/api/search", tag="search", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=VisitQuery, answer=shapes.Search, errors=(404, 409))
async def search_by_visit(request: web.Request, query: VisitQuery) -> shapes.Search:
    """Find who looks like the person of a visit.

    The visit itself is left out.
    """
    def ask(reader: StoreReader) -> shapes.Search:
        row = the_visit(reader, query.visit)
        fingerprint, vector = _of_visit(reader, row.visit, query.by)
        named = {model.fingerprint: model for model in reader.models()}
        model = named.get(fingerprint, ModelInfo(task=TASKS[query.by], name=fingerprint, fingerprint=fingerprint))
        return _answer(reader, request.app[ENGINE].history, model, None, vector, query, but=row.visit)

    return await request.app[READERS].ask(ask)


def _of_visit(reader: StoreReader, visit: int, by: str) -> tuple[str, NDArray[np.float32]]:
    """Network and embedding of a visit.

    Raises:
        ApiError: 409, it has none.
    """
    if by == "face":
        face = reader.face(visit)
        if face is not None:
            return face.model, face.mean
        raise ApiError(409, "no_face", f"no face was seen in visit {visit}", field="visit",
                       cure="take another visit of the same person, or search by=looks")
    looks = reader.looks(visit)
    if looks is not None and len(looks[1]):
        return looks
    raise ApiError(409, "no_embedding", f"visit {visit} has no embedding: nothing of it was good enough",
                   field="visit", cure="take another visit of the same person")


def _answer(reader: StoreReader, history: History, model: ModelInfo, notice: str | None,
            vector: NDArray[np.float32], query: SearchQuery, but: int = 0) -> shapes.Search:
    for camera in query.camera:
        the_camera(reader, camera)
    nearest = _nearest(history, model, vector, query, but)
    # One question for all: every one to the store gives Python's lock away, and may wait until it is had again.
    rows, results = reader.numbered([visit for visit, _ in nearest]), list[shapes.Found]()
    for visit, similarity in nearest:
        row = rows.get(visit)
        if row is not None:
            results.append({"global_id": shaping.name(row.identity), "visit": visit, "camera": row.camera,
                            "start": to_rfc3339(row.start), "end": to_rfc3339(row.end),
                            "similarity": round(similarity, 4)})
    return {"model": model.name, "fingerprint": model.fingerprint, "notice": notice, "results": results}


def _nearest(history: History, model: ModelInfo, vector: NDArray[np.float32], query: SearchQuery,
             but: int) -> list[tuple[int, float]]:
    """(visit, cosine), best first. One identity may fill many places, so more are asked for until there are enough."""
    asked = query.limit + (but > 0)
    while True:
        found = history.search(vector, model.fingerprint, asked, query.since, query.until, query.camera or None)
        best: dict[tuple[str, int], tuple[int, float]] = {}
        for visit, identity, similarity in found:
            one = ("identity", identity) if query.each == "identity" and identity else ("visit", visit)
            if visit != but:
                best.setdefault(one, (visit, similarity))
        if len(best) >= query.limit or len(found) < asked or asked >= _MOST_ASKED:
            return list(best.values())[:query.limit]
        asked *= 4


def _choose_model(reader: StoreReader, query: PictureQuery) -> ModelInfo:
    known = [model for model in reader.models() if model.task == TASKS[query.by]]
    if not known and query.by == "face":
        raise ApiError(409, "no_model", "no camera of this site looks for faces", field="by",
                       cure="`faces: true` in the agent.yaml of cameras that may, or search by=looks")
    if not known:
        raise ApiError(409, "no_model", "no agent has said yet which embedding network it uses",
                       cure="start an agent: `edge-agent run -c agent.yaml`")
    if query.embedder is not None:
        for model in known:
            if query.embedder in (model.name, model.fingerprint):
                return model
        names = ", ".join(f"'{model.name}'" for model in known)
        raise bad_parameter("embedder", f"no visit was embedded with '{query.embedder}'", f"this site uses {names}")
    if query.by == "face":
        return known[-1]
    latest = next((row.model for row in reader.visits(limit=100).rows if row.model), None)
    return next((model for model in known if model.fingerprint == latest), known[-1])


async def _picture(request: web.Request) -> bytes:
    """The picture's bytes: the body, or the part `picture` of a form.

    Raises:
        ApiError: 413, 415, or 400 when the form has no such part.
    """
    kind = request.content_type
    if kind == MULTIPART:
        return await _part(request)
    if kind not in PICTURES and not kind.startswith("image/"):
        raise ApiError(415, "unsupported_media", f"a body of type '{kind[:100]}' is not taken", field="Content-Type",
                       cure=f"send a picture as image/jpeg, image/png, image/webp or {MULTIPART}")
    return await request.read()


async def _part(request: web.Request) -> bytes:
    most = request.app[SETTINGS].max_upload_bytes
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "picture":
                data = bytearray()
                while chunk := await part.read_chunk(1 << 16):
                    data += chunk
                    if len(data) > most:
                        raise too_large(f"the picture is larger than {most} bytes")
                return bytes(data)
    except (ValueError, AssertionError) as error:  # aiohttp's words for a form that is none
        raise bad_parameter("body", f"the form cannot be read: {error}", "send it as curl -F picture=@FILE does",
                            code="bad_form") from error
    raise bad_parameter("picture", "the form has no part 'picture'", "send it as curl -F picture=@FILE does",
                        code="missing_parameter")
