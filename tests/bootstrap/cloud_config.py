"""cloud-init's part in a host of the lab that was made of a disk that is not new: it does what its own user data says.

Source: cloud-init's documentation, "Boot stages" and the modules `bootcmd` and `runcmd`. Both are lists of commands that are
written into a script for `sh` and run in order, whatever came of the one before. `bootcmd` runs "very early in the boot
process", on Ubuntu before `sysinit.target`, so that neither D-Bus nor logind is there; `runcmd` when all has started.
"""

import shlex
from pathlib import Path
from typing import Any

import yaml

_FOLDER = "/var/lib/cloud/instance/scripts"
_EARLY = f"""\
[Unit]
Description=bootcmd of the instance's user data
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart=/bin/sh {_FOLDER}/bootcmd
StandardOutput=journal
"""
_LATE = f"""\
[Unit]
Description=runcmd of the instance's user data
After=multi-user.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
KillMode=process
ExecStart=/bin/sh {_FOLDER}/runcmd
StandardOutput=journal
"""


def give(disk: Path, user_data: str) -> None:
    """Has a host that is off do what its user data says when it starts, and no more what was its original's.

    Args:
        disk: The upper layer of its disk.
        user_data: A configuration of cloud-init.
    """
    head, _, body = user_data.partition("\n")
    assert head == "#cloud-config", head
    config = yaml.safe_load(body)
    units = disk / "etc/systemd/system"
    for name in ("user-data.service", "multi-user.target.wants/user-data.service"):
        (units / name).unlink(missing_ok=True)
    scripts = disk / _FOLDER.lstrip("/")
    scripts.mkdir(parents=True, exist_ok=True)
    for name, text, target in (("bootcmd", _EARLY, "sysinit.target"), ("runcmd", _LATE, "default.target")):
        (scripts / name).write_text(_shell(config[name]))
        (units / f"{name}.service").write_text(text)
        wants = units / f"{target}.wants"
        wants.mkdir(exist_ok=True)
        (wants / f"{name}.service").symlink_to(f"../{name}.service")


def _shell(commands: list[Any]) -> str:
    lines = [each if isinstance(each, str) else shlex.join(str(word) for word in each) for each in commands]
    return "\n".join(["#!/bin/sh", *lines, ""])
