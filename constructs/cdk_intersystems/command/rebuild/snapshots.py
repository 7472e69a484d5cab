"""The snapshots of a rebuild: the diverged member's, which are kept, and those of the source's databases.

Both are sets that EC2 takes of all volumes at one point in time (EC2 API Reference, CreateSnapshots), as a file system on
several volumes needs it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED
from cdk_intersystems.command.target import Aws

from .marks import COPY, GOOD, HOLDS, KEPT, OF, REBUILD, SOURCE, TAKEN, as_list, filters, tags_of

_EVERY_SECONDS: Final = 15.0
#: The first snapshots of large volumes take hours, and so does a copy to another region.
_LOOKS: Final = 4 * 60 * 24


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """The snapshots of one rebuild.

    Args:
        aws: AWS.
        value: The value of the tag that they all have.
        sleep: Waits so many seconds.
        tell: Is told what is being done.
    """

    aws: Aws
    value: str
    sleep: Callable[[float], None]
    tell: Callable[[str], None]

    def keep(self, region: str, instance: str, volumes: Collection[str]) -> list[str]:
        """Takes snapshots of all volumes of the diverged member, unless there are some.

        Args:
            region: Its region.
            instance: Its instance.
            volumes: What has to be among them.

        Returns:
            Ids of the snapshots.

        Raises:
            CommandError: Not all of them were taken.
        """
        found = self._found(region, KEPT)
        if not set(volumes) <= {each["VolumeId"] for each in found}:
            self.tell(f"taking snapshots of all volumes of {instance}: they are kept, whatever comes")
            # By the answer: what was just made is not found by its tags at once.
            found = self.aws.client("ec2", region).create_snapshots(
                InstanceSpecification={"InstanceId": instance, "ExcludeBootVolume": False},
                Description=f"Kept by the rebuild {self.value}: what only this member has is here and nowhere else",
                TagSpecifications=self._tags(KEPT),
            )["Snapshots"]
        if missing := sorted(set(volumes) - {each["VolumeId"] for each in found}):
            raise CommandError(
                FAILED, f"no snapshot was taken of {', '.join(missing)}: nothing of it would be kept", "snapshots"
            )
        return [each["SnapshotId"] for each in found]

    def take(self, region: str, instance: dict[str, Any], volumes: Collection[str]) -> list[str]:
        """Takes snapshots of the source's databases. They count for nothing until `approve` has said that they do.

        Args:
            region: The source's region.
            instance: The source's instance, as EC2 describes it.
            volumes: The volumes with the databases.

        Raises:
            CommandError: Others were taken than were asked for.
        """
        mapped = instance["BlockDeviceMappings"]
        others = [
            each["Ebs"]["VolumeId"]
            for each in mapped
            if each["DeviceName"] != instance["RootDeviceName"] and each["Ebs"]["VolumeId"] not in volumes
        ]
        taken = self.aws.client("ec2", region).create_snapshots(
            InstanceSpecification={
                "InstanceId": instance["InstanceId"],
                "ExcludeBootVolume": True,
                "ExcludeDataVolumeIds": others,
            },
            Description=f"Databases for the rebuild {self.value}; deleted when that ends",
            TagSpecifications=self._tags(TAKEN),
        )["Snapshots"]
        if sorted(each["VolumeId"] for each in taken) != sorted(volumes):
            names = ", ".join(each["VolumeId"] for each in taken)
            raise CommandError(FAILED, f"snapshots were taken of {names}, and {', '.join(volumes)} were meant", "snapshots")
        return [each["SnapshotId"] for each in taken]

    def approve(self, region: str, snapshots: Sequence[str], source: str) -> None:
        """Says that snapshots were taken inside one confirmed freeze (invariant I9).

        Args:
            region: Their region.
            snapshots: Their ids.
            source: Name of the member they are from.
        """
        self.aws.client("ec2", region).create_tags(Resources=list(snapshots), Tags=as_list({HOLDS: GOOD, SOURCE: source}))

    def good(self, region: str, volumes: Collection[str]) -> list[dict[str, Any]]:
        """The snapshots of the source's databases, if all are there and good, by volume; else none.

        Args:
            region: The source's region.
            volumes: The volumes with the databases.
        """
        found = sorted(self._found(region, GOOD), key=lambda each: str(each["VolumeId"]))
        return found if [each["VolumeId"] for each in found] == sorted(volumes) else []

    def discard(self, region: str) -> None:
        """Deletes what was taken of the source's databases, good or not, and the copies; never what is kept.

        Args:
            region: The region.
        """
        client = self.aws.client("ec2", region)
        for each in self._all(region, (TAKEN, GOOD, COPY)):
            client.delete_snapshot(SnapshotId=each["SnapshotId"])

    def copies(self, snapshots: Sequence[dict[str, Any]], source: str, region: str, key: str) -> list[dict[str, Any]]:
        """Copies snapshots to the member's region, encrypted with its key, unless they are there.

        Args:
            snapshots: The snapshots.
            source: Their region.
            region: The region to copy to.
            key: ARN of the key.

        Returns:
            The copies, in the order of the snapshots.
        """
        client = self.aws.client("ec2", region)
        there = {tags_of(each).get(OF): each for each in self._found(region, COPY)}
        for each in snapshots:
            if each["SnapshotId"] in there:
                continue
            self.tell(f"copying {each['SnapshotId']} from {source} to {region}")
            there[each["SnapshotId"]] = client.copy_snapshot(
                SourceRegion=source,
                SourceSnapshotId=each["SnapshotId"],
                Encrypted=True,
                KmsKeyId=key,
                Description=f"Databases for the rebuild {self.value}; deleted when that ends",
                TagSpecifications=self._tags(COPY, {OF: each["SnapshotId"], SOURCE: tags_of(each).get(SOURCE, "")}),
            )
        return [there[each["SnapshotId"]] for each in snapshots]

    def kept(self, region: str) -> list[str]:
        """Ids of the snapshots that are kept.

        Args:
            region: The member's region.
        """
        return sorted(each["SnapshotId"] for each in self._all(region, (KEPT,)))

    def wait(self, region: str, snapshots: Sequence[str]) -> None:
        """Waits until snapshots are complete.

        Args:
            region: Their region.
            snapshots: Their ids.

        Raises:
            CommandError: One isn't made, or not in time.
        """
        client = self.aws.client("ec2", region)
        told = ""
        for _ in range(_LOOKS):
            pages = client.get_paginator("describe_snapshots").paginate(SnapshotIds=list(snapshots))
            found = [each for page in pages for each in page["Snapshots"]]
            if failed := [each["SnapshotId"] for each in found if each["State"] == "error"]:
                raise CommandError(FAILED, f"EC2 could not make {', '.join(failed)}", "snapshots")
            pending = [each for each in found if each["State"] != "completed"]
            if not pending:
                return
            now = f"{len(pending)} snapshots in {region} are in the making: {', '.join(each['Progress'] for each in pending)}"
            if now != told:
                self.tell(now)
                told = now
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"the snapshots in {region} are still in the making", "snapshots")

    def _found(self, region: str, holds: str) -> list[dict[str, Any]]:
        """Those of one kind that didn't fail."""
        return [each for each in self._all(region, (holds,)) if each["State"] != "error"]

    def _all(self, region: str, holds: Collection[str]) -> list[dict[str, Any]]:
        wanted = filters({REBUILD: self.value, HOLDS: holds})
        pages = self.aws.client("ec2", region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=wanted)
        return [each for page in pages for each in page["Snapshots"]]

    def _tags(self, holds: str, more: dict[str, str] | None = None) -> list[dict[str, Any]]:
        tags = {REBUILD: self.value, HOLDS: holds, "Name": f"rebuild-{self.value}", **(more or {})}
        return [{"ResourceType": "snapshot", "Tags": as_list(tags)}]
