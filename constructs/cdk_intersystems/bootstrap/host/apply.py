"""Phases and versions as units and people ask for them: prepare, serve, apply, status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Sequence

from .. import first_boot
from . import run
from .aws import ssm
from .aws.client import Aws
from .context import BUNDLES, CODE, CONFIG, Context
from .description import read_description
from .errors import StepError
from .services import UNITS
from .unsent import send

if TYPE_CHECKING:
    from pathlib import Path

    from .run import Lines

SERVE_UNIT = UNITS / "cdk-host-serve.service"
_SERVE_UNIT_TEXT = f"""\
[Unit]
Description=Has this host do what its deployment says, once for each version
After=cdk-host.service network-online.target ISCAgent.service iris.service
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {CODE}/cdk-host serve
"""


def prepare(lines: Lines, only: Sequence[str] = ()) -> int:
    """Prepares this host, and has it serve if it doesn't with this version.

    Args:
        lines: Where what is said goes.
        only: Names of the steps to do, and then nothing else. Default: all.

    Returns:
        The exit status.
    """

    def have_it_serve(host: Context) -> None:
        if host.write(SERVE_UNIT, _SERVE_UNIT_TEXT):
            host.run(["systemctl", "daemon-reload"])
        # It sends what was said, too: here that would hold up IRIS.
        if run.served() != run.version() or lines.something_done:
            host.run(["systemctl", "start", "--no-block", SERVE_UNIT.name])

    with run.alone(lines):
        return int(not run.run_phase(lines, "prepare", have_it_serve, only))


def serve(lines: Lines, only: Sequence[str] = ()) -> int:
    """Has this host serve, unless it does with this version.

    Args:
        lines: Where what is said goes.
        only: Names of the steps to do, and then nothing else. Default: all.

    Returns:
        The exit status.
    """

    def tell_and_note(host: Context) -> None:
        first_boot.signal(host.aws, host.me, "SUCCESS")
        host.write(run.SERVED, run.version() + "\n")
        lines.say(f"serves with version {run.version()}")
        send(host)

    with run.alone(lines):
        if not only and run.served() == run.version():
            send(run.open_host(lines))
            return 0
        return int(not run.run_phase(lines, "serve", tell_and_note, only))


def apply(lines: Lines, *, even_primary: bool = False) -> int:
    """Fetches what is published for this host, and prepares and serves with it.

    Args:
        lines: Where what is said goes.
        even_primary: Whether also a primary does that.

    Returns:
        The exit status.

    Raises:
        StepError: This member is primary, or may be, or the bundle can't be fetched.
    """
    with run.alone(lines):
        before, host = first_boot.CURRENT.resolve(), CONFIG.resolve().name
        if not before.is_dir():
            raise StepError("nothing was applied to this host yet: run systemctl restart cdk-host")
        if not even_primary:
            _refuse_primary()
        # Not by what the applied bundle says of this host: it may be what has to be mended.
        me = first_boot.Metadata().identity()
        first_boot.apply(Aws(me), me)
        after = first_boot.CURRENT.resolve()
        lines.say(_difference(before, after, host))
        keep = {before.name, after.name}
        for folder in BUNDLES.iterdir() if before != after else ():
            if folder.name not in keep:
                shutil.rmtree(folder)
    # By the code of that version, which isn't this one.
    for phase in ("prepare", "serve"):
        status = subprocess.run([sys.executable, "-I", f"{CODE}/cdk-host", phase], check=False).returncode
        if status:
            return status
    return 0


def status(*, offline: bool) -> dict[str, Any]:
    """What this host is.

    Args:
        offline: Whether AWS isn't asked.

    Returns:
        role, name, version, published (the version to apply; None: unknown), served (the version), failure (None, or phase,
        step, said, version, time).

    Raises:
        StepError: Nothing was applied yet.
    """
    failure = run.last_failure()
    description = read_description(CONFIG / "host.json")
    return {
        "role": description.role,
        "name": description.name,
        "version": run.version(),
        "published": None if offline else _published(),
        "served": run.served() or None,
        "failure": vars(failure) if failure else None,
    }


def _published() -> str | None:
    with suppress(StepError, ValueError, KeyError):
        me = first_boot.Metadata().identity()
        description = read_description(CONFIG / "host.json")
        name = f"/cdk-intersystems/{description.deployment}/{description.group}/bootstrap"
        return str(json.loads(ssm.get_parameter(Aws(me), name))["bundle"]["sha256"])
    return None


def _refuse_primary() -> None:
    from ..gate import role

    description = read_description(CONFIG / "host.json")
    if description.role != "member" or shutil.which("iris") is None:
        return
    answer = role.ask("iris", description.instance)
    # One that can't be asked, because it hangs or is in trouble, may well be primary.
    if answer.word != "not primary":
        raise StepError(
            f"this member is primary, or may be ({answer.why}): apply to the backup first and let it take over, or add "
            "--even-primary"
        )


def _difference(before: Path, after: Path, host: str) -> str:
    if before == after:
        return f"{after.name} is published, and applied already"
    old, new = _files(before, host), _files(after, host)
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return f"applied {after.name} after {before.name}; changed: {', '.join(changed) or 'nothing for this host'}"


def _files(folder: Path, host: str) -> dict[str, bytes]:
    """What of a bundle this host has: its configuration by name, and all code as one."""
    config = {path.name: path.read_bytes() for path in (folder / "config" / host).iterdir()}
    code = [
        (str(path.relative_to(folder)), path.read_bytes())
        for path in sorted((folder / "bootstrap").rglob("*.*"))
        if path.is_file()
    ]
    return {**config, "code": repr([each for each in code if not each[0].endswith(".pyc")]).encode()}
