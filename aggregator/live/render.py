"""`render`: the state as one screen of exactly the given size. No clock, no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aggregator.live.state import LiveState
from aggregator.live.words import clock, duration, identity, latency, share, sparkline
from common.terminal.look import Look

NARROW = 64
LEAST_LOWER = 6


WIDE = 110
SITE, LINKS, EVENTS = range(3)
"""The lists, as `Look.first` counts them."""
ALERTS = "a"
"""The switch that shows alerts in the place of events."""
START = Look(first=(0, 0, 0))
"""What is looked at before any key is pressed."""


def lists(state: LiveState, look: Look) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """The rows of each list that the filter lets through."""
    if state.stats is None:
        return (), (), ()
    return (_site_rows(state.stats, look),
            [row for row in state.stats["recent"] if look.matches(row["camera"], row["global_id"], row["operation"])],
            [row for row in (state.alerts if ALERTS in look.on else state.events)
             if look.matches(row["camera"], row["global_id"], row["kind"].replace("_", " "), _rule(row))])


def render(state: LiveState, width: int, height: int, look: Look = START) -> RenderableType:
    """One screen.

    Args:
        state: what to show.
        width, height: columns and rows of the terminal; everything fits, what does not is counted.
        look: what somebody at the keyboard chose.
    """
    body = max(1, height - 2)
    screen = Layout()
    screen.split_column(
        Layout(_header(state, width), name="header", size=1),
        Layout(name="body", size=body),
        Layout(_footer(state, width, look), name="footer", size=1),
    )
    if state.stats is None:
        screen["body"].update(_waiting(state, body))
        return screen
    rows, links, events = lists(state, look)
    wanted = max(1, len(rows)) + 3
    upper = min(wanted, max(5, body - LEAST_LOWER)) if body >= 5 + LEAST_LOWER else body
    site = _site(state, rows, width, upper, look)
    if upper >= body:
        screen["body"].update(site)
        return screen
    lower = body - upper
    screen["body"].split_column(Layout(site, size=upper), Layout(name="lower", size=lower))
    if width < NARROW:
        both = _links(links, lower, width, look) if look.chosen != EVENTS else _events(events, lower, width, look)
        screen["lower"].update(both)
    elif width < WIDE or ALERTS in look.on:
        half = width // 2
        screen["lower"].split_row(Layout(_links(links, lower, half, look), size=half),
                                  Layout(_events(events, lower, width - half, look)))
    else:
        third = width // 3
        alerts = [row for row in state.alerts if look.matches(row["camera"], row["global_id"], _rule(row))]
        screen["lower"].split_row(Layout(_links(links, lower, third, look), size=third),
                                  Layout(_events(events, lower, third, look), size=third),
                                  Layout(_list_of(alerts, lower, width - 2 * third, START, "alerts")))
    return screen


def _header(state: LiveState, width: int) -> Table:
    bar = Table.grid(expand=True, padding=(0, 1))
    bar.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    left = Text.assemble((" PASSAGE ", "bold black on cyan"), " ", (state.url.partition("://")[2], "dim"))
    if state.stats is None:
        bar.add_row(left, "")
        return bar
    people, active = state.stats["people_now"], state.stats["identities_active"]
    right = Text.assemble(
        (str(people), "bold"), f" {'person' if people == 1 else 'people'} now",
        *((f" · {active} active", "") if width >= NARROW else ("", ""),),
        *((f" · {clock(state.stats['time'])} UTC", "dim") if width >= 50 else ("", ""),))
    bar.add_row(left, right)
    return bar


def _footer(state: LiveState, width: int, look: Look) -> Text:
    if look.typing or look.wanted:
        return Text.assemble((" / ", "bold"), look.wanted, ("▏" if look.typing else "", "bold cyan"), (
            "   enter keeps it, esc clears it" if look.typing else "   esc clears it", "dim"), no_wrap=True,
            overflow="ellipsis")
    if state.stats is not None and state.problem:
        return Text(f" no answer for {duration(state.silent_s)}, trying again: {state.problem}",
                    style="bold red", no_wrap=True, overflow="ellipsis")
    text = Text(no_wrap=True, overflow="ellipsis", style="dim")
    for key, what in (("q", "quit"), ("↑↓", "scroll"), ("tab", "list"), ("/", "filter"), ("a", "alerts"))[
            : 5 if width >= 100 else 1]:
        text.append(f" {key}", style="bold")
        text.append(f" {what} ")
    if width < 100:
        text.append(" ↑↓ tab / a", style="bold")
    if state.stats is not None:
        store, engine = state.stats["store"], state.stats["engine"]
        text.append(f"   {store['visits']} visits, {store['identities']} identities, {store['events']} events")
        if "uptime_s" in engine and width >= 76:
            text.append(f"   up {duration(engine['uptime_s'])}")
        if engine.get("problem"):
            return Text(f" nothing can be stored: {engine['problem']}", style="bold red", no_wrap=True,
                        overflow="ellipsis")
    return text


def _waiting(state: LiveState, height: int) -> RenderableType:
    lines = [Text(state.problem or "Asking the aggregator …", style="bold red" if state.problem else "bold",
                  justify="center")]
    if state.cure:
        lines.append(Text(f"→ {state.cure}", style="cyan", justify="center"))
    if state.problem:
        lines.append(Text("trying again …", style="dim", justify="center"))
    return Group(*[Text()] * max(0, (height - len(lines)) // 2 - 1), *lines)


def _site_rows(stats: Mapping[str, Any], look: Look) -> list[tuple[str, Mapping[str, Any]]]:
    """Agents in order, each followed by its cameras; an agent that is wanted has all of them."""
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for agent in stats["agents"]:
        cameras = [("camera", camera) for camera in stats["cameras"] if camera["agent"] == agent["agent"]
                   and look.matches(camera["camera"], agent["agent"])]
        if cameras or look.matches(agent["agent"]):
            rows += [("agent", agent), *cameras]
    return rows


def _site(state: LiveState, rows: Sequence[tuple[str, Mapping[str, Any]]], width: int, height: int, look: Look
          ) -> Panel:
    room = height - 3
    cut = len(rows) > room
    shown, above = look.part(rows, max(0, room - 1) if cut else room, SITE)
    bars = min(60, width - 62)
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("agent and camera", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("fps", "latency", "people"):
        table.add_column(name, justify="right", no_wrap=True)
    if bars >= 8:
        table.add_column("people lately", no_wrap=True, width=bars)
    for kind, row in shown:
        cells = _agent(row) if kind == "agent" else _camera(row)
        if bars >= 8:
            cells.append(sparkline(state.people.get(row.get("camera", ""), ()), bars) if kind == "camera" else Text())
        table.add_row(*cells)
    if cut:
        table.add_row(Text(f"… and {len(rows) - len(shown)} more" + (f", {above} of them above" if above else ""),
                           style="dim"))
    content: RenderableType = table
    if not rows:
        content = Text("nothing like that" if look.wanted else
                       "no agent has said hello yet: edge-agent run -c agent.yaml", style="yellow")
    return _panel(content, "site", height, look.chosen == SITE)


def _agent(agent: Mapping[str, Any]) -> list[RenderableType]:
    there = agent["connected"]
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("● " if there else "○ ", style="green" if there else "red")
    text.append(agent["agent"], style="bold")
    if not there:
        text.append(f"  gone since {clock(agent['last_seen'])}", style="red")
    waiting = agent["spool"].get("depth", 0)
    if waiting >= 1:
        text.append(f"  {waiting:.0f} waiting", style="yellow")
    lost = agent["spool"].get("dropped_messages", 0)
    if lost >= 1:
        text.append(f"  {lost:.0f} given up", style="red")
    skew = agent["clock_skew_s"]
    if skew is not None and abs(skew) >= 1:
        text.append(f"  clock {skew:+.0f} s", style="yellow")
    return [text, Text(), Text(), Text()]


def _camera(camera: Mapping[str, Any]) -> list[RenderableType]:
    live = camera["live"]
    name = Text(f"  {camera['camera']}", no_wrap=True, overflow="ellipsis")
    if live is None:
        return [name.append("  silent", style="dim"), Text("–", style="dim"), Text("–", style="dim"),
                Text("–", style="dim")]
    if live.get("up", 1) == 0:
        name.append("  no picture", style="red")
    people = round(live.get("people", 0))
    return [name, Text(f"{live.get('fps', 0):.1f}"), Text(latency(live.get("latency_s"))),
            Text(str(people), style="bold" if people else "dim")]


def _links(recent: Sequence[Mapping[str, Any]], height: int, width: int, look: Look) -> Panel:
    table = _list(width >= 34)
    for link in look.part(recent, height - 2, LINKS)[0]:
        word = {"new": "new in", "link": "→", "merge": "merged in", "split": "split in", "retract": "not in"}
        what = Text.assemble((f"{word.get(link['operation'], link['operation'])} ", "dim"), link["camera"] or "")
        cells: list[RenderableType] = [identity(link["global_id"]), what, share(link["confidence"])]
        table.add_row(*([Text(clock(link["time"]), style="dim"), *cells] if width >= 34 else cells))
    return _panel(table if recent else Text("nobody yet", style="dim"), "links", height, look.chosen == LINKS)


def _events(events: Sequence[Mapping[str, Any]], height: int, width: int, look: Look) -> Panel:
    return _list_of(events, height, width, look, "alerts" if ALERTS in look.on else "events")


def _list_of(events: Sequence[Mapping[str, Any]], height: int, width: int, look: Look, title: str) -> Panel:
    table = _list(width >= 34)
    for event in look.part(events, height - 2, EVENTS)[0]:
        rule = _rule(event)
        what = Text.assemble((rule, "bold red") if rule else event["kind"].replace("_", " "),
                             (f" {event['camera']}", "dim"))
        cells: list[RenderableType] = [identity(event["global_id"]), what, Text()]
        table.add_row(*([Text(clock(event["time"]), style="dim"), *cells] if width >= 34 else cells))
    return _panel(table if events else Text("nothing yet", style="dim"), title, height, look.chosen == EVENTS)


def _rule(event: Mapping[str, Any]) -> str:
    """Of an alert, the name of its rule."""
    return str(event.get("data", {}).get("rule", "alert")) if event["kind"] == "alert" else ""


def _list(with_time: bool) -> Table:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    if with_time:
        table.add_column(no_wrap=True, width=8)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    return table


def _panel(content: RenderableType, title: str, height: int, chosen: bool) -> Panel:
    return Panel(content, box=box.ROUNDED, title=f"[b]{title}[/b]", title_align="left",
                 border_style="cyan" if chosen else "dim", height=height, padding=(0, 1))
