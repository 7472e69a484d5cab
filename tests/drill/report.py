"""What a drill found, for people: tables on the screen, and a document for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.drill.results import BASELINES, STRATEGIES, Run, summary

LABEL = (
    "Measured on this machine, with real processes and an embedded AWS. AWS's own propagation comes on top: for a replaced "
    "route seconds, which AWS doesn't document; for a Network Load Balancer's health checks, which have to agree, up to 40 s "
    "were seen (aws/containers-roadmap#470)."
)


def times_line(scale: float) -> str:
    """What of the times is scaled."""
    if scale == 1:
        return "Nothing is scaled: detection and takeover are those of IRIS's default quality of service timeout, 8 s."
    return (
        f"IRIS's own waiting times are scaled by {scale:g}, so detection and takeover (and outages, which hold them) are "
        "shorter than in reality; gate, routing and load balancers are not scaled. Don't add them up."
    )


def show(console: Console, runs: Sequence[Run], plain: Sequence[str], scale: float) -> None:
    """Shows the tables.

    Args:
        console: Where to.
        runs: What was found.
        plain: The faults that hit members and network alone.
        scale: By what IRIS's waiting times were multiplied.
    """
    table = Table(title="The drill: seconds, as a client saw them", title_justify="left")
    for column in ("fault", "way to the primary"):
        table.add_column(column)
    for column in ("outage", "detection", "takeover", "admitted", "routing", "lost", "two at rest"):
        table.add_column(column, justify="right")
    table.add_column("invariants")
    before = ""
    for run in runs:
        if before and run.fault != before:
            table.add_section()
        figures = (run.outage_s, run.detection_s, run.takeover_s, run.admitted_s, run.routing_s)
        table.add_row(
            run.fault if run.fault != before else "",
            run.strategy,
            *map(_seconds, figures),
            str(run.lost_acknowledged),
            _seconds(run.two_routed),
            "[red]" + "; ".join(run.invariants_broken) + "[/red]" if run.invariants_broken else "held",
        )
        before = run.fault
    console.print(table)
    medians = Table(title="Medians of the takeovers", title_justify="left")
    for column in ("way to the primary", "takeovers", "outage", "routing", "routing, faults of members alone"):
        medians.add_column(column, justify="left" if column.startswith("way") else "right")
    for strategy, found in summary(runs, plain).items():
        simple = found.get("members_only", {})
        name = f"{strategy} (what people use today)" if strategy in BASELINES else strategy
        medians.add_row(
            name,
            str(found["takeovers"]),
            *map(_seconds, (found["outage_s"], found["routing_s"], simple.get("routing_s"))),
        )
    console.print(medians)
    console.print(
        "outage: first failed to first good write. routing: from the new primary open for users to this client's first good "
        f"write, with the time its gate takes (admitted). {times_line(scale)}\n{LABEL}"
    )


def document(runs: Sequence[Run], plain: Sequence[str], scale: float, more: dict[str, Any]) -> dict[str, Any]:
    """`build/drill.json`."""
    return {
        "scale_of_iris_waiting_times": scale,
        "label": f"{times_line(scale)} {LABEL}",
        **more,
        "summary": summary(runs, plain),
        "runs": [run.shown() for run in runs],
    }


def markdown(runs: Sequence[Run], plain: Sequence[str], scale: float) -> str:
    """The same as a document in Markdown: medians, and the outage of each fault by way to the primary."""
    found = summary(runs, plain)
    ways = [name for name in STRATEGIES if any(run.strategy == name for run in runs)]
    lines = [
        "| way to the primary | takeovers | outage, s | new primary open to first good write, s | lost |",
        "|---|---|---|---|---|",
    ]
    for way in (way for way in ways if way in found):
        # Side by side are only those faults that all of them were measured for.
        shown = found[way].get("members_only", found[way])
        lost = sum(run.lost_acknowledged for run in runs if run.strategy == way)
        figures = " | ".join(_seconds(shown[name]) for name in ("outage_s", "routing_s"))
        lines.append(f"| {way}{' (used today)' if way in BASELINES else ''} | {shown['takeovers']} | {figures} | {lost} |")
    lines += ["", "| outage by fault, s | " + " | ".join(ways) + " |", "|---|" + "---|" * len(ways)]
    for fault in dict.fromkeys(run.fault for run in runs):
        by_way = {run.strategy: run for run in runs if run.fault == fault}
        cells = [_cell(by_way.get(way)) for way in ways]
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    broken = sum(bool(run.invariants_broken) for run in runs)
    held = "All invariants held." if not broken else f"**Of {len(runs)} runs {broken} broke an invariant** (marked !)."
    return "\n".join(
        [*lines, "", f"Measured on one machine with the fake IRIS; AWS's own propagation is not in it. {held}", ""]
    ) + (f"{times_line(scale)}\n")


def _cell(run: Run | None) -> str:
    return "" if run is None else _seconds(run.outage_s) + (" !" if run.invariants_broken else "")


def write(file: Path, found: dict[str, Any]) -> None:
    """Writes a document."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
