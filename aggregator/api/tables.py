"""Rows as JSON, CSV or Parquet, as the request likes."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import orjson
from aiohttp import web
from pydantic import Field

from aggregator.api.accept import preferred
from aggregator.api.binding import Parameters
from aggregator.api.errors import ApiError
from aggregator.api.registry import JSON, Media

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
MEDIA = (CSV, PARQUET)
_OFFERS = {"json": JSON, "csv": CSV, "parquet": PARQUET}

Row = Mapping[str, Any]


class AsTable(Parameters):
    """How rows are written."""

    format: Literal["json", "csv", "parquet"] | None = Field(
        default=None, description="otherwise the Accept header decides, and JSON is given when it does not")


def table(request: web.Request, query: AsTable, name: str, answer: Mapping[str, Any], kind: type,
          rows: str = "rows") -> Any:
    """`answer` as it is, or its rows alone as a file. Where these are a page, the next is told in a Link header (RFC
    8288).

    Args:
        name: of the file.
        kind: the rows' TypedDict; its annotations are the columns.
        rows: under which name the answer has them.

    Raises:
        ApiError: 406, Parquet is wanted and pyarrow is not installed.
    """
    wanted = query.format or preferred(request, _OFFERS)
    if wanted == "json":
        return answer
    data = _csv(answer[rows], kind) if wanted == "csv" else _parquet(answer[rows], kind)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{wanted}"'}
    if answer.get("next"):
        headers["Link"] = f'<{request.rel_url.update_query(cursor=answer["next"])}>; rel="next"'
    return Media(body=data, type=_OFFERS[wanted], headers=headers)


def _csv(rows: Sequence[Row], kind: type) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    columns = list(_columns(kind))
    writer.writerow(columns)
    writer.writerows([_cell(_flat(row[column])) for column in columns] for row in rows)
    return text.getvalue().encode()


def _flat(value: Any) -> Any:
    """A list of names as one text, anything else that has parts as JSON."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _parquet(rows: Sequence[Row], kind: type) -> bytes:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ApiError(406, "not_acceptable", "Parquet needs pyarrow, which is not installed where the aggregator runs",
                       field="format", cure="pip install 'passage[parquet]', or ask for CSV") from error
    from common.clock import from_rfc3339

    types = {"time": arrow.timestamp("ms", tz="UTC"), "str": arrow.string(), "int": arrow.int64(),
             "float": arrow.float64(), "bool": arrow.bool_()}
    columns, fields = [], []
    for name, sort in _columns(kind).items():
        values = [_flat(row[name]) for row in rows]
        if sort == "time":
            values = [None if value is None else round(from_rfc3339(value) * 1000) for value in values]
        columns.append(arrow.array(values, types[sort]))
        fields.append(arrow.field(name, types[sort]))
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns, schema=arrow.schema(fields)), sink, compression="zstd")
    return sink.getvalue()


@functools.cache
def _columns(kind: type) -> dict[str, str]:
    """The columns of a TypedDict: time, str, int, float or bool by name."""
    return {name: _sort(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _sort(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        if any((getattr(extra, "json_schema_extra", None) or {}).get("format") == "date-time" for extra in extras):
            return "time"
        return _sort(base)
    if get_origin(hint) in (Literal, list, dict):
        return "str"
    options = [option for option in get_args(hint) if option is not type(None)]
    return _sort(options[0]) if options else str(hint.__name__)
