"""`WakeUp`: one thread rouses another that sleeps in a poll."""

from __future__ import annotations

import socket
import threading


class WakeUp:
    """A pair of sockets: `rouse` from any thread makes `fileno()` readable until `clear`."""

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._lock = threading.Lock()
        self._roused = False
        self._closed = False

    def fileno(self) -> int:
        """What to register with a poller for reading."""
        return self._ear.fileno()

    def rouse(self) -> None:
        """Wake the sleeper; many calls before it wakes cost one byte."""
        with self._lock:
            if not self._roused and not self._closed:
                self._roused = True
                self._mouth.send(b"!")

    def clear(self) -> None:
        """To be called by the sleeper before it looks for work, so that nothing that comes later is missed."""
        with self._lock:
            if self._roused and not self._closed:
                self._roused = False
                self._ear.recv(16)

    def close(self) -> None:
        """Release both sockets; later calls do nothing."""
        with self._lock:
            self._closed = True
            self._ear.close()
            self._mouth.close()
