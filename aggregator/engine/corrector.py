"""`Corrector`: corrections that wait for the engine's thread, and how it carries them out."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from aggregator.corrections.asked import Asked, CorrectionError
from aggregator.corrections.plan import carry_out, changes, understand
from aggregator.linking.constraints import Said
from aggregator.linking.linker import Linker
from aggregator.store.reader import StoreReader
from aggregator.store.records import CorrectionRow
from aggregator.visit import Decision

MOST = 100
Order = tuple[Asked, "Future[CorrectionRow]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A correction that the linker keeps to, to be written down."""

    row: CorrectionRow
    decisions: list[Decision]


class Corrector:
    """A queue. Any thread asks, the engine's answers."""

    def __init__(self) -> None:
        self._orders: queue.Queue[Order] = queue.Queue(MOST)
        self._ended = False

    def ask(self, asked: Asked) -> Future[CorrectionRow]:
        """A correction to be carried out soon; the future has it as it was written, or why it could not be done."""
        answer: Future[CorrectionRow] = Future()
        try:
            self._orders.put_nowait((asked, answer))
        except queue.Full:
            answer.set_exception(CorrectionError(503, "busy", f"{MOST} corrections wait "
                                                              "already", cure="ask again soon"))
        if self._ended:
            self.end()
        return answer

    def next(self) -> Order | None:
        """The oldest that somebody still waits for."""
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return None
            if order[1].set_running_or_notify_cancel():
                return order

    def end(self) -> None:
        """Nobody is there any more to carry them out."""
        self._ended = True
        while (order := self.next()) is not None:
            order[1].set_exception(CorrectionError(503, "stopping", "the aggregator is stopping", cure="ask again"))


def correct(asked: Asked, linker: Linker, reader: StoreReader, now: float,
            failed: Callable[[Exception], Exception]) -> Corrected:
    """Carry a correction out in the linker.

    Args:
        asked: what a person wants.
        linker: stands as the store does.
        reader: of the store.
        now: UTC seconds.
        failed: makes an error of what the linker raises.

    Raises:
        CorrectionError: it cannot be done; the linker is as it was.
    """
    rows = reader.corrections()
    number = rows[-1].correction + 1 if rows else 1
    meant = understand(asked, number, reader, linker.constraints.contradicts)
    try:
        decisions = carry_out(meant, linker, reader)
    except Exception as error:
        raise failed(error) from error
    changed, folded = changes(decisions, reader)
    return Corrected(decisions=decisions, row=CorrectionRow(
        correction=number, time=now, who=asked.who, operation=asked.operation, note=asked.note,
        together=meant.said.together, apart=meant.said.apart, changed=changed, folded=folded,
        undoes=None if meant.undoes is None else meant.undoes.correction))


def said_so_far(reader: StoreReader) -> list[Said]:
    """What people said and did not take back."""
    return [Said(number=row.correction, together=row.together, apart=row.apart)
            for row in reader.corrections() if row.stands]
