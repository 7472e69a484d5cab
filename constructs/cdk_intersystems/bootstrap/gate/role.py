"""The question of the gate: is the instance on this host the primary of its mirror?

`iris qlist` says what role the instance has, and whether it is hung. It may read that from shared memory, which an instance
that stands still leaves as it was. So the superserver is asked too, which is what clients of the endpoint want: a process of
the instance has to take a connection, now. Nothing is sent over it; the kernel tells whether it was taken.
"""

from __future__ import annotations

import select
import socket
import struct
from dataclasses import dataclass

from ..mirror_status.mirror_status import (
    HEALTH_FIELD,
    MEMBER_TYPE_FIELD,
    MIRROR_STATUS_FIELD,
    STATUS_FIELD,
    SUPERSERVER_FIELD,
    UnknownError,
    fields_of,
    output_of,
    seconds,
)

#: What `iris-gate open` makes of the exit status of the command that it asks.
PRIMARY, NOT_PRIMARY, UNKNOWN = 0, 1, 2

#: How long `iris qlist` and the superserver may take: a question that hangs once costs no lease, there is time for the next.
QLIST_SECONDS = 1.0
SUPERSERVER_SECONDS = 0.4
#: How often the kernel is asked whether the connection was taken.
_LOOK_EVERY_MS = 5

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Role:
    """What is known of the instance.

    Args:
        status: `PRIMARY`, `NOT_PRIMARY` or `UNKNOWN`.
        why: On what that rests, in words.
    """

    status: int
    why: str

    @property
    def word(self) -> str:
        """The status in words."""
        return ("primary", "not primary", "unknown")[self.status]


def ask(iris: str, instance: str) -> Role:
    """Asks for the role of the instance, now.

    Args:
        iris: The `iris` command.
        instance: Name of the instance.
    """
    try:
        fields = fields_of(output_of([iris, "qlist", instance], QLIST_SECONDS), instance)
    except UnknownError as error:
        return Role(UNKNOWN, str(error))
    status, member_type, mirror_status = (
        fields[STATUS_FIELD].split(",")[0],
        fields[MEMBER_TYPE_FIELD],
        fields[MIRROR_STATUS_FIELD],
    )
    health = fields[HEALTH_FIELD]
    why = f"instance {instance} is {status}, member type {member_type!r}, mirror status {mirror_status!r}, health {health!r}"
    troubled = "trouble" in mirror_status.lower() or (mirror_status.startswith("Primary") and mirror_status != "Primary")
    if status != "running" or member_type != "Failover" or not (troubled or mirror_status == "Primary"):
        return Role(NOT_PRIMARY, why)
    # In trouble: it has lost the backup and doesn't know yet whether that one takes over; often it is primary again at once.
    # It is documented in more than one way how that shows. Hung: it has told the backup to take over, or is about to.
    # Source: High Availability Guide, "Automatic Failover Mechanics"; Monitoring Guide, "System Monitor Health State".
    if troubled or health.lower() == "hung":
        return Role(UNKNOWN, why)
    if not takes_connections(fields[SUPERSERVER_FIELD], SUPERSERVER_SECONDS):
        return Role(UNKNOWN, f"{why}; no process took a connection at its superserver's port {fields[SUPERSERVER_FIELD]}")
    return Role(PRIMARY, why)


def takes_connections(port: str, limit: float) -> bool:
    """Whether a process takes a new connection at a port of this host, within a time.

    The kernel completes connections for a process that stands still, too, and keeps them. As long as no process has taken a
    connection, this host's end of it belongs to no file.

    Args:
        port: The port, as `iris qlist` shows it.
        limit: How many seconds it may take.
    """
    until = seconds() + limit
    try:
        with socket.create_connection((_LOOPBACK, int(port)), timeout=limit) as connection:
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            while not _was_taken(connection):
                if seconds() >= until:
                    return False
                if poll.poll(_LOOK_EVERY_MS):
                    # The end of the connection, or a greeting, comes from a process. A reset may come from the kernel.
                    connection.recv(1)
                    return True
            return seconds() < until
    except (OSError, ValueError, OverflowError):
        return False


def _was_taken(connection: socket.socket) -> bool:
    """Whether the other end of a connection of this host is in the hands of a process.

    Source: sock_diag(7): one request for exactly that socket, whose answer has the inode of its file, 0 if it has none.
    """
    own, other = connection.getsockname(), connection.getpeername()
    wanted = struct.pack("!HH16s16s", other[1], own[1], socket.inet_aton(other[0]), socket.inet_aton(own[0])) + struct.pack(
        "=III", 0, *(0xFFFFFFFF,) * 2
    )  # any interface, no cookie
    request = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + wanted
    sock_diag_by_family, nlm_f_request, netlink_sock_diag = 20, 1, 4
    header = struct.pack("=IHHII", 16 + len(request), sock_diag_by_family, nlm_f_request, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, netlink_sock_diag) as kernel:
        kernel.settimeout(1)
        kernel.send(header + request)
        answer = kernel.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] != sock_diag_by_family:
        return False
    # After the header (16 bytes): four bytes, the socket's id (48), timer and two queues and the user (16), then the inode.
    return bool(struct.unpack_from("=I", answer, 16 + 4 + 48 + 16)[0])
