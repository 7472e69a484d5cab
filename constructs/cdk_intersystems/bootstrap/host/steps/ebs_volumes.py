"""The EBS volumes of a host: found by their tags once, attached to it and to nothing else, known by their ids from then on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from ..aws import ec2
from ..aws.client import AwsError
from ..context import STATE
from ..errors import StepError
from .block_devices import device_of

if TYPE_CHECKING:
    from ..context import Context
    from ..description import Volume

#: Role -> ids of its volumes.
Ids = Mapping[str, Sequence[str]]

REMEMBERED = STATE / "volumes.json"

# As in model/tags.py.
_DEPLOYMENT, _MIRROR_SET = "cdk-intersystems:deployment", "cdk-intersystems:mirror-set"
_MEMBER, _VOLUME = "cdk-intersystems:member", "cdk-intersystems:volume"

#: What an attachment may be called so that it is not taken for the root volume or an instance store volume. Linux shows no such
#: name on Nitro instances. Source: Amazon EBS User Guide, "Device names for volumes on Amazon EC2 instances".
_NAMES = [f"/dev/sd{letter}" for letter in "fghijklmnopqrstuvwxyz"]

#: Attached volumes are there when an instance starts, or a moment later.
SECONDS_AT_START = 15
#: Volumes may still be in the making, or on their way from an instance that this one replaces.
SECONDS_TO_COME_FREE = 300
SECONDS_TO_APPEAR = 120


def remembered() -> dict[str, list[str]]:
    """The volumes this host has worked with: role -> ids. Empty on a new host."""
    try:
        found: dict[str, list[str]] = json.loads(REMEMBERED.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def remember(host: Context, ids: Ids) -> None:
    """Keeps the ids for the next start.

    Args:
        host: The host.
        ids: The volumes.
    """
    host.write(REMEMBERED, json.dumps(ids, indent=2, sort_keys=True) + "\n")


def attached(host: Context) -> Ids:
    """The volumes of this host, each with its device.

    As long as those that it has worked with are there nobody is asked. Otherwise what AWS says counts: a volume may have been
    replaced by a restored one.

    Args:
        host: The host.

    Raises:
        StepError: A volume is missing, is in use elsewhere, is there twice, or doesn't appear.
    """
    known = remembered()
    if all(len(known.get(volume.role, ())) == volume.count for volume in host.description.volumes):
        known = {volume.role: known[volume.role] for volume in host.description.volumes}
        if _appear(known, SECONDS_AT_START):
            return known
    found = _found_free(host)
    _attach(host, [volume for volumes in found.values() for volume in volumes])
    ids = {role: [volume.id for volume in volumes] for role, volumes in found.items()}
    if not _appear(ids, SECONDS_TO_APPEAR):
        missing = sorted(f"{each} ({role})" for role, volumes in ids.items() for each in volumes if not device_of(each))
        raise StepError(f"no device below /dev/disk/by-id after {SECONDS_TO_APPEAR} s, though attached: {', '.join(missing)}")
    return ids


def _appear(ids: Ids, seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not all(device_of(each) for volumes in ids.values() for each in volumes):
        if time.monotonic() >= ends:
            return False
        time.sleep(0.2)
    return True


def _found_free(host: Context) -> dict[str, list[ec2.EbsVolume]]:
    """The volumes by role, when each is there and attached to nothing else."""
    found: dict[str, list[ec2.EbsVolume]] = {}
    problem = ""

    def none_is_missing() -> bool:
        nonlocal problem
        found.update({volume.role: _tagged(host, volume) for volume in host.description.volumes})
        problem = next(filter(None, (_problem(host, volume, found[volume.role]) for volume in host.description.volumes)), "")
        return not problem

    try:
        host.wait_until("this host's volumes to be there and free", none_is_missing, seconds=SECONDS_TO_COME_FREE, every=5)
    except StepError:
        if not problem:
            raise
        raise StepError(f"{problem} (waited {SECONDS_TO_COME_FREE} s)") from None
    return found


def _tagged(host: Context, volume: Volume) -> list[ec2.EbsVolume]:
    described = host.description
    own = {_DEPLOYMENT: described.deployment, _MIRROR_SET: described.group, _MEMBER: described.host}
    found = ec2.own_volumes(host.aws, {**own, _VOLUME: volume.tag})
    if len(found) > volume.count:
        # Waiting doesn't help: only a person knows which is the right one.
        listed = ", ".join(each.id for each in found)
        raise StepError(
            f"{len(found)} volumes have the tags of the volume {volume.tag} of {described.name}, and {volume.count} should: "
            f"{listed}; take the tag {_VOLUME} off those it isn't to use"
        )
    return found


def _problem(host: Context, volume: Volume, found: Sequence[ec2.EbsVolume]) -> str:
    if len(found) < volume.count:
        return (
            f"{len(found)} of {volume.count} volumes found with the tags of the volume {volume.tag} of {host.description.name}"
        )
    for each in found:
        if each.instance_id and each.instance_id != host.me.instance_id:
            return f"{each.id} ({volume.role}) is attached to {each.instance_id}: stop that instance and detach it there"
        if not each.instance_id and each.state != "available":
            return f"{each.id} ({volume.role}) is {each.state}, neither attached nor available"
    return ""


def _attach(host: Context, volumes: Sequence[ec2.EbsVolume]) -> None:
    used = {each.device for each in volumes}
    names = (name for name in _NAMES if name not in used)
    for each in volumes:
        if not each.instance_id:
            _attach_one(host, each.id, names)


def _attach_one(host: Context, volume_id: str, names: Iterator[str]) -> None:
    for name in names:
        host.log(f"attaching {volume_id} as {name}")
        try:
            return ec2.attach_volume(host.aws, volume_id, name)
        except AwsError as error:
            # What EC2 says of a name that is taken, by a volume that somebody has attached to this host for another purpose.
            if error.code != "InvalidParameterValue":
                raise
            host.log(str(error))
    raise StepError(f"no device name is left to attach {volume_id} with: detach from this host what isn't its own")
