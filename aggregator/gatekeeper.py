"""`Gatekeeper`: answers ZeroMQ's question whether a CURVE key may connect (ZAP, RFC 27)."""

from __future__ import annotations

import logging
import time
from collections import Counter

import zmq
from zmq.utils import z85

from common.bursts import Bursts
from common.keys import AuthorisedKeys

log = logging.getLogger("inbox")

ADDRESS = "inproc://zeromq.zap.01"
DOMAIN = "passage"


class Gatekeeper:
    """Lets authorised keys in; all others are refused, counted and logged.

    The key itself becomes the connection's `User-Id`: every message tells its key, and one taken back is seen at once.

    Args:
        context: the context whose sockets ask.
        authorised: who may come in.
        refused: counter to count refusals in, by reason.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], authorised: AuthorisedKeys, refused: Counter[str]
    ) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ADDRESS)
        self._authorised = authorised
        self._refused = refused
        self._bursts = Bursts()

    def answer(self) -> None:
        """Answer the questions that wait."""
        while True:
            try:
                question = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._authorised.refresh()
            self.socket.send_multipart(self._reply(question))

    def _reply(self, question: list[bytes]) -> list[bytes]:
        version, request, domain, address, _identity, mechanism, *credentials = [*question, *[b""] * 6][
            : max(len(question), 6)
        ]
        if version != b"1.0" or domain != DOMAIN.encode() or mechanism != b"CURVE" or len(credentials) != 1:
            return [b"1.0", request, b"400", b"CURVE only", b"", b""]
        key = z85.encode(credentials[0]).decode()
        if self._authorised.name_of(key) is not None:
            return [b"1.0", request, b"200", b"OK", key.encode(), b""]
        revoked = self._authorised.revoked_name_of(key)
        reason = "key_revoked" if revoked else "key_unknown"
        self._refused[reason] += 1
        if self._bursts.due((reason, key), time.monotonic()):
            whose = f"'s key of '{revoked}', which was taken back" if revoked else "'s key is not known"
            log.warning("refused a connection: %s%s (public key %s)", address.decode(errors="replace"), whose, key)
        return [b"1.0", request, b"400", b"key refused", b"", b""]
