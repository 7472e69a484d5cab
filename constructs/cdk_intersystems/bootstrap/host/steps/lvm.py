"""Several EBS volumes as one: a logical volume of LVM, striped over all of them.

This project's tests run LVM itself, and what it writes to the volumes, but no device mapper: that the logical
volume then works as a device they don't show.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StepError
from .block_devices import first_data, signatures, size
from .file_systems import SLACK

if TYPE_CHECKING:
    from ..context import Context

#: As the community article "LVM PE Striping to maximize Hyper-Converged storage throughput" has it.
STRIPE = "4M"

_MEMBER = "LVM2_member"
SECONDS_FOR_DEVICE = 30


def volume_link(name: str) -> Path:
    """Where the logical volume of a name shows up.

    Args:
        name: What it is for.
    """
    return Path("/dev") / _group(name) / name


def _group(name: str) -> str:
    return f"irissys_{name}"


def logical_volume(host: Context, name: str, devices: list[Path], what: str, *, known_empty: bool = False) -> Path:
    """Makes sure that devices are one striped logical volume, as large as they allow.

    Args:
        host: The host.
        name: What it is for; names the volume group too.
        devices: The devices, all of one size.
        what: What to call them in an error.
        known_empty: Whether devices without a signature are taken for empty without a look at their content.

    Returns:
        The logical volume's device.

    Raises:
        StepError: One of them holds something else, or the volume group has others in it; nothing was changed.
    """
    link = volume_link(name)
    if not link.exists():
        members = [device for device in devices if _is_member(host, device, what, known_empty=known_empty)]
        _make_or_activate(host, name, devices, _groups(host, members), what)
        host.wait_until(f"{link} ({what})", link.exists, seconds=SECONDS_FOR_DEVICE, every=0.2)
    _grow(host, link, devices)
    return link.resolve()


def _make_or_activate(host: Context, name: str, devices: list[Path], groups: dict[Path, str], what: str) -> None:
    group = _group(name)
    others = sorted({each for each in groups.values() if each not in ("", group)})
    if others:
        raise StepError(f"{what}: {', '.join(map(str, groups))} belong to the volume group {others[0]}; nothing was changed")
    inside = [device for device in devices if groups.get(device) == group]
    if inside and len(inside) != len(devices):
        raise StepError(
            f"{what}: the volume group {group} has {len(inside)} of {len(devices)} volumes; the number of stripes of a volume "
            "can't be changed: describe as many as there were, or move the data to new volumes"
        )
    if not inside:
        host.run(["vgcreate", group, *map(str, devices)])
    made = host.run(["lvs", "--reportformat", "json", "--options", "lv_name", group]).output
    if name in [row["lv_name"] for row in _rows(made, "lv")]:
        host.run(["vgchange", "--activate", "y", group])
    else:
        stripes = ["--type", "striped", "--stripes", str(len(devices)), "--stripesize", STRIPE]
        host.run(["lvcreate", *stripes, "--extents", "100%FREE", "--name", name, group])


def _is_member(host: Context, device: Path, what: str, *, known_empty: bool) -> bool:
    """Whether it is LVM's already; False if it is empty."""
    found = [each.type for each in signatures(host, device)]
    if found == [_MEMBER]:
        return True
    where = None if found or known_empty else first_data(device)
    if found or where is not None:
        held = " and ".join(sorted(set(found))) or f"data at byte {where}"
        raise StepError(
            f"{what}: {device} holds {held}, and was left as it is: look at it, or tag an empty volume in its place"
        )
    return False


def _groups(host: Context, members: list[Path]) -> dict[Path, str]:
    """The volume group of each; empty if a member has none yet, since making it was interrupted."""
    if not members:
        return {}
    listed = _listed(host)
    # RHEL looks only at devices that stand in a file, and on a host that was replaced these don't yet.
    unknown = [device for device in members if device not in listed]
    for device in unknown:
        host.run(["lvmdevices", "--adddev", str(device)])
    if unknown:
        listed = _listed(host)
    return {device: listed.get(device, "") for device in members}


def _listed(host: Context) -> dict[Path, str]:
    said = host.run(["pvs", "--reportformat", "json", "--options", "pv_name,vg_name"]).output
    return {Path(row["pv_name"]).resolve(): row["vg_name"] for row in _rows(said, "pv")}


def _rows(said: str, kind: str) -> list[dict[str, str]]:
    return [row for report in json.loads(said)["report"] for row in report[kind]]


def _grow(host: Context, link: Path, devices: list[Path]) -> None:
    sizes = [size(device) for device in devices]
    # A stripe can't be longer than the shortest of its volumes: when they are being enlarged one by one, after the last.
    if len(devices) * min(sizes) - size(link) < SLACK * len(devices):
        return
    for device in devices:
        host.run(["pvresize", str(device)])
    host.run(["lvextend", "--extents", "+100%FREE", str(link)])
