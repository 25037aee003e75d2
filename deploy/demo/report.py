"""What the demo says at its end: who passed where, and what to try next."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from common.clock import from_rfc3339
from common.http_client import Api


def summarise(api: str, start: float) -> dict[str, Any]:
    """Identities and their ways, asked over HTTP like anybody else; seconds count from `start`."""
    ask = Api(api).get
    identities = []
    cursor = None
    while True:
        page = ask("/api/identities", limit=200, cursor=cursor)
        for row in page["identities"]:
            way = ask(f"/api/identities/{row['global_id']}/trajectory")["trajectory"]
            identities.append({
                "global_id": row["global_id"], "label": row["label"],
                "way": [{"camera": visit["camera"], "visit": visit["visit"],
                         "from_s": _seconds(visit["start"], start), "to_s": _seconds(visit["end"], start),
                         "confidence": visit["confidence"]} for visit in way],
            })
        if not page.get("next"):
            break
        cursor = page["next"]
    identities.sort(key=lambda identity: identity["way"][0]["from_s"] if identity["way"] else 0.0)
    return {"identities": identities, "cameras": ask("/api/cameras")["cameras"],
            "stats": ask("/api/stats")}


def _seconds(time: str, start: float) -> float:
    return round(from_rfc3339(time) - start, 1) + 0.0  # not -0.0


def show(console: Console, summary: dict[str, Any]) -> None:
    """The table of identities: those who changed cameras first."""
    table = Table(title="Who passed where", caption="seconds of the video; % is how sure the link to the visit "
                                                    "before is", title_style="bold")
    table.add_column("identity", style="bold cyan", no_wrap=True)
    table.add_column("cameras", justify="right")
    table.add_column("way", overflow="fold")
    crossing = sorted(summary["identities"], key=lambda row: -len({visit["camera"] for visit in row["way"]}))
    for row in crossing:
        steps = []
        for i, visit in enumerate(row["way"]):
            sure = f" {100 * visit['confidence']:.0f} %" if i and visit["confidence"] is not None else ""
            steps.append(f"{visit['camera']} {visit['from_s']:.1f}–{visit['to_s']:.1f}{sure}")
        table.add_row(row["global_id"], str(len({visit["camera"] for visit in row["way"]})), "  →  ".join(steps))
    console.print(table)
    several = sum(len({visit["camera"] for visit in row["way"]}) > 1 for row in summary["identities"])
    visits = sum(len(row["way"]) for row in summary["identities"])
    console.print(f"{visits} visits, {len(summary['identities'])} identities, {several} of them seen by more than one "
                  "camera.", highlight=False, soft_wrap=True)


def next_steps(console: Console, api: str, example: str, kept: bool) -> None:
    """Commands to type now."""
    if kept:
        console.print(f"\nThe API answers at [link={api}/docs]{api}/docs[/link]. In another terminal, try:")
        for command in (f"query --url {api} trajectory {example}", f"query --url {api} why {example}",
                        f"live {api}"):
            console.print(f"  .venv/bin/aggregator {command}", style="cyan", highlight=False, soft_wrap=True)
        console.print("Ctrl-C ends it.")
    else:
        console.print(f"\nThe API answered at {api} and has ended with the demo. Next:", highlight=False,
                      soft_wrap=True)
        for command, says in (("./run demo --keep", "the same, left running: query it, open the dashboard"),
                              ("./run demo --video a.mp4 --video b.mp4", "your own files, streams or webcams"),
                              (".venv/bin/edge-agent --help", "the commands of a camera box"),
                              (".venv/bin/aggregator --help", "the commands in the middle")):
            console.print(f"  [cyan]{command:42s}[/cyan] {says}", highlight=False, soft_wrap=True)
