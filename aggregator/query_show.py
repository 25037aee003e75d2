"""Answers for people: tables at a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator.live.words import duration, identity, latency, share
from common.clock import from_rfc3339

Cell = str | Text
RIGHT = frozenset({
    "visits", "visit", "sure", "fps", "latency", "people", "points", "stays", "alike", "size", "waiting", "in", "out",
    "peak", "dwell", "longest", "now", "net", "median", "shortest", "usually", "speed", "usual speed", "length", "most",
    "served", "wait"})


class Show:
    """Prints answers.

    Args:
        console: where to; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], empty: str) -> None:
        """Rows under their columns; `empty` at a terminal when there are none."""
        if not self.console.is_terminal:
            for row in [columns, *rows]:
                # Past rich, which would turn the tabs into blanks.
                self.console.file.write("\t".join(str(cell) for cell in row) + "\n")
            return
        if not rows:
            self.line(empty)
            return
        table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
        for name in columns:
            table.add_column(name, justify="right" if name in RIGHT else "left", overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
        self.console.print(table)

    def line(self, text: Cell) -> None:
        """One line, never cut and never taken for markup."""
        self.console.print(text, markup=False, soft_wrap=True)

    def more(self, answer: Mapping[str, Any]) -> None:
        """Says at a terminal that the list goes on."""
        if answer["next"] and self.console.is_terminal:
            self.console.print("there are more: ask with a larger --limit", style="dim")

    def identities(self, answer: Mapping[str, Any]) -> None:
        """A page of identities."""
        self.table(["identity", "class", "first seen", "last seen", "visits", "cameras"], [
            [identity(row["global_id"]), row["label"], time(row["first_seen"]), time(row["last_seen"]),
             str(row["visits"]), ", ".join(row["cameras"])] for row in answer["identities"]], "nobody")
        self.more(answer)

    def events(self, answer: Mapping[str, Any]) -> None:
        """A page of events."""
        self.table(["time", "camera", "what", "identity", "visit", "more"], [
            [time(row["time"]), row["camera"], row["kind"], identity(row["global_id"]), _number(row["visit"]),
             " ".join(f"{key}={value}" for key, value in row["data"].items())] for row in answer["events"]], "nothing")
        self.more(answer)

    def visits(self, answer: Mapping[str, Any]) -> None:
        """A page of visits."""
        self.table(["visit", "camera", "from", "stays", "class", "identity", "sure"], [
            [str(row["visit"]), row["camera"], time(row["start"]), _stay(row), row["label"],
             identity(row["global_id"]), share(row["confidence"])] for row in answer["visits"]], "nobody")
        self.more(answer)

    def trajectory(self, answer: Mapping[str, Any]) -> None:
        """The way of one identity."""
        legs = answer["trajectory"]
        if self.console.is_terminal:
            self._moved(answer)
            way = [leg["camera"] for leg in legs]
            self.line(Text.assemble(identity(answer["global_id"]), "  ", " → ".join(way) or "no visit"))
        self.table(["camera", "from", "to", "stays", "visit", "points", "sure"], [
            [leg["camera"], time(leg["start"]), time(leg["end"]), _stay(leg), str(leg["visit"]),
             str(len(leg["frames"])), share(leg["confidence"])] for leg in legs], "no visit in that time")

    def where(self, answer: Mapping[str, Any]) -> None:
        """Where one identity is or was."""
        self._moved(answer)
        sure = "" if answer["confidence"] is None else f" ({answer['confidence'] * 100:.0f} % sure)"
        if answer["here"]:
            text = f" is in {answer['camera']} since {time(answer['since'])}"
        else:
            text = f" was seen last in {answer['camera']}, until {time(answer['last_seen'])}"
        foot = "" if answer["foot"] is None else f", standing at {answer['foot'][0]:.2f}, {answer['foot'][1]:.2f}"
        self.line(Text.assemble(identity(answer["global_id"]), f"{text}{foot}{sure}"))

    def why(self, answer: Mapping[str, Any]) -> None:
        """The decisions about an identity or a visit, in words."""
        self._moved(answer)
        for entry in answer["entries"]:
            self.line(Text.assemble((time(entry["time"]), "dim"), "  ", entry["words"]))
        if not answer["entries"]:
            self.line("nothing was decided yet: too few frames were seen, or nothing of them could be embedded")

    def search(self, answer: Mapping[str, Any]) -> None:
        """Who looks alike."""
        if answer["notice"] and self.console.is_terminal:
            self.console.print(answer["notice"], style="yellow", markup=False)
        self.table(["identity", "alike", "camera", "from", "to", "visit"], [
            [identity(row["global_id"]), f"{row['similarity']:.3f}", row["camera"], time(row["start"]),
             time(row["end"]), str(row["visit"])] for row in answer["results"]], "nobody")

    def cameras(self, answer: Mapping[str, Any]) -> None:
        """The cameras."""
        self.table(["camera", "agent", "size", "fps", "latency", "people", "last seen"], [
            [row["camera"], row["agent"], f"{row['width']}×{row['height']}" if row["width"] else "–",
             *_live(row["live"]), time(row["last_seen"])] for row in answer["cameras"]], "no camera is known yet")

    def stats(self, answer: Mapping[str, Any]) -> None:
        """The site at this moment."""
        stored, engine = answer["store"], answer["engine"]
        self.line(f"{answer['people_now']} people now, {answer['identities_active']} identities active; stored: "
                  f"{stored['visits']} visits, {stored['identities']} identities, {stored['events']} events, "
                  f"{stored['decisions']} decisions" + (f"; up {duration(engine['uptime_s'])}" if "uptime_s" in engine
                                                       else ""))
        if engine.get("problem"):
            self.line(Text(f"nothing can be stored: {engine['problem']}", style="bold red"))
        self.table(["agent", "state", "waiting", "release", "last seen"], [
            [row["agent"], "connected" if row["connected"] else "gone", f"{row['spool'].get('depth', 0):.0f}",
             row["software"], time(row["last_seen"])] for row in answer["agents"]], "no agent yet")
        self.cameras(answer)

    def _moved(self, answer: Mapping[str, Any]) -> None:
        if answer["merged_into"] and self.console.is_terminal:
            self.console.print(f"was merged into {answer['merged_into']}", style="dim")


def time(text: str) -> str:
    """`2026-03-01T12:01:16.250Z` → `2026-03-01 12:01:16Z`."""
    return f"{text[:10]} {text[11:19]}Z"


def _stay(row: Mapping[str, Any]) -> str:
    return duration(from_rfc3339(row["end"]) - from_rfc3339(row["start"]))


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _live(live: Mapping[str, float] | None) -> list[str]:
    if live is None:
        return ["–", "–", "–"]
    return [f"{live.get('fps', 0):.1f}", latency(live.get("latency_s")), f"{live.get('people', 0):.0f}"]
