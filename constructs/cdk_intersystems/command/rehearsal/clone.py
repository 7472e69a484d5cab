"""The clone of a member: an image of it, a security group that lets nothing through, an instance, and their end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED
from cdk_intersystems.model.tags import PREFIX

from .script import said, user_data

#: Beside it a clone has no tag: automation finds members by theirs, and never this.
TAG: Final = f"{PREFIX}rehearsal"

_PAUSE_SECONDS: Final = 15.0
#: The first snapshots of large volumes take hours; those of a clone that was just made take minutes.
_IMAGE_LOOKS: Final = 4 * 60 * 4
#: Boot, recovery of databases and journals, promotion.
_RESULT_LOOKS: Final = 60 * 4


@dataclass(frozen=True, kw_only=True)
class Clones:
    """Clones of one mirror set.

    Args:
        ec2: A client of EC2.
        id: The rehearsal's id.
        owner: `<deployment>/<mirror set>`: whose clones these are.
        sleep: Waits so many seconds.
        tell: Is told what is being done.
    """

    ec2: Any
    id: str
    owner: str
    sleep: Callable[[float], None]
    tell: Callable[[str], None]

    def make_image(self, instance: str) -> str:
        """Makes an image of a member and all its volumes, without stopping anything, and waits for it.

        Args:
            instance: Id of the member's instance.

        Raises:
            CommandError: It isn't made.
        """
        self.tell(f"making an image of {instance} and all its volumes")
        # Without a reboot the snapshots are crash-consistent, as IRIS recovers from. Source: EC2 API Reference, CreateImage.
        image = str(
            self.ec2.create_image(
                InstanceId=instance,
                Name=f"rehearsal-{self.id}",
                Description=f"Rehearsal of {self.owner}; deleted when that ends",
                NoReboot=True,
                TagSpecifications=self._tags("image", "snapshot"),
            )["ImageId"]
        )
        for _ in range(_IMAGE_LOOKS):
            state = self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
            if state == "available":
                return image
            if state != "pending":
                raise CommandError(FAILED, f"the image of {instance} is {state}: see EC2 for why", "image")
            self.sleep(_PAUSE_SECONDS)
        raise CommandError(
            FAILED, f"the image of {instance} is still not made: rehearse again, when its snapshots are there", "image"
        )

    def isolate(self, vpc: str) -> str:
        """Makes a security group that lets nothing in and nothing out.

        Args:
            vpc: Id of the VPC.
        """
        group = str(
            self.ec2.create_security_group(
                GroupName=f"rehearsal-{self.id}",
                Description=f"Rehearsal of {self.owner}: nothing in, nothing out",
                VpcId=vpc,
                TagSpecifications=self._tags("security-group"),
            )["GroupId"]
        )
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
        found = self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        if found["IpPermissions"] or found["IpPermissionsEgress"]:
            raise CommandError(
                FAILED, f"the security group {group} still lets something through: no clone is started", "isolation"
            )
        return group

    def start(self, image: str, group: str, *, subnet: str, instance_type: str) -> str:
        """Starts the clone, without a role, and deleted with all its volumes when it is switched off.

        Args:
            image: The image.
            group: The security group.
            subnet: The member's subnet.
            instance_type: Its type.
        """
        self.tell(f"starting a clone as {instance_type}")
        mappings = self.ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
        return str(
            self.ec2.run_instances(
                ImageId=image,
                InstanceType=instance_type,
                MinCount=1,
                MaxCount=1,
                ClientToken=self.id,
                NetworkInterfaces=[
                    {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": False}
                ],
                BlockDeviceMappings=[_gone_with_it(each) for each in mappings if "Ebs" in each],
                InstanceInitiatedShutdownBehavior="terminate",
                MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "disabled"},
                UserData=user_data(self.id),
                TagSpecifications=self._tags("instance", "volume", "network-interface"),
            )["Instances"][0]["InstanceId"]
        )

    def result(self, instance: str) -> dict[str, Any]:
        """Waits for what the clone says on its console.

        Args:
            instance: Id of the clone.

        Raises:
            CommandError: It says nothing.
        """
        self.tell("waiting for the clone's promotion")
        for _ in range(_RESULT_LOOKS):
            output = self.ec2.get_console_output(InstanceId=instance, Latest=True).get("Output") or ""
            if (answer := said(output, self.id)) is not None:
                return answer
            self.sleep(_PAUSE_SECONDS)
        raise CommandError(
            FAILED, f"the clone {instance} has said nothing on its console: it did not start as it should", "silent"
        )

    def clean_up(self) -> None:
        """Deletes what this and earlier rehearsals of the mirror set have left, and nothing else."""
        self.tell("deleting the clone, its image and its snapshots")
        mine = [{"Name": f"tag:{TAG}", "Values": [self.owner]}]
        states = ["pending", "running", "stopping", "stopped"]
        found = self.ec2.describe_instances(Filters=[*mine, {"Name": "instance-state-name", "Values": states}])
        instances = [each["InstanceId"] for reservation in found["Reservations"] for each in reservation["Instances"]]
        if instances:
            self.ec2.terminate_instances(InstanceIds=instances)
            self.ec2.get_waiter("instance_terminated").wait(InstanceIds=instances)
        for image in self.ec2.describe_images(Owners=["self"], Filters=mine)["Images"]:
            self.ec2.deregister_image(ImageId=image["ImageId"])
        for snapshot in self.ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]:
            self.ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        for group in self.ec2.describe_security_groups(Filters=mine)["SecurityGroups"]:
            self.ec2.delete_security_group(GroupId=group["GroupId"])

    def _tags(self, *kinds: str) -> list[dict[str, Any]]:
        tags = [{"Key": TAG, "Value": self.owner}, {"Key": "Name", "Value": f"rehearsal-{self.id}"}]
        return [{"ResourceType": kind, "Tags": tags} for kind in kinds]


def _gone_with_it(mapping: dict[str, Any]) -> dict[str, Any]:
    """A volume as in the image, but deleted with the instance: the members' own data volumes never are."""
    kept = ("SnapshotId", "VolumeType", "Iops", "Throughput")
    same = {name: mapping["Ebs"][name] for name in kept if mapping["Ebs"].get(name)}
    return {"DeviceName": mapping["DeviceName"], "Ebs": same | {"DeleteOnTermination": True}}
