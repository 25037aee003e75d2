"""Why a batch is not carried out as it stands."""

from __future__ import annotations


class LinkingError(Exception):
    """Linking raised. The cause says what."""


class Abandoned(Exception):  # noqa: N818  nothing is wrong
    """The engine is to end, and the batch would take too long: it is not stored, and so not acknowledged."""
