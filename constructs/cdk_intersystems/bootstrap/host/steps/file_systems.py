"""File systems on volumes: made only where nothing is, told from half-made ones, and grown with their volume.

Making one takes three steps, and any of them may be the last one before a power cut:

1. A note is left on the root volume: this volume was found empty, what is on it from now on is ours.
2. The file system is made with the label `unfinished`.
3. It gets its own label, and the note goes.

A file system with any other label than `unfinished` is complete, whoever made it, and is kept. One that is labelled
`unfinished`, and whatever else is on a volume that the note names, was never mounted by anybody: it is made again. All else
is somebody's data.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import TYPE_CHECKING, Callable, Mapping

from ..context import STATE, sync
from ..errors import StepError
from .block_devices import MIB, Signature, first_data, signatures, size

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import Context

UNFINISHED = "unfinished"

#: A file system may be this much smaller than its device: both kinds leave out an end that is too short for them to use (XFS
#: up to 16 MiB when it is made). EBS volumes grow by GiB.
SLACK = 64 * MIB

_SECONDS_TO_MAKE = 1800
_SECONDS_TO_GROW = 3600

#: -K and nodiscard: what was never written needs no discarding. ext4 holds the journals and the write image journal here, which
#: are few and large: one inode for each MiB, and no blocks set aside for root.
_MAKE: Mapping[str, Callable[[str, str], list[str]]] = {
    "xfs": lambda device, label: ["mkfs.xfs", "-q", "-K", "-L", label, device],
    "ext4": lambda device, label: ["mkfs.ext4", "-q", "-m", "0", "-T", "largefile", "-E", "nodiscard", "-L", label, device],
}
_LABEL: Mapping[str, Callable[[str, str], list[str]]] = {
    "xfs": lambda device, label: ["xfs_admin", "-L", label, device],
    "ext4": lambda device, label: ["e2label", device, label],
}


def file_system_on(host: Context, device: Path, *, kind: str, label: str, what: str, known_as: str = "") -> Signature:
    """Makes sure that a device has a file system, without ever writing to one that holds anything else.

    Args:
        host: The host.
        device: The device.
        kind: `xfs` or `ext4`.
        label: Label of one that is made: at most 12 characters.
        what: What to call the volume in an error, and in the note: its id and its role.
        known_as: What this host has worked with in its place before. Empty: nothing. If there is something, an empty volume
            is not taken for a new one.

    Raises:
        StepError: The device holds something else, or is empty where it shouldn't be; it was left as it is.
    """
    path, text = STATE / f"making-{label}", f"{what}\n"
    found = signatures(host, device)
    if not _is_complete(found, kind):
        ours = (path.exists() and path.read_text(encoding="utf-8") == text) or [each.label for each in found] == [UNFINISHED]
        if not ours:
            _refuse_unless_empty(device, found, kind, what, known_as)
        host.write(path, text, mode=0o600)
        sync(path.parent)
        if found:
            host.run(["wipefs", "--all", "--quiet", str(device)])
        host.run(_MAKE[kind](str(device), UNFINISHED), seconds=_SECONDS_TO_MAKE)
        host.run(_LABEL[kind](str(device), label))
        sync(device)
        found = signatures(host, device)
    if path.exists():
        # It must not come back once the volume is in use, power cut or not.
        path.unlink()
        sync(path.parent)
    return found[0]


def _is_complete(found: list[Signature], kind: str) -> bool:
    return [each.type for each in found] == [kind] and found[0].label != UNFINISHED


def _refuse_unless_empty(device: Path, found: list[Signature], kind: str, what: str, known_as: str) -> None:
    held = " and ".join(sorted({each.type for each in found}))
    if not held:
        where = first_data(device)
        held = "" if where is None else f"data at byte {where}"
    if held:
        raise StepError(
            f"{what} holds {held}, not {kind}, and was left as it is: look at {device}; if nothing of it is wanted, "
            f"clear it with blkdiscard --zeroout {device}"
        )
    if known_as:
        raise StepError(
            f"{what} is empty, and this host has worked with {known_as} before: restore it from a snapshot, or remove "
            f"{STATE / 'volumes.json'} to begin with an empty one"
        )


def grow(host: Context, device: Path, mount_point: Path, kind: str) -> None:
    """Makes a mounted file system as large as its device, if the device has grown.

    Args:
        host: The host.
        device: Its device.
        mount_point: Where it is mounted.
        kind: `xfs` or `ext4`.
    """
    now = _xfs_size(mount_point) if kind == "xfs" else _ext4_size(device)
    if size(device) - now < SLACK:
        return
    command = ["xfs_growfs", "-d", str(mount_point)] if kind == "xfs" else ["resize2fs", str(device)]
    host.run(command, seconds=_SECONDS_TO_GROW)


#: XFS_IOC_FSGEOMETRY_V1 of xfs_fs.h: eight numbers of 32 bits, of which the first is the block size; then the number of blocks.
_XFS_GEOMETRY, _XFS_GEOMETRY_BYTES = 0x80705864, 112


def _xfs_size(mount_point: Path) -> int:
    handle = os.open(mount_point, os.O_RDONLY)
    try:
        answer = fcntl.ioctl(handle, _XFS_GEOMETRY, bytes(_XFS_GEOMETRY_BYTES))
    finally:
        os.close(handle)
    numbers = struct.unpack_from("=8IQ", answer)
    return int(numbers[0] * numbers[8])


#: Of the superblock in ext4_fs.h: where it begins, blocks (low and high half), the block size's logarithm, the 64-bit feature.
_EXT4_SUPERBLOCK, _EXT4_64BIT = 1024, 0x80


def _ext4_size(device: Path) -> int:
    handle = os.open(device, os.O_RDONLY)
    try:
        block = os.pread(handle, 1024, _EXT4_SUPERBLOCK)
    finally:
        os.close(handle)

    def field(offset: int) -> int:
        return int(struct.unpack_from("<I", block, offset)[0])

    high = field(0x150) if field(0x60) & _EXT4_64BIT else 0
    return (field(0x4) | high << 32) * (1024 << field(0x18))
