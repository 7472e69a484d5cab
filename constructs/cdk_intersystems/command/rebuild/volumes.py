"""The volumes that are replaced: each by one that gets its tags last, so that never two have them (invariant I10)."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED, REFUSED
from cdk_intersystems.model import tags

from .marks import OF, REBUILD, REPLACED, SOURCE, as_list, filters, tags_of

_EVERY_SECONDS: Final = 5.0
#: A volume is made, and comes free, within seconds; minutes at worst.
_LOOKS: Final = 12 * 15
#: What makes a volume its member's: `bootstrap/host/steps/ebs_volumes.py` finds it by these.
OWN: Final = (tags.DEPLOYMENT, tags.MIRROR_SET, tags.MEMBER, tags.VOLUME)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place of a volume.

    Args:
        role: What the tag says that it holds.
        old: The volume that is taken out, as EC2 describes it.
        new: The one that takes its place; empty as long as there is none.
    """

    role: str
    old: dict[str, Any]
    new: dict[str, Any]

    @property
    def done(self) -> bool:
        """Whether the new one has the tags, and the old one has not."""
        return tags.VOLUME not in tags_of(self.old) and set(OWN) <= tags_of(self.new).keys()

    @property
    def begun(self) -> bool:
        """Whether the old one was touched."""
        return REPLACED in tags_of(self.old)


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """The volumes of the member that is built anew.

    Args:
        ec2: A client of EC2.
        own: Tags of all volumes of the member.
        value: The value of the rebuild's tag.
        sleep: Waits so many seconds.
        tell: Is told what is being done.
    """

    ec2: Any
    own: Mapping[str, str]
    value: str
    sleep: Callable[[float], None]
    tell: Callable[[str], None]

    def slots(self, counts: Mapping[str, int], instance: str) -> list[Slot]:
        """The places of the volumes that are replaced, and how far that is.

        Args:
            counts: Role -> how many volumes it has.
            instance: The member's instance.

        Raises:
            CommandError: There are more or fewer, or one is another instance's.
        """
        here = [each for each in described(self.ec2, {REBUILD: self.value}) if each["State"] not in _DEAD]
        new = {tags_of(each)[OF].partition("/")[2]: each for each in here if of(each)}
        made = {each["VolumeId"] for each in new.values()}
        mine = [each for each in described(self.ec2, self.own) if each["VolumeId"] not in made]
        found: list[Slot] = []
        for role, count in counts.items():
            old = [each for each in mine if tags_of(each).get(tags.VOLUME) == role]
            old += [each for each in mine if self._was(each, new, role)]
            if len(old) != count:
                names = ", ".join(each["VolumeId"] for each in old) or "none"
                message = (
                    f"{len(old)} volumes of {self.own[tags.MEMBER]} hold {role}, and {count} should: {names}; see to it that "
                    f"those and no others have the tag {tags.VOLUME}"
                )
                raise CommandError(REFUSED, message, "volumes")
            found += [Slot(role=role, old=each, new=new.get(each["VolumeId"], {})) for each in old]
        for slot in found:
            for each in (slot.old, slot.new):
                if holder(each) not in ("", instance):
                    raise CommandError(REFUSED, f"{each['VolumeId']} is attached to {holder(each)}: detach it there", "volumes")
        return sorted(found, key=lambda slot: (slot.role, str(slot.old["VolumeId"])))

    def _was(self, volume: dict[str, Any], new: Mapping[str, Any], role: str) -> bool:
        """Whether a volume without the tag was taken out of a place of this role by this rebuild."""
        marks = tags_of(volume)
        successor = new.get(volume["VolumeId"])
        taken_out = tags.VOLUME not in marks and marks.get(REPLACED) == self.value.rpartition("/")[2]
        return taken_out and successor is not None and of(successor) == role

    def make(self, slot: Slot, snapshot: str, size_gib: int, source: str) -> str:
        """Makes the volume for a place, without the tags by which a host would find it.

        Args:
            slot: The place.
            snapshot: What it holds.
            size_gib: How large it is at least.
            source: Name of the member that the databases are from.

        Returns:
            Its id.
        """
        old = slot.old
        marks = {REBUILD: self.value, OF: f"{slot.role}/{old['VolumeId']}", SOURCE: source, "Name": f"rebuild-{self.value}"}
        others = described(self.ec2, {REBUILD: self.value, OF: marks[OF]})
        dead = [each["VolumeId"] for each in others if each["State"] == "error"]
        # The same again, however often it is asked for, but not one that could not be made. Source: EC2 API Reference,
        # CreateVolume, ClientToken: up to 64 letters.
        token = hashlib.sha256(" ".join((self.value, old["VolumeId"], snapshot, *dead)).encode()).hexdigest()
        # Stated IOPS of other types are refused. Source: EC2 API Reference, CreateVolume.
        more = {key: old[key] for key in ("Iops", "Throughput") if old.get(key) and old["VolumeType"] in _HAVE[key]}
        made = self.ec2.create_volume(
            SnapshotId=snapshot,
            AvailabilityZone=old["AvailabilityZone"],
            Size=max(int(old["Size"]), size_gib),
            VolumeType=old["VolumeType"],
            Encrypted=True,
            KmsKeyId=old["KmsKeyId"],
            ClientToken=token,
            TagSpecifications=[{"ResourceType": "volume", "Tags": as_list(marks)}],
            **more,
        )
        for each in dead:
            self.ec2.delete_volume(VolumeId=each)
        self.tell(f"made {made['VolumeId']}, which is to take the place of {old['VolumeId']} ({slot.role})")
        return str(made["VolumeId"])

    def wait_for(self, volume: str) -> dict[str, Any]:
        """Waits until a volume is there and attached to nothing.

        Args:
            volume: Its id.

        Raises:
            CommandError: It isn't made, or doesn't come free.
        """
        for _ in range(_LOOKS):
            found: dict[str, Any] = self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
            if found["State"] == "available" and not holder(found):
                return found
            if found["State"] == "error":
                raise CommandError(
                    FAILED, f"EC2 could not make {volume}: see whether its key can be used; another one is made then", "volumes"
                )
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"{volume} is still {found['State']}", "volumes")

    def swap(self, slot: Slot) -> None:
        """Gives the new volume the place of the old one. The member's instance is stopped.

        Args:
            slot: The place.
        """
        old, new = slot.old["VolumeId"], slot.new["VolumeId"]
        self.tell(f"{new} takes the place of {old} ({slot.role})")
        if holder(slot.old):
            self.ec2.detach_volume(VolumeId=old, InstanceId=holder(slot.old))
        marks = tags_of(self.wait_for(old))
        if tags.VOLUME in marks:
            # In this order: what has lost its tag must be known by the other one.
            self.ec2.create_tags(Resources=[old], Tags=as_list({REPLACED: self.value.rpartition("/")[2]}))
            self.ec2.delete_tags(Resources=[old], Tags=[{"Key": tags.VOLUME}])
        self._wait_until_unknown(old)
        kept = {key: value for key, value in marks.items() if not key.startswith(("aws:", REBUILD)) and key != REPLACED}
        self.ec2.create_tags(Resources=[new], Tags=as_list(kept | {**self.own, tags.VOLUME: slot.role}))

    def remove(self, slot: Slot) -> None:
        """Deletes a new volume that holds something else than it should, and has no place yet.

        Args:
            slot: Its place.
        """
        self.tell(f"deleting {slot.new['VolumeId']}, which was made of other snapshots")
        self.ec2.delete_volume(VolumeId=slot.new["VolumeId"])

    def _wait_until_unknown(self, volume: str) -> None:
        """Waits until no host finds a volume any more that has lost its tag: EC2 tells that a moment later."""
        for _ in range(_LOOKS):
            found = self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
            if tags.VOLUME not in tags_of(found):
                return
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"{volume} still has the tag {tags.VOLUME}", "volumes")


#: A volume in one of these is none. Source: EC2 API Reference, Volume, Status.
_DEAD: Final = ("error", "deleting", "deleted")
_HAVE: Final = {"Iops": ("gp3", "io1", "io2"), "Throughput": ("gp3",)}


def described(ec2: Any, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """The volumes with these tags, by id.

    Args:
        ec2: A client of EC2.
        wanted: Tag -> value.
    """
    pages = ec2.get_paginator("describe_volumes").paginate(Filters=filters(wanted))
    return sorted((each for page in pages for each in page["Volumes"]), key=lambda each: str(each["VolumeId"]))


def holder(volume: Mapping[str, Any]) -> str:
    """The instance that a volume is attached to; empty if it is attached to none."""
    return next((str(each["InstanceId"]) for each in volume.get("Attachments") or () if each["State"] != "detached"), "")


def of(volume: Mapping[str, Any]) -> str:
    """The role of a volume that a rebuild has made; empty if it is none."""
    return tags_of(volume).get(OF, "").partition("/")[0]


def sizes(volumes: Sequence[Mapping[str, Any]]) -> int:
    """The size of the largest, in GiB: striped ones have to be alike."""
    return max(int(each["Size"]) for each in volumes)
