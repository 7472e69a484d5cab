"""`mirror_sets[].volumes`: the volumes of a failover member, one key for each role."""

from cdk_intersystems.model.storage import STRIPES, MemberVolumes, VolumeSpec, VolumeType

from .section import Number, Section, key

_EBS = "Source: Amazon EBS User Guide."


class Volume(Section):
    """One EBS volume."""

    type: VolumeType = key(
        "EBS volume type: `gp3` (General Purpose SSD) or `io2` (Provisioned IOPS SSD, Block Express).",
        default_text="`gp3`",
        example="gp3",
    )
    size_gib: Number = key(
        f"Size in GiB: 1 to 65,536 for gp3, 4 to 65,536 for io2. {_EBS}",
        default_text="installation 50, data 500, wij 100, journal 200, alternate_journal 200",
        example=500,
    )
    iops: Number = key(
        "Provisioned IOPS: 3,000 to 80,000 for gp3, more than 3,000 only up to 500 for each GiB; 100 to 256,000 for io2, at "
        f"most 1,000 for each GiB. {_EBS}",
        default_text="3,000 for gp3; io2 needs it stated",
        example=3000,
    )
    throughput_mibps: Number | None = key(
        f"Provisioned throughput in MiB/s, gp3 only: 125 to 2,000, at most 0.25 for each of its IOPS. {_EBS}",
        default=None,
        default_text="125 for gp3; for io2 it follows from the IOPS",
        example=125,
    )

    def spec(self) -> VolumeSpec:
        """The volume as the model has it."""
        return VolumeSpec(type=self.type, size_gib=self.size_gib, iops=self.iops, throughput_mibps=self.throughput_mibps)


class StripedVolume(Volume):
    """Several EBS volumes alike, striped; size, IOPS and throughput are those of each."""

    count: Number = key(
        f"Number of volumes the databases are striped over, {STRIPES[0]} to {STRIPES[-1]}.", default=1, example=1
    )

    def spec(self) -> VolumeSpec:
        """The volumes as the model has them."""
        return VolumeSpec(
            type=self.type,
            size_gib=self.size_gib,
            iops=self.iops,
            throughput_mibps=self.throughput_mibps,
            count=self.count,
        )


class Volumes(Section):
    """The volumes of each failover member, beside its root volume."""

    installation: Volume = key(
        "IRIS's installation directory with its system databases.", default_text="gp3 of 50 GiB", example={}
    )
    data: StripedVolume = key("The mirrored databases.", default_text="one gp3 of 500 GiB", example={})
    wij: Volume = key("The write image journal.", default_text="gp3 of 100 GiB", example={})
    journal: Volume = key("The journals.", default_text="gp3 of 200 GiB", example={})
    alternate_journal: Volume = key(
        "Where IRIS writes journals when the first volume is full or failed.", default_text="gp3 of 200 GiB", example={}
    )

    def member_volumes(self) -> MemberVolumes:
        """The volumes as the model has them."""
        return MemberVolumes(
            installation=self.installation.spec(),
            data=self.data.spec(),
            wij=self.wij.spec(),
            journal=self.journal.spec(),
            alternate_journal=self.alternate_journal.spec(),
        )
