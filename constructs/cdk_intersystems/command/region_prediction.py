"""`cdk-intersystems predict --dr`: how long users wait after a promotion was approved."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.prediction import Figures, RegionPrediction, RegionSettings, predict_promotion
from cdk_intersystems.prediction.region_move import STAGES
from cdk_intersystems.prediction.two_regions import LATCH_KINDS

from .main import WRONG_CONFIGURATION
from .settings_of import region_settings_of

#: Shorter heads, so that a table fits 80 columns.
_HEADS = {"workflow": "steps", "capacity": "grow", "database": "IRIS"}

#: Cases of capacity, by name: what is predicted besides the deployment's own.
_CASES = {
    "warm": RegionSettings(),
    "warm, TTL 60 s": RegionSettings(ttl=60.0),
    "elastic": RegionSettings(resize=True, fallback_types=1, tiers_wait=False),
}


def predict_regions(deployment: Deployment, *, runs: int, seed: int, as_json: bool) -> None:
    """Print the prediction of a promotion: of each mirror set as configured, and of DR at full size and at none.

    Args:
        deployment: The deployment.
        runs: Runs of each kind of latch.
        seed: The seed.
        as_json: Whether it is JSON.

    Raises:
        typer.Exit: The deployment has no DR region.
    """
    try:
        configured = {each.name: region_settings_of(deployment, each) for each in deployment.mirror_sets}
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(WRONG_CONFIGURATION) from None
    assert deployment.regions.dr is not None
    latch = deployment.regions.dr.latch.kind
    cases = {**_CASES, **{f"configured: {_names(configured, each)}": each for each in dict.fromkeys(configured.values())}}
    found = _simulate(cases, runs=runs, seed=seed)
    if as_json:
        sys.stdout.write(json.dumps(_document(deployment, cases, found, latch, runs=runs, seed=seed), indent=2) + "\n")
        return
    _show(Console(), deployment.name, cases, found, latch, runs=runs, seed=seed)


def _names(configured: dict[str, RegionSettings], settings: RegionSettings) -> str:
    return ", ".join(name for name, each in configured.items() if each == settings)


def _simulate(cases: dict[str, RegionSettings], *, runs: int, seed: int) -> dict[RegionSettings, tuple[RegionPrediction, ...]]:
    console = Console(stderr=True)
    different = dict.fromkeys(cases.values())
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("simulating", total=len(different) * len(LATCH_KINDS))

        def advance(kind: str) -> None:
            progress.update(bar, advance=1, description=kind)

        return {settings: predict_promotion(settings, runs=runs, seed=seed, progress=advance) for settings in different}


def _document(
    deployment: Deployment,
    cases: dict[str, RegionSettings],
    found: dict[RegionSettings, tuple[RegionPrediction, ...]],
    latch: str,
    *,
    runs: int,
    seed: int,
) -> dict[str, Any]:
    return {
        "schema": 1,
        "deployment": deployment.name,
        "runs": runs,
        "seed": seed,
        "verified_on_aws": False,
        "configured_latch": latch,
        "cases": [
            {
                "case": name,
                "resize": settings.resize,
                "fallback_types": settings.fallback_types,
                "tiers_wait": settings.tiers_wait,
                "ttl_s": settings.ttl,
                "latches": [prediction.as_json() for prediction in found[settings]],
            }
            for name, settings in cases.items()
        ],
    }


def _show(
    console: Console,
    deployment: str,
    cases: dict[str, RegionSettings],
    found: dict[RegionSettings, tuple[RegionPrediction, ...]],
    latch: str,
    *,
    runs: int,
    seed: int,
) -> None:
    console.print(Text(f"{deployment}: promotion of the DR region", style="bold"))
    console.print(
        f"Seconds from the approval until a user is served in DR, the primary region being lost; {runs} simulated runs of each "
        f"kind of latch, seed {seed}. Simulated: not verified on AWS."
    )
    for name, settings in cases.items():
        console.print(_table(f"{name} ({_in_words(settings)})", found[settings], latch))
        console.print()
    console.print(
        "* configured here. old: the median for which a user was still sent to the old region after DR's database had opened. "
        "goal: of p50, <= met, > missed. docs/how-to/predict.md"
    )


def _in_words(settings: RegionSettings) -> str:
    database = f"database stopped, changed, started; {settings.fallback_types} types to fall back to" if settings.resize else ""
    tiers = "" if settings.tiers_wait else "tiers launched"
    return "; ".join(part for part in (database, tiers) if part) or "everything is up while DR waits"


def _table(title: str, predictions: tuple[RegionPrediction, ...], latch: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0), box=None, header_style="dim")
    table.add_column("latch", no_wrap=True)
    for head in ("p5", "p50", "p95", "max", "old", "goal"):
        table.add_column(head, justify="right")
    for stage in STAGES:
        table.add_column(_HEADS.get(stage, stage), justify="right")
    for each in predictions:
        own = each.latch == latch
        goal = f"{'<=' if each.met else '>'} {each.target:.0f}"
        shares = [f"{each.stages[stage]:.0%}" for stage in STAGES]
        table.add_row(
            f"{'* ' if own else '  '}{each.latch}",
            *_figures(each.rto),
            _seconds(each.sent_to_old.p50),
            goal,
            *shares,
            style="bold" if own else "",
        )
    return table


def _figures(each: Figures) -> list[str]:
    return [_seconds(value) for value in (each.p5, each.p50, each.p95, each.longest)]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
