"""What is let in: an upload's body → a tracklet or events that linking and the store can rely on."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aggregator.store.columns import to_json
from common.clock import to_rfc3339
from common.errors import WireError
from common.messages import Event, unpack_body
from common.tracklet import Tracklet

log = logging.getLogger("engine")

Content = Tracklet | list[Event]

# Rounding a unit vector to float16 changes its length by a thousandth at most; nothing near this is a rounding.
LENGTH_TOLERANCE = 0.05


def open_upload(body: bytes, dimensions: Mapping[str, int], latest: float) -> Content:
    """Unpack and check.

    Args:
        body: of the `Upload`.
        dimensions: of the embedding networks, by fingerprint, as agents announced them.
        latest: UTC seconds; nothing may have happened later.

    Raises:
        WireError: what `unpack_body` finds, `future_time`, `wrong_dimensions` or `bad_field`.
    """
    try:
        content = unpack_body(body)
        if isinstance(content, Tracklet):
            _check_tracklet(content, dimensions, latest)
        else:
            for event in content:
                _check_event(event, latest)
    except WireError:
        raise
    except Exception as error:  # a body that we failed to foresee: refused like the others, but we want to know
        log.exception("a body of %d bytes could not be read", len(body))
        raise WireError("bad_field", f"the body cannot be read ({type(error).__name__})") from error
    return content


def _check_tracklet(tracklet: Tracklet, dimensions: Mapping[str, int], latest: float) -> None:
    what = f"track {tracklet.track} of camera '{tracklet.camera}'"
    _check_times(np.array([tracklet.start, tracklet.end]), latest, what)
    _check_times(tracklet.path.times, latest, f"the path of {what}")
    _check_times(tracklet.embedding_times, latest, f"an embedding of {what}")
    length, face = len(tracklet.mean), tracklet.face
    check_dimensions(what, tracklet.model, length, dimensions)
    if face is not None:
        check_dimensions(what, face.model, len(face.mean), dimensions)
    if length and not tracklet.model:
        raise WireError("bad_field", f"{what}: field 'model': an embedding without the network that made it")
    for name, rows in (("mean", tracklet.mean[None, :length]), ("embeddings", tracklet.embeddings),
                       ("face", face.mean[None] if face else tracklet.embeddings[:0])):
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        if rows.size and not (np.abs(lengths - 1) <= LENGTH_TOLERANCE).all():
            raise WireError("bad_field", f"{what}: field '{name}': vectors of length "
                            f"{lengths.min():.3g} to {lengths.max():.3g}, expected 1")
    _check_json(tracklet.attributes, f"{what}: field 'attributes'")


def check_dimensions(what: str, model: str, length: int, dimensions: Mapping[str, int]) -> None:
    """Compare an embedding of `length` numbers (0 for none), of `what`, with what was announced of its network.

    Raises:
        WireError: `wrong_dimensions`.
    """
    announced = dimensions.get(model)
    if length and announced is not None and length != announced:
        raise WireError("wrong_dimensions", f"{what}: an embedding of {length} numbers, but model '{model}' was "
                        f"announced with {announced}",
                        "restart the agent; if it stays, install the same release on agent and aggregator")


def _check_event(event: Event, latest: float) -> None:
    _check_times(np.array([event.time]), latest, f"event '{event.kind}' of camera '{event.camera}'")
    _check_json(event.data, f"event '{event.kind}' of camera '{event.camera}': field 'data'")


def _check_times(times: NDArray[np.float64], latest: float, what: str) -> None:
    if not len(times):
        return
    if times.max() > latest:
        try:
            when = to_rfc3339(float(times.max()))
        except (OverflowError, ValueError, OSError):
            when = f"{times.max():.3g} s"
        raise WireError("future_time", f"{what}: happens in the future, at {when}",
                        "set the agent's clock (timedatectl), or its camera's offset")
    if times.min() < 0:
        raise WireError("bad_field", f"{what}: a time before 1970 ({times.min():.3g} s)")


def _check_json(value: object, what: str) -> None:
    try:
        to_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError("bad_field", f"{what}: cannot be kept as JSON ({error})") from error
