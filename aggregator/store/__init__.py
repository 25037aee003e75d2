"""What the aggregator knows, on disk: one SQLite file with one writer and many readers."""

from __future__ import annotations

from aggregator.store.database import open_store, store_file
from aggregator.store.errors import StoreDamagedError, StoreFullError, StoreLockedError, StoreVersionError
from aggregator.store.reader import StoreReader
from aggregator.store.writer import StoreWriter

__all__ = [
    "StoreDamagedError",
    "StoreFullError",
    "StoreLockedError",
    "StoreReader",
    "StoreVersionError",
    "StoreWriter",
    "open_store",
    "store_file",
]
