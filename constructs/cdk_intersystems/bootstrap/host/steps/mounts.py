"""Mounts of volumes: units of systemd, and mount points that nothing can be written to while their volume is not there.

Units and not lines of /etc/fstab: what stands there is mounted at each start before anything could look at it, and a volume
that is missing either stops the start (emergency mode, where nobody reaches the host) or is passed over. These units are
started by the step `volumes` when it knows that each device is the right one, or by IRIS's unit, which requires them. They
wait for their device and hold up nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ..errors import StepError
from ..services import UNITS
from .block_devices import number

if TYPE_CHECKING:
    from ..context import Context

BY_UUID = Path("/dev/disk/by-uuid")

#: noatime: System Resource Planning and Management, "noatime Mount Option". Not nosuid: programs in the installation
#: directory need it (UNIX, Linux, and macOS Installation, "Determining Owners and Groups"). No data=journal on ext4, which
#: IRIS doesn't support.
OPTIONS = "noatime,nodev"

SECONDS_FOR_LINK = 30
#: Replaying the log of a large file system takes its time; systemd's usual limit is 90 s.
_MOUNT_SECONDS = 1800

_UNIT = """\
# Written by cdk-host; changes are overwritten.
[Unit]
Description=IRIS: {role}
DefaultDependencies=no
Conflicts=umount.target
Before=umount.target

[Mount]
What={what}
Where={where}
Type={kind}
Options={options}
TimeoutSec={seconds}
"""

# From linux/fs.h.
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10


@dataclass(frozen=True)
class Mounted:
    """What is mounted somewhere.

    Args:
        number: Its device, `259:3`.
        kind: Its file system.
    """

    number: str
    kind: str


def mounted_at(mount_point: Path) -> Optional[Mounted]:
    """What is mounted at a place; None if nothing is.

    Args:
        mount_point: The place.
    """
    found = None
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[4] == str(mount_point):
            found = Mounted(fields[2], fields[fields.index("-") + 1])
    return found


def check(mount_point: Path, device: Path, what: str) -> None:
    """Refuses a mount that is not of the volume it should be.

    Args:
        mount_point: Where it is mounted.
        device: The volume's device.
        what: What to call the volume in an error.

    Raises:
        StepError: Nothing or something else is mounted there.
    """
    found = mounted_at(mount_point)
    if found is None or found.number != number(device):
        shown = f"device {found.number}" if found else "nothing"
        raise StepError(
            f"{mount_point} has {shown} mounted and not {what}, {device}: unmount it and run cdk-host prepare again"
        )


def protect_mount_point(host: Context, mount_point: Path) -> None:
    """Makes a mount point that can't be written to, by root neither, as long as nothing is mounted there.

    Args:
        host: The host.
        mount_point: Where; nothing is mounted there now.

    Raises:
        StepError: There are files, which the mount would hide.
    """
    mount_point.mkdir(parents=True, exist_ok=True)
    handle = os.open(mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        held = min((each.name for each in mount_point.iterdir()), default="")
        if held:
            raise StepError(f"{mount_point} holds files that its volume would hide ({held}): move them away")
        flags = struct.unpack("l", fcntl.ioctl(handle, _GET_FLAGS, bytes(struct.calcsize("l"))))[0]
        if not flags & _IMMUTABLE:
            os.fchmod(handle, 0)
            fcntl.ioctl(handle, _SET_FLAGS, struct.pack("l", flags | _IMMUTABLE))
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
            raise
        host.log(f"{mount_point} cannot be made immutable on this root file system; only root can write to it")
    finally:
        os.close(handle)


def unit_of(mount_point: Path) -> str:
    """The name systemd wants the unit of a mount point to have.

    Args:
        mount_point: The mount point.
    """
    name = str(mount_point).strip("/")
    if not re.fullmatch(r"[a-z0-9_/]+", name):
        raise StepError(f"{mount_point} is no name for a mount point: small letters, digits, underscores")
    return name.replace("/", "-") + ".mount"


def write_unit(host: Context, mount_point: Path, uuid: str, *, kind: str, role: str) -> bool:
    """Writes the unit of a mount, which systemd knows after `mount`.

    Args:
        host: The host.
        mount_point: Where.
        uuid: UUID of the file system.
        kind: `xfs` or `ext4`.
        role: What it holds.

    Returns:
        Whether it is another one than before.
    """
    text = _UNIT.format(role=role, what=BY_UUID / uuid, where=mount_point, kind=kind, options=OPTIONS, seconds=_MOUNT_SECONDS)
    return host.write(UNITS / unit_of(mount_point), text)


def uuid_of(device: Path) -> Optional[str]:
    """The UUID of the file system on a device, as far as udev knows it.

    Args:
        device: The device.
    """
    links = BY_UUID.iterdir() if BY_UUID.is_dir() else iter(())
    return next((link.name for link in links if link.resolve() == device), None)


def wait_for_uuid(host: Context, device: Path, uuid: str, what: str) -> None:
    """Waits until udev knows a file system by its UUID.

    Args:
        host: The host.
        device: Its device.
        uuid: Its UUID.
        what: What to call the volume in an error.

    Raises:
        StepError: It doesn't come, or stands for another device: a copy of the volume is attached too.
    """
    link = BY_UUID / uuid
    if link.exists() and link.resolve() == device:
        return
    host.run(["udevadm", "trigger", "--action=change", "--settle", str(device)])
    host.wait_until(f"{link} ({what})", link.exists, seconds=SECONDS_FOR_LINK, every=0.2)
    if link.resolve() != device:
        raise StepError(f"{link} is {link.resolve()} and not {what}, {device}: a copy of it is attached, detach that")


def mount(host: Context, mount_points: list[Path]) -> None:
    """Mounts volumes whose units are written.

    Args:
        host: The host.
        mount_points: Where; none only lets systemd know their units.
    """
    host.run(["systemctl", "daemon-reload"])
    if mount_points:
        host.run(["systemctl", "start", *map(unit_of, mount_points)], seconds=_MOUNT_SECONDS + 60)
