"""The commands of the embedded AWS: `python -m local deploy` and `python -m local serve`."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from local import cdk, inventory, table
from local.progress import Progress
from local.server import DEFAULT_ACCOUNT, REPOSITORY, EmbeddedAws, EmbeddedAwsError
from local.verify import DIFFERENT, verify

_PIPE_WIDTH = 150


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrongly called or wrongly configured."""
    options = _parser().parse_args(arguments)
    # The default action of these would skip every clean-up; as an exception they run it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    errors = Console(stderr=True)
    try:
        return _deploy(options, errors) if options.command == "deploy" else _serve(options, errors)
    except cdk.ConfigurationRefusedError as error:
        errors.print(str(error), markup=False, highlight=False)
        return 2
    except cdk.CdkError as error:
        errors.print(f"the deployment failed:\n{error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except EmbeddedAwsError as error:
        errors.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130


def _stop(number: int, frame: object) -> None:
    """Leave by way of every `finally`."""
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    deploy = commands.add_parser(
        "deploy",
        help="deploy a deployment into an embedded AWS and show what runs where",
        description="Starts an embedded AWS, bootstraps it, deploys every stack of a deployment with the CDK CLI, "
        "compares what was asked for with what the emulator reports, shows what runs where, and stops it again.",
    )
    deploy.add_argument("deployment", nargs="?", default="trakcare", help="a file in config/, without .yaml")
    deploy.add_argument("--json", action="store_true", help="print the result as one JSON document on standard output")
    deploy.add_argument("--keep", action="store_true", help="keep the embedded AWS running afterwards, until Ctrl-C")
    deploy.add_argument(
        "--app",
        help="the command of another CDK app to deploy, in place of this repository's, with absolute paths",
        metavar="COMMAND",
    )
    serve = commands.add_parser(
        "serve",
        help="keep an embedded AWS running and print the environment to use it with",
        description="Starts an embedded AWS and prints the environment variables a client needs, until Ctrl-C.",
    )
    serve.add_argument("--account", default=DEFAULT_ACCOUNT, help="the account, twelve digits")
    return parser


def _deploy(options: argparse.Namespace, errors: Console) -> int:
    """Deploy, compare, show."""
    app = options.app or shlex.join([sys.executable, str(REPOSITORY / "app.py")])
    with Progress(errors) as progress:
        progress.step("starting the embedded AWS")
        with EmbeddedAws(loopback_only=True) as aws:
            progress.step(f"synthesizing {options.deployment}")
            assembly = cdk.synthesize(aws, app, {"deployment": options.deployment})
            stacks = cdk.stacks(assembly, aws.account)
            environments = sorted({(stack.account, stack.region) for stack in stacks})
            progress.step(f"bootstrapping {', '.join('/'.join(environment) for environment in environments)}")
            cdk.bootstrap(aws, environments, progress.line)
            progress.step(f"deploying {len(stacks)} stacks")
            cdk.deploy(aws, assembly, progress.line)
            progress.step("comparing desired with reported properties")
            findings = verify(aws, stacks)
            collected = inventory.collect(aws, stacks, findings)
            progress.step("done")
            if options.json:
                # At once: with --keep the end is far off.
                print(json.dumps(collected, indent=2, default=str), flush=True)
            else:
                # Into a file or a pipe rich would squeeze the tables into 80 columns.
                table.show(collected, Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH))
            if options.keep:
                _keep(aws, errors, progress)
    return 1 if any(finding.status == DIFFERENT for finding in findings) else 0


def _serve(options: argparse.Namespace, errors: Console) -> int:
    """Serve until interrupted."""
    with EmbeddedAws(options.account, loopback_only=True) as aws:
        _keep(aws, errors, None)
    return 0


def _keep(aws: EmbeddedAws, errors: Console, progress: Progress | None) -> None:
    """Print the environment and wait for an interrupt."""
    if progress:
        progress.stop()
    for name, value in sorted(aws.env.items()):
        if name.startswith(("AWS_", "CDK_", "NO_PROXY", "no_proxy")):
            errors.print(f"export {name}={shlex.quote(value)}", markup=False, highlight=False, soft_wrap=True)
    errors.print("the embedded AWS runs until Ctrl-C", markup=False)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    # `local` is found from wherever the command is run.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
