"""A reader's connection that sees some cameras only: views that lie before the tables, whatever is asked.

SQLite looks for a name among temporary things first. So every query of `queries`, and every one written later, reads
the view. A table that no rule here knows is empty to such a reader: forgetting a rule shows too little, not too much.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

_SEEN = "(SELECT camera FROM temp.seen_cameras)"
_RULES = {
    "models": "TRUE",
    "agents": f"EXISTS (SELECT 1 FROM main.cameras AS c WHERE c.agent = t.agent AND c.camera IN {_SEEN})",
    # The number of one that was merged must lead on; what it leads to is seen or not seen by itself.
    "identities": f"""(t.merged_into IS NOT NULL OR EXISTS (
        SELECT 1 FROM main.visits AS v WHERE v.identity = t.identity AND v.camera IN {_SEEN}))""",
}
_FIRST_SEEN = f"""coalesce((SELECT min(v.start) FROM main.visits AS v
    WHERE v.identity = t.identity AND v.camera IN {_SEEN}), t.created) AS created"""


def show_only(connection: sqlite3.Connection, cameras: Collection[str]) -> None:
    """From now on, `connection` sees what comes from these cameras and nothing else."""
    connection.execute("PRAGMA query_only = 0")  # the file itself is opened for reading only
    try:
        connection.execute("BEGIN")
        known = connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'seen_cameras'").fetchone()
        if known is None:
            connection.execute("CREATE TEMP TABLE seen_cameras (camera TEXT PRIMARY KEY) WITHOUT ROWID")
            for (table,) in connection.execute(
                    "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
                    ).fetchall():
                _cover(connection, table)
        connection.execute("DELETE FROM temp.seen_cameras")
        connection.executemany("INSERT INTO temp.seen_cameras VALUES (?)", [(camera,) for camera in set(cameras)])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA query_only = 1")


def _cover(connection: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA main.table_info('{table}')")]
    shown = ", ".join(_FIRST_SEEN if (table, name) == ("identities", "created") else f't."{name}"' for name in columns)
    connection.execute(f'CREATE TEMP VIEW "{table}" AS SELECT {shown} FROM main."{table}" AS t '
                       f"WHERE {_rule(table, columns)}")


def _rule(table: str, columns: list[str]) -> str:
    if table in _RULES:
        return _RULES[table]
    places = [name for name in columns if name == "camera" or name.endswith("_camera")]
    if places:
        return " AND ".join(f't."{name}" IN {_SEEN}' for name in places)
    if "visit" in columns:
        return f"EXISTS (SELECT 1 FROM main.visits AS v WHERE v.visit = t.visit AND v.camera IN {_SEEN})"
    return "FALSE"
