"""Fails over for real, fault after fault, and measures; `make drill`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.drill import own_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.drill.picture import Row
    from tests.drill.progress import Progress
    from tests.drill.results import Run

ROOT = Path(__file__).parents[2]
RESULT, TABLE, PICTURE, LOG = (f"drill.{ending}" for ending in ("json", "md", "png", "log"))
#: The strategies of `MirrorEndpoint`.
WAYS = ("route_vip", "polling", "listener")
sys.path[:0] = [str(ROOT), str(ROOT / "constructs"), str(ROOT / "lambda")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it and returns its exit code: 0 all invariants held, 1 one didn't, 2 it can't be run here."""
    from tests.drill.faults import FAULTS

    options = _parser().parse_args(arguments)
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:<36}{fault.about}")
        return 0
    for what, given, known in (
        ("fault", options.faults, [fault.name for fault in FAULTS]),
        ("strategy", options.strategies, list(WAYS)),
    ):
        if unknown := [name for name in given if name not in known]:
            print(f"there is no {what} {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
    if os.geteuid() != 0:
        print("the drill needs root, for network namespaces and block devices", file=sys.stderr)
        return 2
    if missing := [tool for tool in ("haproxy", "nft", "ip", "systemctl", "unshare") if not shutil.which(tool)]:
        print(f"the drill needs {', '.join(missing)}: make packages", file=sys.stderr)
        return 2
    own_namespace.enter(["-m", "tests.drill", *(sys.argv[1:] if arguments is None else arguments)])
    return _drill(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--faults", type=_names, default=[], metavar="NAMES", help="only these, with commas (see --list)")
    parser.add_argument(
        "--strategies",
        type=_names,
        default=list(WAYS),
        metavar="NAMES",
        help="ways to the primary, with commas (default: route_vip,polling,listener; listener is deployed by itself, as it "
        "excludes polling)",
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", metavar="FOLDER", help="where results go (default: build)"
    )
    parser.add_argument("--quick", action="store_true", help="two faults, without what people use today beside them")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--stop", action="store_true", help="stop after a fault with an invariant that didn't hold")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output, and no table")
    parser.add_argument(
        "--scale", type=float, default=1, help="by what IRIS's waiting times are multiplied (default: 1, as they are)"
    )
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def deployments(strategies: Sequence[str]) -> list[list[str]]:
    """The endpoints that have to be deployed for all strategies to be measured.

    Polling and listener exclude each other; and route_vip isn't deployed alone, as it is refused where clients come from
    outside.
    """
    beside = ["route_vip", "polling"] if "route_vip" in strategies else [name for name in strategies if name == "polling"]
    return [part for part in (beside, ["listener"] if "listener" in strategies else []) if part]


def _drill(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tests.drill import report
    from tests.drill.faults import FAULTS, QUICK
    from tests.drill.progress import Progress

    names = options.faults or (list(QUICK) if options.quick else [fault.name for fault in FAULTS])
    began = time.monotonic()
    found = Found()
    with Progress(Console(stderr=True)) as progress:
        for strategies in deployments(options.strategies):
            _go_through(strategies, names, options, progress, found)
    runs: list[Run] = found.runs
    found.more["seconds"] = round(time.monotonic() - began)
    plain = [fault.name for fault in FAULTS if fault.members_only]
    _write(options, found, plain)
    if options.json:
        print((options.output / RESULT).read_text(), end="")
    else:
        console = Console() if sys.stdout.isatty() else Console(width=170)
        report.show(console, runs, plain, options.scale)
        for problem in found.stopped:
            console.print(f"[red]not measured: {problem}[/red]")
        console.print(f"{found.more['seconds']} s; written to {options.output}: {RESULT}, {TABLE}, {PICTURE}, {LOG}")
    return 1 if found.stopped or any(run.invariants_broken for run in runs) else 0


def _go_through(
    strategies: Sequence[str], names: Sequence[str], options: argparse.Namespace, progress: Progress, found: Found
) -> None:
    """All faults with one deployment."""
    from tests.drill.faults import FAULTS
    from tests.drill.runner import NotWellError, Runner, empty_baseline
    from tests.drill.world import World

    chosen = [fault for fault in FAULTS if fault.name in names and (not fault.automation or list(strategies) != ["polling"])]
    baselines = not options.quick and list(strategies) != ["listener"]
    while chosen:
        # What one fault leaves broken isn't blamed on those that follow: they get a world of their own.
        progress.title(f"setting up {', '.join(strategies)}")
        began = time.monotonic()
        with World(strategies, scale=options.scale, baselines=baselines, say=progress.say) as world:
            found.more.setdefault(f"setup_s_{'_'.join(strategies)}", round(time.monotonic() - began, 1))
            runner = Runner(world, progress.say)
            while chosen:
                fault = chosen.pop(0)
                progress.title(f"{', '.join(strategies)}: {fault.name}")
                try:
                    runs = runner.run(fault)
                except (NotWellError, AssertionError) as problem:
                    found.stopped.append(f"{', '.join(strategies)}, {fault.name}: {problem}")
                    progress.say(f"not measured: {problem}")
                    break
                progress.done(fault.name, runs)
                if any(run.invariants_broken for run in runs):
                    if options.stop:
                        found.stopped.append(f"after {fault.name}, as an invariant did not hold")
                        chosen.clear()
                    break
            progress.say("cleaning up")
            if baselines:
                missing = found.more.setdefault("routes_missing_with_delete_then_create", [])
                missing += empty_baseline(world)
        found.runs += runner.runs
        found.rows += runner.rows
        found.logs += runner.logs


class Found:
    """What the drill found, over all deployments.

    Attributes:
        runs: What came of each fault.
        rows: Of the picture.
        logs: What members said where something didn't hold.
        stopped: What could not be measured, and why.
        more: What else stands in the document.
    """

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.rows: list[Row] = []
        self.logs: list[str] = []
        self.stopped: list[str] = []
        self.more: dict[str, Any] = {}


def _write(options: argparse.Namespace, found: Found, plain: Sequence[str]) -> None:
    from tests.drill import picture, report

    folder: Path = options.output
    report.write(
        folder / RESULT, report.document(found.runs, plain, options.scale, {**found.more, "not_measured": found.stopped})
    )
    (folder / TABLE).write_text(report.markdown(found.runs, plain, options.scale))
    (folder / LOG).write_text("\n".join(found.logs))
    if found.rows:
        picture.draw(folder / PICTURE, found.rows, report.times_line(options.scale))


if __name__ == "__main__":
    sys.exit(main())
