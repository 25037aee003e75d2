"""`Webhook`: alerts to an address, signed, retried, bounded. A thread of its own: a slow receiver delays nobody."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from typing import Any

import orjson

from aggregator.engine.bus import News
from aggregator.sinks.settings import WebhookSettings
from common.clock import Clock

log = logging.getLogger("sinks")

SIGNATURE, TIMESTAMP, DELIVERY = "X-Passage-Signature", "X-Passage-Timestamp", "X-Passage-Delivery"
# The receiver says that it will never take this one; trying again would only be noise.
_AGAIN = frozenset({408, 425, 429})


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `TIMESTAMP.BODY`, as `sha256=HEX`: a receiver that checks it and the time's age takes nothing
    forged and nothing replayed."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Alerts go where the settings say, nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Webhook:
    """One receiver.

    Args:
        settings: see there.
        secret: to sign with, None for unsigned.
        clock: UTC, for the signature's time.

    Attributes:
        delivered, dropped: how many so far.
    """

    def __init__(self, settings: WebhookSettings, secret: str | None, clock: Clock) -> None:
        self.delivered = self.dropped = 0
        self._settings, self._secret, self._clock = settings, secret, clock
        self._waiting: deque[tuple[float, str, bytes]] = deque()
        self._condition = threading.Condition()
        self._stopping = False
        self._number = 0
        self._run_id = f"{random.SystemRandom().getrandbits(48):012x}"
        self._opener = urllib.request.build_opener(_NoRedirect())
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Deliver what can be delivered at once, then end."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=timeout_s)
        if self._waiting:
            log.warning("%d alerts could not be delivered to %s any more", len(self._waiting), self._settings.url)

    def put(self, news: News) -> None:
        """Deliver an alert; returns at once."""
        if self._settings.rules and news["data"].get("rule") not in self._settings.rules:
            return
        with self._condition:
            self._number += 1
            if len(self._waiting) >= self._settings.queue:
                self._waiting.popleft()
                self.dropped += 1
                log.warning("webhook %s: %d alerts were dropped so far, its queue is full", self._settings.url,
                            self.dropped)
            self._waiting.append((time.monotonic(), f"{self._run_id}-{self._number}", orjson.dumps(dict(news))))
            self._condition.notify_all()

    def _run(self) -> None:
        wait = self._settings.retry_least_s
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopping or self._waiting)
                if not self._waiting:
                    return
                item = self._waiting[0]
            done, told = self._deliver(item[1], item[2])
            if not done and time.monotonic() - item[0] < self._settings.give_up_s:
                if self._stopping:
                    return
                log.warning("webhook %s: %s; next try in %.1f s", self._settings.url, told, wait)
                self._pause(wait * random.uniform(0.75, 1.25))
                wait = min(2 * wait, self._settings.retry_most_s)
                continue
            wait = self._settings.retry_least_s
            with self._condition:
                if self._waiting and self._waiting[0] is item:  # it may have been dropped meanwhile
                    self._waiting.popleft()
            if told:
                self.dropped += 1
                log.error("webhook %s: an alert was given up: %s", self._settings.url, told)
            else:
                self.delivered += 1

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._condition:
            while not self._stopping and (left := until - time.monotonic()) > 0:
                self._condition.wait(left)

    def _deliver(self, delivery: str, body: bytes) -> tuple[bool, str]:
        """Whether it is settled, and what went wrong."""
        stamp = f"{self._clock.now():.0f}"
        headers = {"Content-Type": "application/json", "User-Agent": "passage", DELIVERY: delivery, TIMESTAMP: stamp}
        if self._secret is not None:
            headers[SIGNATURE] = sign(self._secret, stamp, body)
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._settings.timeout_s) as answer:
                answer.read(1)
                return True, ""
        except urllib.error.HTTPError as error:
            with error:
                final = 300 <= error.code < 500 and error.code not in _AGAIN
                return final, f"it answered {error.code}"
        except Exception as error:  # a receiver may break in any way; the alert waits
            return False, str(getattr(error, "reason", error)) or type(error).__name__


