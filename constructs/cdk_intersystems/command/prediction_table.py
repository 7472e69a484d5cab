"""A prediction as a person reads it."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdk_intersystems.prediction import Expected, Prediction
from cdk_intersystems.prediction.experiment import STAGES
from cdk_intersystems.prediction.world import BASELINES

#: Shorter heads, so that a table fits 80 columns.
_HEADS = {"detection": "detect", "takeover": "take", "routing": "route", "propagation": "AWS"}


def show(
    console: Console,
    deployment: str,
    configured: dict[str, tuple[str, ...]],
    predictions: tuple[Prediction, ...],
    *,
    runs: int,
    seed: int,
    propagation: bool,
) -> None:
    """Print a table for each fault.

    Args:
        console: Where to.
        deployment: Name of the deployment.
        configured: The strategies of each mirror set that the prediction is for.
        predictions: The predictions.
        runs: Runs of each fault.
        seed: The seed.
        propagation: Whether AWS's own propagation is in the figures.
    """
    sets = "; ".join(f"{name}: {' + '.join(strategies)}" for name, strategies in configured.items())
    console.print(Text(f"{deployment} ({sets})", style="bold"))
    console.print(
        f"Seconds from a client's first failed to its first good write, {runs} simulated runs of each fault, seed {seed}, "
        f"{'with' if propagation else 'without'} AWS's own propagation. Simulated: not verified on AWS."
    )
    chosen = {strategy for strategies in configured.values() for strategy in strategies}
    for prediction in predictions:
        console.print(_table(prediction, chosen))
        console.print()
    console.print(
        "* configured here. Patient: a client that leaves everything to TCP. -: a person is needed. docs/how-to/predict.md"
    )


def _table(prediction: Prediction, chosen: set[str]) -> Table:
    title = f"{prediction.fault}: {prediction.title}"
    # Fits 80 columns.
    table = Table(title=title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0), box=None, header_style="dim")
    table.add_column("strategy", no_wrap=True)
    for head in ("p5", "p50", "p95", "max", "patient"):
        table.add_column(head, justify="right")
    for stage in STAGES:
        table.add_column(_HEADS.get(stage, stage), justify="right")
    for expected in prediction.expected:
        baseline = expected.strategy in BASELINES
        name = f"{'* ' if expected.strategy in chosen else '  '}{expected.strategy}"
        style = "dim" if baseline else "bold" if expected.strategy in chosen else ""
        table.add_row(name, *_figures(expected), *_shares(expected), style=style)
    return table


def _figures(expected: Expected) -> list[str]:
    outage = expected.outage
    values = (outage.p5, outage.p50, outage.p95, outage.longest, expected.patient.p50)
    return ["-" if value is None else f"{value:.1f}" if value < 99.95 else f"{value:.0f}" for value in values]


def _shares(expected: Expected) -> list[str]:
    if not any(expected.stages.values()):
        return [""] * len(STAGES)
    return [f"{expected.stages[stage]:.0%}" for stage in STAGES]
