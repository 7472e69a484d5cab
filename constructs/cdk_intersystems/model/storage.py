"""The volumes of a failover member, and the limits of the EBS volume types they may have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal

VolumeType = Literal["gp3", "io2"]
VolumeRole = Literal["installation", "data", "wij", "journal", "alternate_journal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLimits:
    """What one volume of a type may be.

    Args:
        size_gib: Smallest and largest size.
        iops: Fewest and most provisioned IOPS.
        iops_per_gib: Most IOPS for each GiB.
        throughput_mibps: Lowest and highest provisioned throughput; `None` where it follows from the IOPS.
        mibps_per_iops: Most MiB/s for each provisioned IOPS; `None` likewise.
    """

    size_gib: tuple[int, int]
    iops: tuple[int, int]
    iops_per_gib: int
    throughput_mibps: tuple[int, int] | None = None
    mibps_per_iops: float | None = None


#: Source: Amazon EBS User Guide, "General Purpose SSD volumes" and "Provisioned IOPS SSD volumes". The limits of gp3 are those
#: since late 2025 (before: 16 TiB, 16,000 IOPS, 1,000 MiB/s); every io2 volume is Block Express since 2025-04-30.
#: The other types are left out on purpose: gp2 ties IOPS to size, io1 is io2 with worse durability, st1 and sc1 are disks.
LIMITS: Final[Mapping[VolumeType, VolumeLimits]] = {
    "gp3": VolumeLimits(
        size_gib=(1, 65_536),
        iops=(3_000, 80_000),
        iops_per_gib=500,
        throughput_mibps=(125, 2_000),
        mibps_per_iops=0.25,
    ),
    "io2": VolumeLimits(size_gib=(4, 65_536), iops=(100, 256_000), iops_per_gib=1_000),
}

#: What a gp3 volume has without paying for more. Source: as above.
GP3_BASE_IOPS: Final = 3_000
GP3_BASE_THROUGHPUT_MIBPS: Final = 125

#: More than eight stripes gain nothing: eight io2 volumes are beyond what any instance type can move.
STRIPES: Final = range(1, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """One role's volumes: alike, `count` of them, striped if more than one.

    Args:
        type: EBS volume type.
        size_gib: Size of each volume, in GiB.
        iops: Provisioned IOPS of each volume.
        throughput_mibps: Provisioned throughput of each gp3 volume in MiB/s; `None` for io2, where it follows from the IOPS.
        count: Number of volumes. Default: one.
    """

    type: VolumeType
    size_gib: int
    iops: int
    throughput_mibps: int | None = None
    count: int = 1

    def problems(self) -> list[tuple[str, str]]:
        """Checks the volume against the limits of its type.

        Returns:
            For each problem the name of the field and what is allowed, in words; empty if there is none.
        """
        return list(_problems(self))


def _problems(volume: VolumeSpec) -> Iterator[tuple[str, str]]:
    limits, kind = LIMITS[volume.type], volume.type
    smallest, largest = limits.size_gib
    size_ok = smallest <= volume.size_gib <= largest
    if not size_ok:
        yield "size_gib", f"a volume of type {kind} has {smallest} to {largest:,} GiB"
    fewest, most = limits.iops
    iops_ok = fewest <= volume.iops <= most
    if not iops_ok:
        yield "iops", f"a volume of type {kind} has {fewest:,} to {most:,} IOPS"
    # gp3's base of 3,000 IOPS comes with a volume of any size: the ratio limits only what is asked for beyond it.
    base = GP3_BASE_IOPS if kind == "gp3" else 0
    if size_ok and iops_ok and volume.iops > max(base, limits.iops_per_gib * volume.size_gib):
        yield (
            "iops",
            (
                f"a volume of type {kind} has at most {limits.iops_per_gib:,} IOPS for each GiB, "
                f"and {volume.size_gib} GiB allow {max(base, limits.iops_per_gib * volume.size_gib):,}"
            ),
        )
    yield from _throughput_problems(volume, limits, iops_ok=iops_ok)
    if volume.count not in STRIPES:
        yield "count", f"data is striped over {STRIPES[0]} to {STRIPES[-1]} volumes"


def _throughput_problems(volume: VolumeSpec, limits: VolumeLimits, *, iops_ok: bool) -> Iterator[tuple[str, str]]:
    throughput, kind = volume.throughput_mibps, volume.type
    if limits.throughput_mibps is None or limits.mibps_per_iops is None:
        if throughput is not None:
            yield "throughput_mibps", f"the throughput of a volume of type {kind} follows from its IOPS: leave it out"
        return
    lowest, highest = limits.throughput_mibps
    if throughput is None or not lowest <= throughput <= highest:
        yield "throughput_mibps", f"a volume of type {kind} has {lowest} to {highest:,} MiB/s"
    elif iops_ok and throughput > limits.mibps_per_iops * volume.iops:
        yield (
            "throughput_mibps",
            (
                f"a volume of type {kind} has at most {limits.mibps_per_iops} MiB/s for each of its IOPS, "
                f"and {volume.iops:,} IOPS allow {int(limits.mibps_per_iops * volume.iops):,}"
            ),
        )


def gp3(size_gib: int) -> VolumeSpec:
    """A gp3 volume with the performance that comes with it."""
    return VolumeSpec(type="gp3", size_gib=size_gib, iops=GP3_BASE_IOPS, throughput_mibps=GP3_BASE_THROUGHPUT_MIBPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberVolumes:
    """The volumes of a failover member, one role each.

    Journals stand apart from databases, from the WIJ and from each other, so that the loss of one volume never takes both
    a database and what would recover it (System Resource Planning, "File systems").

    Args:
        installation: IRIS's installation directory with its system databases.
        data: The mirrored databases; striped where one volume is not enough.
        wij: The write image journal, about as large as the database cache.
        journal: The journals, kept for two days or two backups.
        alternate_journal: Where IRIS writes journals when the first volume is full or failed.
    """

    installation: VolumeSpec = field(default=gp3(50))
    data: VolumeSpec = field(default=gp3(500))
    wij: VolumeSpec = field(default=gp3(100))
    journal: VolumeSpec = field(default=gp3(200))
    alternate_journal: VolumeSpec = field(default=gp3(200))

    def by_role(self) -> dict[VolumeRole, VolumeSpec]:
        """The volumes by role, in the order of their devices."""
        return {role: getattr(self, role) for role in ROLES}

    def total(self) -> int:
        """How many volumes a member has besides its root volume."""
        return sum(spec.count for spec in self.by_role().values())


ROLES: Final[tuple[VolumeRole, ...]] = tuple(each.name for each in fields(MemberVolumes))  # type: ignore[misc]
