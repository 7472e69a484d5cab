"""Loses a region for real, promotes the other one, and moves back; `make drill-dr`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.drill import own_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
RESULT = "drill-dr.json"
sys.path[:0] = [str(ROOT), str(ROOT / "constructs"), str(ROOT / "lambda")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it and returns its exit code: 0 all held, 1 something didn't, 2 it can't be run here."""
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        print("the drill needs root, for network namespaces and block devices", file=sys.stderr)
        return 2
    if missing := [tool for tool in ("haproxy", "nft", "ip", "systemctl", "unshare") if not shutil.which(tool)]:
        print(f"the drill needs {', '.join(missing)}: make packages", file=sys.stderr)
        return 2
    own_namespace.enter(["-m", "tests.drill_dr", *(sys.argv[1:] if arguments is None else arguments)])
    return _drill(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill_dr", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", metavar="FOLDER", help="where the result goes (default: build)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output, and no table")
    parser.add_argument(
        "--scale", type=float, default=1, help="by what IRIS's waiting times are multiplied (default: 1, as they are)"
    )
    parser.add_argument(
        "--ttl", type=float, default=30, help="for how many seconds a client keeps a name's answer (default: 30, as deployed)"
    )
    return parser


def _drill(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tests.drill.progress import Progress
    from tests.drill_dr import report
    from tests.drill_dr.story import Story
    from tests.drill_dr.world import World

    began = time.monotonic()
    with Progress(Console(stderr=True)) as progress, World(scale=options.scale, ttl=options.ttl, say=progress.say) as world:
        setup = round(time.monotonic() - began, 1)
        story = Story(world, progress.say, progress.title)
        try:
            story.run()
        except AssertionError as problem:
            story.problems.append(f"the drill stopped: {problem}")
            progress.say(story.problems[-1])
        progress.title("cleaning up")
        progress.say("ending hosts")
    found = {
        "setup_s": setup,
        "seconds": round(time.monotonic() - began, 1),
        "scale_of_iris_waiting_times": options.scale,
        "name_ttl_s": options.ttl,
        **story.found,
        "problems": story.problems,
    }
    report.write(options.output / RESULT, found)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        report.show(Console() if sys.stdout.isatty() else Console(width=150), found)
        print(f"{found['seconds']:.0f} s; written to {options.output / RESULT}")
    return 1 if story.problems else 0


if __name__ == "__main__":
    sys.exit(main())
