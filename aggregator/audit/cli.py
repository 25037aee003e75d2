"""`aggregator audit`: who looked at whom, and whether that log is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aggregator.audit.log import AuditReader
from common.clock import from_rfc3339, to_rfc3339
from common.console import print_json
from common.errors import ConfigError, PassageError

app = typer.Typer(no_args_is_help=True, help="The audit log: who searched for and looked at whom.")

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The aggregator's data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
_DATA = Path("passage-data")


class ChainBrokenError(PassageError):
    """The audit log is not what was written."""


@app.command("list")
def list_(
    who: Annotated[str | None, typer.Option(help="only looks of this token's name")] = None,
    since: Annotated[str | None, typer.Option(help="nothing before: 2026-03-01T08:30:00Z")] = None,
    limit: Annotated[int, typer.Option(min=1, help="the latest so many")] = 100,
    as_json: AsJson = False,
    data: Data = _DATA,
) -> None:
    """Show who searched for and looked at whom, oldest first.

    Example: aggregator audit list --who anna --limit 20
    """
    try:
        begin = None if since is None else from_rfc3339(since)
    except ValueError:
        raise ConfigError(f"--since {since}: is no time", "write 2026-03-01T08:30:00Z") from None
    reader = AuditReader(data)
    entries = reader.entries(who=who, since=begin, limit=limit)
    reader.close()
    if as_json:
        print_json({"entries": [{
            "entry": entry.number, "time": to_rfc3339(entry.look.time), "who": entry.look.who,
            "role": entry.look.role, "action": entry.look.action, "subject": entry.look.subject,
            "peer": entry.look.peer, "hash": entry.hash} for entry in entries]})
        return
    for entry in entries:
        look = entry.look
        typer.echo(f"{entry.number:6}  {to_rfc3339(look.time)}  {look.who} ({look.role}, {look.peer})  "
                   f"{look.action}  {look.subject}")


@app.command()
def verify(
    expect: Annotated[str | None, typer.Option(
        metavar="ENTRY:HASH", help="what an earlier run said was the last entry; finds a log that was cut or made anew")
    ] = None,
    as_json: AsJson = False,
    data: Data = _DATA,
) -> None:
    """Check that no entry was changed, taken out or put in. Exit code 1 says that one was.

    Each entry's hash covers the entry before. Who can write the file could still make the whole chain anew, or cut its
    end off: keep what this prints elsewhere, and give it as --expect the next time.

    Example: aggregator audit verify --expect 4711:9f2c…
    """
    reader = AuditReader(data)
    count, number, head, problem = reader.verify()
    pruned = reader.pruned()
    if problem is None and expect is not None:
        wanted, _, hash_ = expect.partition(":")
        if not wanted.isdecimal() or not hash_:
            raise ConfigError(f"--expect {expect}: write ENTRY:HASH, as this command prints it")
        found = reader.hash_of(int(wanted))
        if found != hash_:
            problem = f"entry {wanted} {'is not there any more' if found is None else 'is another than it was'}"
            if found is None and pruned is not None and int(wanted) <= pruned[0]:
                problem += f": retention deleted all up to {pruned[0]}, says the log, at {to_rfc3339(pruned[1])}"
    reader.close()
    if as_json:
        print_json({"whole": problem is None, "problem": problem, "entries": count, "last": f"{number}:{head}",
                    "pruned": None if pruned is None else {"through": pruned[0], "time": to_rfc3339(pruned[1])}})
        if problem is not None:
            raise typer.Exit(1)
        return
    if problem is not None:
        raise ChainBrokenError(f"the audit log is not whole: {problem}",
                               "compare with a backup, and ask who could write to the data folder")
    before = f", after {pruned[0]} that retention deleted, the last at {to_rfc3339(pruned[1])}" if pruned else ""
    typer.echo(f"whole: {count} entries{before}; the last is {number}:{head}")
