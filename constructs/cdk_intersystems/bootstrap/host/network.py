"""What a host can tell of others over the network."""

from __future__ import annotations

import http.client
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .layout import MIRROR_STATUS_PORT, SUPERSERVER_PORT

if TYPE_CHECKING:
    from .context import Context

_SECONDS = 3

#: The path that every web gateway has for its local server, and our responder too.
_MIRROR_STATUS = "/csp/bin/mirror_status.cxw"

#: Source: the kernel's documentation, Networking, "The proc/net/tcp and proc/net/tcp6 variables"; include/net/tcp_states.h.
_TABLE, _ESTABLISHED = Path("/proc/net/tcp"), "01"


def takes_connections(address: str, port: int, seconds: float = _SECONDS) -> bool:
    """Whether somebody takes a connection there.

    Args:
        address: The address.
        port: The port.
        seconds: How long that may take. Default: 3.
    """
    try:
        socket.create_connection((address, port), timeout=seconds).close()
    except OSError:
        return False
    return True


def is_primary(address: str) -> bool:
    """Whether the mirror member at an address says that it is the primary.

    Args:
        address: The address.
    """
    connection = http.client.HTTPConnection(address, MIRROR_STATUS_PORT, timeout=_SECONDS)
    try:
        connection.request("GET", _MIRROR_STATUS)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def others_of(host: Context, *, everywhere: bool) -> dict[str, str]:
    """System name -> address of the members of the mirror that aren't this host.

    Args:
        host: The host.
        everywhere: Whether those in other places count too. Default: those of the host's region alone.
    """
    mirror = host.description.mirror
    elsewhere = {name: other.address for name, other in mirror.others.items()} if everywhere else {}
    return {name: address for name, address in {**mirror.members, **elsewhere}.items() if name != host.description.name}


def primary_of(host: Context, *, everywhere: bool = False) -> Optional[str]:
    """The system name of the member that is the primary, of those that aren't this host; None if none says so.

    Args:
        host: The host.
        everywhere: Whether members in other places are asked too.
    """
    for name, address in others_of(host, everywhere=everywhere).items():
        if is_primary(address):
            return name
    return None


def wait_for_primary(host: Context, what: str, seconds: float, *, everywhere: bool = False) -> str:
    """Waits until another member is the primary.

    Args:
        host: The host.
        what: What is waited for, as the end of a sentence.
        seconds: How long at most.
        everywhere: Whether it may be one in another place.

    Returns:
        Its system name.

    Raises:
        StepError: None was in time.
    """
    found: list[str] = []

    def is_there() -> bool:
        found.extend(filter(None, [primary_of(host, everywhere=everywhere)]))
        return bool(found)

    host.wait_until(what, is_there, seconds=seconds, every=3)
    return found[0]


def waits_for_the_mirror(host: Context) -> bool:
    """Whether a tier's server stands in a region that waits for disaster recovery: no member there is primary now.

    Args:
        host: The host.
    """
    region = host.description.region
    return region is not None and region.role == "dr" and primary_of(host) is None


def connected_to_superserver() -> set[str]:
    """The addresses that have a connection to the superserver of this host now, as the kernel knows them."""
    found = set()
    for line in _TABLE.read_text(encoding="ascii").splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == SUPERSERVER_PORT:
            found.add(socket.inet_ntoa(struct.pack("=I", int(remote.rpartition(":")[0], 16))))
    return found
