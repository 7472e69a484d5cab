"""Volumes of lab hosts: files behind real block devices."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.bootstrap.lab.namespaces import Keeper, run

_LOOP_MAJOR = 7


@dataclass
class Disk:
    """A block device.

    Attributes:
        device: Its name below /dev.
        link: Its name below /dev/disk/by-id. Empty: it has none.
        file: The file behind it, in the lab's mounts.
    """

    device: str
    link: str
    file: Path
    _handle: int

    major: int = _LOOP_MAJOR

    @property
    def minor(self) -> int:
        return int(self.device.removeprefix("loop"))

    def remove(self) -> None:
        """Lets go of the device; it goes when nothing has it mounted any more."""
        os.close(self._handle)


def by_id(volume_id: str) -> str:
    """How udev names the NVMe device of an EBS volume on Red Hat's and Ubuntu's images: by the volume id, without its dash.

    Args:
        volume_id: For example `vol-0123456789abcdef0`.
    """
    return "nvme-Amazon_Elastic_Block_Store_" + volume_id.replace("-", "")


def make_disk(lab: Keeper, folder: Path, name: str, mib: int, link: str) -> Disk:
    """Makes a volume, all zero.

    Args:
        lab: Who keeps the lab's mounts.
        folder: Where its file goes, in those mounts.
        name: Name of the file.
        mib: Its size.
        link: Its name below /dev/disk/by-id.
    """
    file = folder / name
    inside = lab.enter("mount")
    run([*inside, "truncate", "--size", f"{mib}M", file])
    device = run([*inside, "losetup", "--find", "--show", file]).strip()
    # As long as this process has it open it is there, and with this process it goes: detaching a device that is in use only
    # means that it is detached when its last user has gone.
    handle = os.open(device, os.O_RDWR)
    run(["losetup", "--detach", device])
    return Disk(device.removeprefix("/dev/"), link, file, handle)


def grow(lab: Keeper, disk: Disk, mib: int) -> None:
    """Makes a volume larger, as ModifyVolume does.

    Args:
        lab: Who keeps the lab's mounts.
        disk: The volume.
        mib: Its new size.
    """
    run([*lab.enter("mount"), "truncate", "--size", f"{mib}M", disk.file])
    run(["losetup", "--set-capacity", f"/dev/{disk.device}"])
