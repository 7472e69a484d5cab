"""What the drill found, for people and for programs."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LABEL = (
    "Measured on this machine, with real processes, the fake IRIS and an embedded AWS: stop and start of an instance are those "
    "of a container, and neither Route 53's checkers nor other name servers take their time. Nothing of it was verified on AWS."
)


def show(console: Console, found: dict[str, Any]) -> None:
    """Shows the tables.

    Args:
        console: Where to.
        found: The drill's document.
    """
    stages = Table(title="The drill of disaster recovery: seconds", title_justify="left")
    for column in ("stage", "s"):
        stages.add_column(column, justify="right" if column == "s" else "left")
    for name, seconds in found["stages"].items():
        stages.add_row(name.replace("_", " "), f"{seconds:.1f}")
    console.print(stages)
    for kind in ("promotion", "failback"):
        if found.get(kind):
            console.print(_move(kind, found[kind]))
    summary = Table(title="What users saw", title_justify="left")
    for column in ("what", "found"):
        summary.add_column(column)
    for name, text in (
        ("rto_s", "from the last good write in the lost region to the first one in the other, with two people's decisions"),
        ("rto_after_approval_s", "from the approval to the first good write"),
        ("rpo_s", "how old the oldest lost record was when the region was lost"),
        ("lost_acknowledged", "acknowledged records that the DR region never had"),
        ("old_region_served_after_promotion", "whether the old region served anybody after it was back"),
        ("failback_ok", "whether the fail-back lost nothing and has one primary"),
    ):
        summary.add_row(f"{name}: {text}", str(found.get(name)))
    console.print(summary)
    for problem in found.get("problems", ()):
        console.print(f"[red]{problem}[/red]")
    console.print(LABEL)


def _move(kind: str, told: dict[str, Any]) -> Table:
    table = Table(title=f"{kind}: what each step took; * is on the critical path", title_justify="left")
    for column in ("step", "s"):
        table.add_column(column, justify="right" if column == "s" else "left")
    for name, seconds in told["stages"].items():
        table.add_row(f"{name}{' *' if name in told['critical_path'] else ''}", f"{seconds:.1f}")
    return table


def write(file: Path, found: dict[str, Any]) -> None:
    """Writes `build/drill-dr.json`."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"label": LABEL, **found}, indent=2) + "\n")
