"""What EBS allows for each volume type.

Source of every number: EBS user guide, "Amazon EBS volume types" (size, IOPS, throughput and their ratios), as of
2026: gp3 grew to 64 TiB, 80,000 IOPS and 2,000 MiB/s in 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

from local.adapter.errors import AwsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one volume type.

    Attributes:
        smallest: Smallest size in GiB.
        largest: Largest size in GiB.
        least_iops: Smallest IOPS that can be asked for; None where none can be.
        most_iops: Largest IOPS that can be asked for.
        iops_per_gib: Largest IOPS for each GiB of size.
        default_iops: IOPS where none are asked for; None where they must be.
        throughput: Smallest and largest MiB/s that can be asked for; None where none can be.
        mib_per_iops: Largest MiB/s for each IOPS.
    """

    smallest: int
    largest: int
    least_iops: int | None = None
    most_iops: int = 0
    iops_per_gib: int = 0
    default_iops: int | None = None
    throughput: tuple[int, int] | None = None
    mib_per_iops: float = 0.0


_TYPES = {
    "gp2": Limits(smallest=1, largest=16384),
    "gp3": Limits(
        smallest=1,
        largest=65536,
        least_iops=3000,
        most_iops=80000,
        iops_per_gib=500,
        default_iops=3000,
        throughput=(125, 2000),
        mib_per_iops=0.25,
    ),
    "io1": Limits(smallest=4, largest=16384, least_iops=100, most_iops=64000, iops_per_gib=50),
    "io2": Limits(smallest=4, largest=65536, least_iops=100, most_iops=256000, iops_per_gib=1000),
    "st1": Limits(smallest=125, largest=16384),
    "sc1": Limits(smallest=125, largest=16384),
    "standard": Limits(smallest=1, largest=1024),
}


def check(kind: str, size: int, iops: int | None, throughput: int | None) -> dict[str, int]:
    """Check a volume against its type and return the IOPS and throughput it gets.

    Args:
        kind: The volume type.
        size: The size in GiB.
        iops: The IOPS asked for. Default: the type's own.
        throughput: The throughput asked for, in MiB/s. Default: the type's own.

    Raises:
        AwsError: As CreateVolume refuses it.
    """
    limits = _TYPES.get(kind)
    if limits is None:
        raise AwsError("InvalidParameterValue", f"Invalid volume type: {kind}")
    if not limits.smallest <= size <= limits.largest:
        message = f"Volume of {size}GiB is outside {limits.smallest}GiB to {limits.largest}GiB for volume type {kind}"
        raise AwsError("InvalidParameterValue", message)
    result = _iops(kind, limits, size, iops)
    if throughput is None and limits.throughput:
        result["Throughput"] = limits.throughput[0]
    elif throughput is not None:
        result["Throughput"] = _throughput(kind, limits, throughput, result.get("Iops", 0))
    return result


def _iops(kind: str, limits: Limits, size: int, iops: int | None) -> dict[str, int]:
    """Check or choose the IOPS."""
    if limits.least_iops is None:
        if iops is not None:
            raise AwsError("InvalidParameterCombination", f"The parameter iops is not supported for {kind} volumes.")
        # gp2: three IOPS a GiB, between 100 and 16,000.
        return {"Iops": min(max(3 * size, 100), 16000)} if kind == "gp2" else {}
    if iops is None:
        if limits.default_iops is None:
            message = f"The parameter iops must be specified for {kind} volumes."
            raise AwsError("InvalidParameterCombination", message)
        return {"Iops": limits.default_iops}
    if not limits.least_iops <= iops <= limits.most_iops:
        message = f"Volume iops of {iops} is outside {limits.least_iops} to {limits.most_iops} for volume type {kind}"
        raise AwsError("InvalidParameterValue", message)
    if iops > limits.iops_per_gib * size and iops > (limits.default_iops or 0):
        message = f"Iops to volume size ratio of {iops / size:.1f} is too high; maximum is {limits.iops_per_gib}"
        raise AwsError("InvalidParameterValue", message)
    return {"Iops": iops}


def _throughput(kind: str, limits: Limits, throughput: int, iops: int) -> int:
    """Check the throughput."""
    if limits.throughput is None:
        raise AwsError("InvalidParameterCombination", f"The parameter throughput is not supported for {kind} volumes.")
    least, most = limits.throughput
    if not least <= throughput <= most:
        message = f"Throughput of {throughput} MiB/s is outside {least} to {most} MiB/s for volume type {kind}"
        raise AwsError("InvalidParameterValue", message)
    if throughput > limits.mib_per_iops * iops:
        message = f"Throughput (MiBps) to iops ratio of {throughput / iops:.3f} is too high; maximum is 0.25 MiBps per iops."
        raise AwsError("InvalidParameterValue", message)
    return throughput
