"""The gate of a member: the rules, and the service that opens it while the member is primary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import services
from ..context import SETTINGS

if TYPE_CHECKING:
    from ..context import Context

SERVICE = "iris-gate.service"
RULES = SETTINGS / "gate.nft"
#: Where people find the program.
COMMAND = Path("/usr/local/sbin/iris-gate")


def gate(host: Context) -> None:
    """Installs the gate and has it held: closed, unless the instance is primary.

    The service takes up other rules and another version of its program by itself, and the lease stays as it is. For another
    unit it has to be restarted, which closes the gate: not while it is open.

    A disaster recovery member has one too, closed: its region's endpoint leads to it, and after a promotion it is primary.

    Args:
        host: The host.

    Raises:
        StepError: The rules are wrong, or the service doesn't start.
    """
    program = ["/bin/bash", str(host.code("gate/iris-gate"))]
    rules = host.config("gate.nft").read_text(encoding="utf-8")
    if not RULES.exists() or RULES.read_text(encoding="utf-8") != rules:
        # Found out here, rather than by the service, which would go on with the former ones.
        host.run(["nft", "--check", "--file", "-"], stdin=rules)
        host.write(RULES, rules)
    host.write(SETTINGS / "gate.env", f"IRIS_INSTANCE={host.description.instance}\n")
    host.write(COMMAND, f'#!/bin/sh\nexec {" ".join(program)} "$@"\n', mode=0o755)
    another = services.install(host, host.code(f"gate/{SERVICE}"))
    if services.keep_running(host, SERVICE) and another and host.run([*program, "status"], check=False).status:
        host.run(["systemctl", "restart", SERVICE])
