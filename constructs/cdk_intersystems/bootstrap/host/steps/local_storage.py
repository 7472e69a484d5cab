"""Instance store volumes: for what needs not survive a stop of the instance, made anew at each start."""

from __future__ import annotations

import errno
import grp
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StepError
from .block_devices import BY_ID
from .lvm import logical_volume, volume_link
from .mounts import OPTIONS, mounted_at, protect_mount_point
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from ..context import Context

#: Where it is mounted: IRISTEMP and what else may be lost belongs there.
MOUNT_POINT = Path("/irissys/local")

_LABEL = "iris-local"
_GROUP_FOR = "local"
#: How udev names them: by the model, and a serial number of their own. Source: Amazon EC2 User Guide, "Instance store volumes".
_LINKS = "nvme-Amazon_EC2_NVMe_Instance_Storage_*"
SECONDS_TO_APPEAR = 15
_MODE = 0o775


def local_storage(host: Context) -> None:
    """Makes a file system on the instance store volumes and mounts it, once at each start of the host.

    It is made anew even after a reboot, which the data would have survived: then it is always empty when IRIS starts, and
    nobody comes to rely on more.

    Args:
        host: The host.

    Raises:
        StepError: The instance type has none, or one is used for something else.
    """
    if not host.description.local_storage:
        return
    if not mounted_at(MOUNT_POINT):
        _make(host)
    os.chown(MOUNT_POINT, pwd.getpwnam(IRISOWNER).pw_uid, grp.getgrnam(IRISUSR).gr_gid)
    MOUNT_POINT.chmod(_MODE)


def _make(host: Context) -> None:
    host.wait_until(
        "an instance store volume below /dev/disk/by-id: choose an instance type that has one, or leave local_storage out",
        lambda: bool(_devices()),
        seconds=SECONDS_TO_APPEAR,
        every=0.5,
    )
    device = _device(host, _devices())
    _refuse_if_in_use(device)
    host.run(["mkfs.xfs", "-q", "-f", "-K", "-L", _LABEL, str(device)])
    protect_mount_point(host, MOUNT_POINT)
    # No unit for it: systemd would mount the last start's file system before this step could make a new one.
    host.run(["mount", "-t", "xfs", "-o", OPTIONS, str(device), str(MOUNT_POINT)])


def _device(host: Context, devices: list[Path]) -> Path:
    if len(devices) == 1:
        return devices[0]
    if not volume_link(_GROUP_FOR).exists():
        for device in devices:
            _refuse_if_in_use(device)
            # What is on it is of a former start, or of nobody.
            host.run(["wipefs", "--all", "--quiet", str(device)])
    return logical_volume(host, _GROUP_FOR, devices, "the instance store volumes", known_empty=True)


def _devices() -> list[Path]:
    links = BY_ID.glob(_LINKS)
    return sorted({link.resolve() for link in links if "-part" not in link.name and link.is_block_device()})


def _refuse_if_in_use(device: Path) -> None:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_EXCL))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise StepError(f"{device} is an instance store volume in use for something else: unmount it, and run again") from None
