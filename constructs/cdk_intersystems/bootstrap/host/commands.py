"""The command `cdk-host`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence

from . import apply, run
from .errors import StepError
from .unsent import send

if TYPE_CHECKING:
    from .context import Context


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: What stands behind its name.

    Returns:
        The exit status: 0 if all is as it should be, 1 if not; that of `role` is told by its help.
    """
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        print("cdk-host has to be run by root", file=sys.stderr)  # noqa: T201
        return 1
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (StepError, OSError) as error:
        print(f"cdk-host: {run.in_one_line(error, run.Lines(kept=False))}", file=sys.stderr)  # noqa: T201
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cdk-host", description="Makes this host what its deployment says, and tells what it is."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], does: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
        made.set_defaults(command=command)
        return made

    for phase in ("prepare", "serve"):
        does = {
            "prepare": "do what this host needs at each start, before IRIS; what is in place is left alone",
            "serve": "do what needs other hosts or a running IRIS, unless it was done with this version",
        }[phase]
        steps = add(phase, {"prepare": _prepare, "serve": _serve}[phase], does)
        steps.add_argument("--only", nargs="+", metavar="STEP", default=[], help="only these steps")
    applies = add("apply", _apply, "fetch the version that is published for this host, and make the host be as it says")
    applies.add_argument(
        "--even-primary", action="store_true", help="also if this member is primary, which may cost a failover"
    )
    tells = add("status", _status, "tell role, version and the last failure")
    tells.add_argument("--json", action="store_true", help="tell it in JSON")
    tells.add_argument("--offline", action="store_true", help="don't ask which version is published")
    asks = add("role", _role, "tell the role in the mirror; exit status 0 primary, 1 not primary, 2 unknown")
    asks.add_argument("--json", action="store_true", help="tell it in JSON")
    does = (
        "what the runbooks of a mirror have a failover member do: tell what it is, wait until it is the backup, hand over, stop"
    )
    member = add("member", _member, does)
    member.add_argument("what", choices=("tell", "await", "hand-over", "stop"))
    member.add_argument("--needs", choices=("ready", "active"), default="ready", help="what the mirror has to be")
    member.add_argument("--seconds", type=float, default=3600, help="for how long to await it")
    add("image", _image, "make this machine what an image is to have, which is no host of a deployment, and leave no trace")
    add("authorize", _doing("authorize"), "have this mirror take the members and servers that the deployment names")
    add("renew", _doing("renew"), "renew this host's certificate if a third of its days is left")
    add("leave", _doing("leave"), "wait until Auto Scaling wants this server to go, then leave in good order")
    add("await-region", _await_region, "start this application server, which waits, once its region has a primary")
    add("discover", _doing("discover"), "look for the application servers behind this web server")
    return parser


def _prepare(options: argparse.Namespace) -> int:
    return apply.prepare(run.Lines(), options.only)


def _serve(options: argparse.Namespace) -> int:
    return apply.serve(run.Lines(), options.only)


def _apply(options: argparse.Namespace) -> int:
    return apply.apply(run.Lines(), even_primary=options.even_primary)


def _status(options: argparse.Namespace) -> int:
    found = apply.status(offline=options.offline)
    if options.json:
        print(json.dumps(found, indent=2))  # noqa: T201
    else:
        for name, value in found.items():
            print(f"{name}: {_shown(value)}")  # noqa: T201
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return {None: "none", True: "yes", False: "no"}.get(value, str(value))


def _role(options: argparse.Namespace) -> int:
    from .context import CONFIG
    from .description import read_description
    from .role import tell_role

    return tell_role(read_description(CONFIG / "host.json").instance, as_json=options.json)


def _member(options: argparse.Namespace) -> int:
    from . import member

    return member.do(options.what, needs=options.needs, seconds=options.seconds)


def _image(_options: argparse.Namespace) -> int:
    from . import image

    # Kept for CloudWatch it would be in the image.
    image.build(run.Lines(kept=False))
    return 0


def _await_region(_options: argparse.Namespace) -> int:
    from .steps.ecp import ecp_is_connected
    from .steps.instance import is_to_start, start_instance

    lines = run.Lines(kept=False)
    if is_to_start(run.open_host(lines)):
        lines = run.Lines()
        with run.alone(lines):
            host = run.open_host(lines)
            start_instance(host)
            ecp_is_connected(host)
            send(host)
    return 0


def _doing(name: str) -> Callable[[argparse.Namespace], int]:
    def command(_options: argparse.Namespace) -> int:
        # The others run every few seconds, or for as long as the host does.
        lines = run.Lines(kept=name == "renew")
        with run.alone(lines) if name == "renew" else nullcontext():
            host = run.open_host(lines)
            _work(name)(host)
            if name == "renew" and host.description.role == "web":
                from .steps.web_server import web_server

                # It serves with a copy. Also if nothing was renewed now: it may have been, and interrupted.
                web_server(host)
            if name == "renew" and lines.something_done:
                send(host)
        return 0

    return command


def _work(name: str) -> Callable[[Context], Optional[Any]]:
    """What a command does. Imported here: `discover` runs every few seconds, and needs little of it."""
    if name == "leave":
        from .steps.leaving import leave

        return leave
    if name == "authorize":
        from .steps.authorize import authorize

        return authorize
    if name == "renew":
        from .steps.certificates import renew

        return renew
    from .steps.discovery import discover

    return discover
