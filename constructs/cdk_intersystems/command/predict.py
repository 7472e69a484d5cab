"""`cdk-intersystems predict`: which outage a configuration lets expect."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cdk_intersystems.configuration import ConfigurationError, Deployment, load_deployment
from cdk_intersystems.prediction import Prediction, Settings
from cdk_intersystems.prediction import predict as predictions_of
from cdk_intersystems.prediction.faults import FAULT_NAMES, FAULTS, Fault, fault_of
from cdk_intersystems.prediction.predict import RUNS

from .main import WRONG_CONFIGURATION
from .prediction_table import show
from .region_prediction import predict_regions
from .settings_of import settings_of, strategies_of

#: With several mirror sets that differ, all together make about as many runs as one would.
_LEAST_RUNS = 10


def predict(
    source: Annotated[str, typer.Argument(metavar="NAME|FILE", help="Name or YAML file of the deployment.")],
    *,
    fault: Annotated[
        list[str] | None, typer.Option(help=f"Only this fault; may be given again. One of: {', '.join(FAULT_NAMES)}.")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(min=1, help=f"Runs of each fault. Default: {RUNS}; fewer with mirror sets that differ.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 0,
    propagation: Annotated[
        bool, typer.Option(help="With AWS's own propagation. Without it the figures compare with the drill's, which has none.")
    ] = True,
    dr: Annotated[
        bool, typer.Option("--dr", help="After the approval of a promotion of the DR region, for each kind of latch.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config_dir: Annotated[Path, typer.Option(help="Folder with one YAML file a deployment.")] = Path("config"),
) -> None:
    """Predict the outage clients see: per strategy and fault, in a simulation that was not verified on AWS.

    Exit code 0; 1 if it failed; 2 if the configuration or an option can't be used.
    """
    try:
        deployment = load_deployment(source, config_dir)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(WRONG_CONFIGURATION) from None
    if dr:
        if fault or not propagation:
            sys.stderr.write("--dr is about one loss, that of the primary region: leave out --fault and --no-propagation\n")
            raise typer.Exit(WRONG_CONFIGURATION)
        predict_regions(deployment, runs=runs or RUNS, seed=seed, as_json=as_json)
        return
    if unknown := [name for name in fault or () if name not in FAULT_NAMES]:
        sys.stderr.write(f"no fault is called {unknown[0]}; there are: {', '.join(FAULT_NAMES)}\n")
        raise typer.Exit(WRONG_CONFIGURATION)
    faults = [fault_of(name) for name in fault] if fault else list(FAULTS)
    groups = _groups(deployment, propagation=propagation)
    each = runs or max(_LEAST_RUNS, RUNS // len(groups))
    found = _simulate(groups, faults, runs=each, seed=seed)
    if as_json:
        sys.stdout.write(
            json.dumps(_document(deployment, groups, found, runs=each, seed=seed, propagation=propagation), indent=2) + "\n"
        )
        return
    console = Console()
    for settings, names in groups.items():
        configured = {name: strategies_of(deployment.mirror_set(name)) for name in names}
        show(console, deployment.name, configured, found[settings], runs=each, seed=seed, propagation=propagation)


def _groups(deployment: Deployment, *, propagation: bool) -> dict[Settings, list[str]]:
    """The mirror sets that have the same prediction."""
    groups: dict[Settings, list[str]] = {}
    for mirror_set in deployment.mirror_sets:
        groups.setdefault(settings_of(deployment, mirror_set, propagation=propagation), []).append(mirror_set.name)
    return groups


def _simulate(
    groups: dict[Settings, list[str]], faults: list[Fault], *, runs: int, seed: int
) -> dict[Settings, tuple[Prediction, ...]]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("simulating", total=len(groups) * len(faults))

        def advance(fault: Fault) -> None:
            progress.update(bar, advance=1, description=fault.name)

        return {settings: predictions_of(settings, faults, runs=runs, seed=seed, progress=advance) for settings in groups}


def _document(
    deployment: Deployment,
    groups: dict[Settings, list[str]],
    found: dict[Settings, tuple[Prediction, ...]],
    *,
    runs: int,
    seed: int,
    propagation: bool,
) -> dict[str, Any]:
    return {
        "schema": 1,
        "deployment": deployment.name,
        "runs": runs,
        "seed": seed,
        "propagation": propagation,
        "verified_on_aws": False,
        "mirror_sets": [
            {
                "name": name,
                "strategies": strategies_of(deployment.mirror_set(name)),
                "qos_timeout_s": settings.qos_timeout,
                "takeover_wait_s": settings.wait,
                "route_tables": settings.route_tables,
                "faults": [prediction.as_json() for prediction in found[settings]],
            }
            for settings, names in groups.items()
            for name in names
        ],
    }
