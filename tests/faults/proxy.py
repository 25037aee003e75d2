"""What lies between boxes and aggregator: a wire that can be cut, slowed and stopped, and one that shuffles."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

import zmq


class Wire:
    """A TCP proxy on loopback. Safe to use from several threads."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._open = True
        self.flowing = threading.Event()
        self.flowing.set()
        self.accepting = True
        self.delay_s = 0.0
        self.chunk = 65536
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def cut(self, hard: bool = True) -> None:
        """Break every connection; `hard` as a pulled plug that the system notices (RST)."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    if hard:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    end.close()

    def close(self) -> None:
        self._open = False
        self.flowing.set()
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while self._open:
            try:
                near, _ = self._server.accept()
                if not self.accepting:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target), timeout=1)
                far.settimeout(None)
            except OSError:
                with contextlib.suppress(OSError, UnboundLocalError):
                    near.close()
                if self._open:
                    time.sleep(0.005)
                continue
            with self._lock:
                self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(self.chunk):
                if self.delay_s:
                    time.sleep(self.delay_s)
                self.flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Shuffler:
    """A ZeroMQ proxy that sends messages twice, late and out of order, in both directions."""

    def __init__(self, target: str, seed: int, twice: float = 0.1, late: float = 0.1) -> None:
        self._random, self._twice, self._late = random.Random(seed), twice, late
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._front = self._context.socket(zmq.ROUTER)
        self._front.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self._front.bind_to_random_port('tcp://127.0.0.1')}"
        self._target = target
        self._open = self.on = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._open = False
        self._thread.join(5)
        self._context.term()

    def _run(self) -> None:
        backs: dict[bytes, zmq.Socket[bytes]] = {}
        try:
            self._forward(backs)
        finally:
            for socket_ in (self._front, *backs.values()):
                socket_.close()

    def _forward(self, backs: dict[bytes, zmq.Socket[bytes]]) -> None:
        held: list[tuple[float, zmq.Socket[bytes], list[bytes]]] = []
        poller = zmq.Poller()
        poller.register(self._front, zmq.POLLIN)
        while self._open:
            ready = dict(poller.poll(5))
            for source in ready:
                frames = source.recv_multipart()
                if source is self._front:
                    who, rest = frames[0], frames[1:]
                    if who not in backs:
                        backs[who] = self._context.socket(zmq.DEALER)
                        backs[who].linger = 0
                        backs[who].connect(self._target)
                        poller.register(backs[who], zmq.POLLIN)
                    self._pass(backs[who], rest, held)
                else:
                    who = next(name for name, back in backs.items() if back is source)
                    self._pass(self._front, [who, *frames], held)
            now = time.monotonic()
            for entry in [entry for entry in held if entry[0] <= now]:
                held.remove(entry)
                entry[1].send_multipart(entry[2])

    def _pass(self, sink: zmq.Socket[bytes], frames: list[bytes],
              held: list[tuple[float, zmq.Socket[bytes], list[bytes]]]) -> None:
        if self.on and self._random.random() < self._late:
            held.append((time.monotonic() + self._random.uniform(0, 0.06), sink, frames))
        else:
            sink.send_multipart(frames)
        if self.on and self._random.random() < self._twice:
            held.append((time.monotonic() + self._random.uniform(0, 0.3), sink, frames))
