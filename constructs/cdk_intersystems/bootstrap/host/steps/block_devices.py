"""Block devices: found by the id of their EBS volume, and asked whether they hold anything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ..context import Context

BY_ID = Path("/dev/disk/by-id")

MIB = 1024 * 1024

#: What udev writes behind the serial number, by the age of its rules: nothing, or the number of the NVMe namespace (systemd
#: from 250 writes both, Amazon's own rules the last). EBS volumes have one namespace.
_ENDINGS = ("", "_1", "-ns-1")

# How many places of a device are looked at, and how much at each but the first and the last.
_PIECES = 64
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Signature:
    """What a program recognises a device's content by.

    Args:
        type: For example `xfs`, `gpt` or `LVM2_member`.
        label: A file system's label. Empty: it has none.
        uuid: Its UUID. Empty: it has none.
    """

    type: str
    label: str
    uuid: str


def device_of(volume_id: str) -> Optional[Path]:
    """The device of an EBS volume, None while there is none.

    Its serial number is the volume id without the dash, wherever it was attached and in whichever order. Source: Amazon EBS
    User Guide, "Map Amazon EBS volumes to NVMe device names"; udev's rules make names below /dev/disk/by-id of it.

    Args:
        volume_id: For example `vol-0123456789abcdef0`.
    """
    serial = volume_id.replace("-", "")
    for ending in _ENDINGS:
        link = BY_ID / f"nvme-Amazon_Elastic_Block_Store_{serial}{ending}"
        if link.is_block_device():
            return link.resolve()
    return None


def size(device: Path) -> int:
    """Its size in bytes.

    Args:
        device: The device.
    """
    handle = os.open(device, os.O_RDONLY)
    try:
        return os.lseek(handle, 0, os.SEEK_END)
    finally:
        os.close(handle)


def number(device: Path) -> str:
    """Its number as /proc/self/mountinfo shows it, `259:3`.

    Args:
        device: The device.
    """
    found = device.stat().st_rdev
    return f"{os.major(found)}:{os.minor(found)}"


def signatures(host: Context, device: Path) -> list[Signature]:
    """Everything on it that is known to be something: file systems, partition tables, parts of LVM or RAID.

    Args:
        host: The host.
        device: The device.

    Raises:
        StepError: It can't be read.
    """
    said = host.run(["wipefs", "--json", str(device)]).output
    found = json.loads(said)["signatures"] if said.strip() else []
    return [Signature(each["type"], each.get("label") or "", each.get("uuid") or "") for each in found]


def first_data(device: Path) -> Optional[int]:
    """Where something other than zeros was found, in bytes from its beginning; None if it is empty as far as was looked.

    The first and the last MiB are read whole, since nearly everything that is on a disk shows there, and 64 KiB at 62 places
    between. A volume that was never written to reads as zeros.

    Args:
        device: The device.
    """
    length = size(device)
    starts = [length * index // (_PIECES - 1) // _PIECE * _PIECE for index in range(1, _PIECES - 1)]
    pieces = [(0, MIB), *((start, _PIECE) for start in starts), (max(0, length - MIB), MIB)]
    handle = os.open(device, os.O_RDONLY)
    try:
        for start, amount in pieces:
            data = os.pread(handle, amount, start)
            rest = data.lstrip(b"\0")
            if rest:
                return start + len(data) - len(rest)
    finally:
        os.close(handle)
    return None
