"""The host's name, and the names of the hosts it works with."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

from ..errors import StepError

if TYPE_CHECKING:
    from ..context import Context

_HOSTS = Path("/etc/hosts")
_NAME = Path("/etc/hostname")
#: Without it cloud-init sets the name of the instance metadata, and writes /etc/hosts from a template, at each start.
_CLOUD_INIT = Path("/etc/cloud/cloud.cfg.d/99-cdk-intersystems.cfg")
_CLOUD_INIT_TEXT = "# Written by cdk-host; changes are overwritten.\npreserve_hostname: true\nmanage_etc_hosts: false\n"
_BEGIN, _END = "# Begin of what cdk-host writes; changes are overwritten.", "# End of what cdk-host writes."
#: Of the servers of a tier, whose names end with so many characters of their instance ids: enough to tell them apart.
_SUFFIX = 8
#: Source: hostname(7): parts of 63 characters at most, letters, digits and hyphens, no hyphen at either end.
_POSSIBLE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def host_name(host: Context) -> None:
    """Gives the host its name, and has it know the addresses of its neighbours, and its own, without DNS.

    Mirror members tell each other their names, so a name has to mean the fixed address everywhere, on the host itself too.

    Args:
        host: The host.

    Raises:
        StepError: The name can't be one, or the address isn't the fixed one.
    """
    name = name_of(host)
    if not _POSSIBLE.fullmatch(name):
        raise StepError(f"{name!r} can't be the name of a host: letters, digits and hyphens, 63 at most")
    fixed = host.description.hosts.get(name)
    if fixed is not None and fixed != host.me.address:
        raise StepError(f"this instance has the address {host.me.address}, and {name} has to have {fixed}: its stack fixes it")
    host.write(_CLOUD_INIT, _CLOUD_INIT_TEXT)
    host.write(_NAME, f"{name}\n")
    if socket.gethostname() != name:
        socket.sethostname(name)
        host.log(f"named this host {name}")
    found = _HOSTS.read_text(encoding="utf-8") if _HOSTS.exists() else "127.0.0.1 localhost\n::1 localhost\n"
    host.write(_HOSTS, _hosts_file(found, {**host.description.hosts, name: host.me.address}))


def name_of(host: Context) -> str:
    """The name of this host. Servers of a tier share a description and have a piece of the instance id in theirs.

    Args:
        host: The host.
    """
    name = host.description.name
    return f"{name}-{host.me.instance_id[-_SUFFIX:]}" if host.description.host == "server" else name


def _hosts_file(found: str, hosts: Mapping[str, str]) -> str:
    """The file with our lines in it, and without others about the same names, such as a 127.0.1.1 for the host's own."""
    kept, ours = [], False
    for line in found.splitlines():
        ours = ours or line == _BEGIN
        words = line.partition("#")[0].split()
        names = {word.lower() for word in words[1:]}
        if not ours and not names & {name.lower() for name in hosts}:
            kept.append(line)
        ours = ours and line != _END
    lines = [f"{address} {name}" for name, address in sorted(hosts.items())]
    return "\n".join([*kept, _BEGIN, *lines, _END]) + "\n"
