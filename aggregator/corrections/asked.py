"""`Asked`: a correction as a person puts it, and what is wrong with it when it cannot be carried out."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.store.records import CorrectionOperation
from common.errors import PassageError


class CorrectionError(PassageError):
    """A correction that cannot be carried out; nothing was changed.

    Attributes:
        status: HTTP's: 404 for what is not there, 409 for what contradicts how things stand.
        code: a word for programs.
        field: of `Asked`.
    """

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None,
                 cure: str | None = None) -> None:
        super().__init__(message, cure)
        self.status = status
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants.

    Attributes:
        operation: `merge`: `identities` are one person. `split`: `visit`, or what of the identity began at `after` or
            later, is somebody else. `confirm`: the identity, or its `visit`, is right. `reject`: `visit` is not whose
            it is now. `undo`: take correction `number` back, the latest that stands if None.
        who: whose word it is.
        note: why.
        identities: at least two to merge, one to split or confirm.
        after: UTC seconds.
    """

    operation: CorrectionOperation
    who: str
    note: str = ""
    identities: tuple[int, ...] = ()
    visit: int | None = None
    after: float | None = None
    number: int | None = None
