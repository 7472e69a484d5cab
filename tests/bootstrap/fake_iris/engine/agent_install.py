"""Installing the ISCAgent: with an instance (HA 3.1.3), or alone by `agentinstall` (HA 4.3)."""

import os
import pwd
import subprocess
from pathlib import Path

from .files import REGISTRY, note_call

#: HA 4.14.1.2: the unit file is installed; services are disabled by default. What else stands in it isn't public.
_UNIT = Path("/etc/systemd/system/ISCAgent.service")
_UNIT_TEXT = """\
[Unit]
Description=InterSystems Agent
After=network.target

[Service]
Type=forking
PIDFile=/run/iscagent.pid
ExecStart={registry}/ISCAgent

[Install]
WantedBy=multi-user.target
"""


def main(arguments: list[str]) -> int:
    """`agentinstall`. Without ISC_PACKAGE_MODE=unattended it asks, as its users' scripts show: a number, then yes."""
    note_call("agentinstall", arguments)
    if os.environ.get("ISC_PACKAGE_MODE") != "unattended":
        try:
            agreed = input("Select agent platform: ") == "1" and input("Proceed? ").lower() in ("y", "yes")
        except EOFError:
            agreed = False
        if not agreed:
            print("Installation aborted")
            return 1
    if os.geteuid() != 0:
        print("agentinstall must be run by root")
        return 1
    install(Path(__file__).resolve().parent.parent)
    print("ISCAgent installed")
    return 0


def install(program: Path) -> None:
    """Installs it; the user iscagent and its group are made if they aren't there (HA 4.14.1).

    Args:
        program: Where main program and engine are.
    """
    from .install import copy_program, write_program

    if "iscagent" not in [entry.pw_name for entry in pwd.getpwall()]:
        subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "iscagent"],
                       check=True)  # fmt: skip
    REGISTRY.mkdir(parents=True, exist_ok=True)
    if program != REGISTRY / "fake":
        copy_program(REGISTRY / "fake")
    write_program(REGISTRY / "ISCAgent", REGISTRY / "fake" / "main.py", "ISCAgent")
    _UNIT.parent.mkdir(parents=True, exist_ok=True)
    _UNIT.write_text(_UNIT_TEXT.format(registry=REGISTRY))
