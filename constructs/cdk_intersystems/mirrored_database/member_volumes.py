"""The data volumes of a failover member: apart from the instance, encrypted, kept whatever happens to it."""

from aws_cdk import RemovalPolicy, Size, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_intersystems.model import tags
from cdk_intersystems.model.storage import MemberVolumes, VolumeSpec

_TYPES = {
    "gp3": ec2.EbsDeviceVolumeType.GP3,
    "io2": ec2.EbsDeviceVolumeType.IO2,
}
# The CDK's Volume refuses more than this for io2; EBS takes 1,000 IOPS for each GiB since every io2 volume is Block Express.
_CDK_IO2_IOPS_PER_GIB = 500


def define_member_volumes(
    scope: Construct, *, volumes: MemberVolumes, availability_zone: str, encryption_key: kms.IKey
) -> list[ec2.Volume]:
    """Define the volumes of one member.

    Args:
        scope: A construct of the member's stack.
        volumes: What each is like.
        availability_zone: The member's zone.
        encryption_key: The key they are encrypted with.

    Returns:
        The volumes, in the order of their roles.
    """
    return [
        _define_volume(scope, _Names(role, index, spec.count), spec, availability_zone, encryption_key)
        for role, spec in volumes.by_role().items()
        for index in range(1, spec.count + 1)
    ]


class _Names:
    def __init__(self, role: str, index: int, count: int) -> None:
        words = role.split("_")
        # The first volume of a role has the plain name, so that adding a stripe never renames it.
        self.id = "".join(word.capitalize() for word in words) + ("" if index == 1 else str(index))
        self.tag = "-".join(words)


def _define_volume(
    scope: Construct, names: _Names, spec: VolumeSpec, availability_zone: str, encryption_key: kms.IKey
) -> ec2.Volume:
    most = _CDK_IO2_IOPS_PER_GIB * spec.size_gib if spec.type == "io2" else spec.iops
    volume = ec2.Volume(
        scope,
        f"{names.id}Volume",
        availability_zone=availability_zone,
        encrypted=True,
        encryption_key=encryption_key,
        volume_type=_TYPES[spec.type],
        size=Size.gibibytes(spec.size_gib),
        iops=min(spec.iops, most),
        throughput=spec.throughput_mibps,
        # Kept whatever happens, but for those of a creation that failed: they are empty, and the next attempt makes others with
        # the same tags.
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    resource = volume.node.default_child
    assert isinstance(resource, ec2.CfnVolume)
    resource.iops = spec.iops
    Tags.of(volume).add(tags.VOLUME, names.tag)
    return volume
