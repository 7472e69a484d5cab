"""The volumes of a member: attached, with a file system, mounted, owned as IRIS needs them."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

from . import ebs_volumes
from .block_devices import device_of
from .file_systems import file_system_on, grow
from .lvm import logical_volume
from .mounts import check, mount, mounted_at, protect_mount_point, uuid_of, wait_for_uuid, write_unit
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from ..context import Context
    from ..description import Volume

#: Directories of databases and journals belong to IRIS's effective group, which may do everything there.
#: Source: System Administration Guide, "UNIX Users, Groups and Permissions".
_MODE = 0o775


def volumes(host: Context) -> None:
    """Makes sure that every volume is there, is the right one, has its file system and is mounted.

    Nothing that is on a volume is ever overwritten. One that is empty gets a file system, one that has grown a larger one.

    Args:
        host: The host.

    Raises:
        StepError: A volume is missing, in use elsewhere, or holds something else.
    """
    if not host.description.volumes:
        return
    ids = {role: list(each) for role, each in ebs_volumes.attached(host).items()}
    devices = {volume.role: _device(host, volume, ids[volume.role]) for volume in host.description.volumes}
    _mount(host, ids, devices)
    for volume in host.description.volumes:
        place, device = Path(volume.mount_point), devices[volume.role]
        check(place, device, _name(volume, ids[volume.role]))
        grow(host, device, place, volume.file_system)
        _own(host, volume)
    ebs_volumes.remember(host, ids)


def _mount(host: Context, ids: Mapping[str, list[str]], devices: Mapping[str, Path]) -> None:
    known = ebs_volumes.remembered()
    unmounted, changed = [], False
    for volume in host.description.volumes:
        place, device, own = Path(volume.mount_point), devices[volume.role], ids[volume.role]
        if not mounted_at(place):
            before = known.get(volume.role, own)
            _make_mountable(host, volume, device, _name(volume, own), "" if before == own else ", ".join(before))
            unmounted.append(place)
            continue
        # IRIS's unit had it mounted already.
        uuid = uuid_of(device)
        if uuid and write_unit(host, place, uuid, kind=volume.file_system, role=volume.role):
            changed = True
    if unmounted or changed:
        mount(host, unmounted)


def _device(host: Context, volume: Volume, ids: list[str]) -> Path:
    found = [device for device in map(device_of, ids) if device]
    if volume.count == 1:
        return found[0]
    return logical_volume(host, volume.role, found, _name(volume, ids))


def _name(volume: Volume, ids: list[str]) -> str:
    return f"{', '.join(ids)} ({volume.role})"


def _make_mountable(host: Context, volume: Volume, device: Path, name: str, known_as: str) -> None:
    place = Path(volume.mount_point)
    label = f"iris-{place.name}"
    found = file_system_on(host, device, kind=volume.file_system, label=label, what=name, known_as=known_as)
    protect_mount_point(host, place)
    write_unit(host, place, found.uuid, kind=volume.file_system, role=volume.role)
    wait_for_uuid(host, device, found.uuid, name)


def _own(host: Context, volume: Volume) -> None:
    """Gives the volume to IRIS; that of the installation belongs to whom the kit gives it."""
    place = Path(volume.mount_point)
    _label(host, place)
    if volume.role == "installation":
        return
    uid, gid = pwd.getpwnam(IRISOWNER).pw_uid, grp.getgrnam(IRISUSR).gr_gid
    found = place.stat()
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(place, uid, gid)
    if found.st_mode & 0o7777 != _MODE:
        place.chmod(_MODE)


def _label(host: Context, place: Path) -> None:
    """With SELinux, a new file system has no type that programs may work with; what is made in it inherits its root's."""
    try:
        label = os.getxattr(place, "security.selinux")
    except OSError:
        return
    if b":unlabeled_t:" in label:
        host.run(["restorecon", str(place)])
