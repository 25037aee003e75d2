"""`WakeUp`: one thread rouses another that sleeps in a poll."""

from __future__ import annotations

import socket
import threading


class WakeUp:
    """A pair of sockets: `rouse` from any thread makes `fileno()` readable until `clear`. Empty until `open`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._roused = False

    def open(self) -> None:
        """Make the sockets."""
        with self._lock:
            if self._pair is None:
                self._pair = socket.socketpair()
                for end in self._pair:
                    end.setblocking(False)
                if self._roused:
                    self._pair[1].send(b"!")

    def fileno(self) -> int:
        """What to register with a poller for reading.

        Raises:
            ValueError: it is not open.
        """
        if self._pair is None:
            raise ValueError("the wake-up is not open")
        return self._pair[0].fileno()

    def rouse(self) -> None:
        """Wake the sleeper; many calls before it wakes cost one byte. When it is closed, nothing happens."""
        with self._lock:
            if not self._roused:
                self._roused = True
                if self._pair is not None:
                    self._pair[1].send(b"!")

    def clear(self) -> None:
        """To be called by the sleeper before it looks for work, so that nothing that comes later is missed."""
        with self._lock:
            if self._roused and self._pair is not None:
                self._roused = False
                self._pair[0].recv(16)

    def close(self) -> None:
        """Release both sockets."""
        with self._lock:
            for end in self._pair or ():
                end.close()
            self._pair = None
