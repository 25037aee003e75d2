"""Who looked at whom: a log of its own, each entry sealed by the one before."""

from __future__ import annotations

from aggregator.audit.chain import Entry, Look
from aggregator.audit.log import AuditLog

__all__ = ["AuditLog", "Entry", "Look"]
