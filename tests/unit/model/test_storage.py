"""The limits of EBS volumes, at their edges."""

from typing import Any

import pytest

from cdk_intersystems.model.storage import ROLES, MemberVolumes, VolumeSpec, gp3

GP3: dict[str, Any] = {"type": "gp3", "size_gib": 100, "iops": 3000, "throughput_mibps": 125}
IO2: dict[str, Any] = {"type": "io2", "size_gib": 100, "iops": 3000}


@pytest.mark.parametrize(
    "volume",
    [
        GP3,
        GP3 | {"size_gib": 1},
        GP3 | {"size_gib": 65_536},
        GP3 | {"size_gib": 160, "iops": 80_000, "throughput_mibps": 2_000},
        GP3 | {"throughput_mibps": 750},
        GP3 | {"count": 8},
        IO2 | {"size_gib": 4, "iops": 100},
        IO2 | {"size_gib": 4, "iops": 4_000},
        IO2 | {"size_gib": 256, "iops": 256_000},
        IO2 | {"size_gib": 65_536, "iops": 256_000},
    ],
)
def test_a_volume_at_the_edge_of_its_limits(volume: dict[str, Any]) -> None:
    assert VolumeSpec(**volume).problems() == []


@pytest.mark.parametrize(
    ("volume", "field", "allowed"),
    [
        (GP3 | {"size_gib": 0}, "size_gib", "1 to 65,536 GiB"),
        (GP3 | {"size_gib": 65_537}, "size_gib", "1 to 65,536 GiB"),
        (GP3 | {"iops": 2_999}, "iops", "3,000 to 80,000 IOPS"),
        (GP3 | {"size_gib": 1000, "iops": 80_001}, "iops", "3,000 to 80,000 IOPS"),
        (GP3 | {"size_gib": 10, "iops": 5_001}, "iops", "500 IOPS for each GiB, and 10 GiB allow 5,000"),
        (GP3 | {"size_gib": 1, "iops": 3_001}, "iops", "1 GiB allow 3,000"),
        (GP3 | {"throughput_mibps": 124}, "throughput_mibps", "125 to 2,000 MiB/s"),
        (GP3 | {"iops": 8_000, "throughput_mibps": 2_001}, "throughput_mibps", "125 to 2,000 MiB/s"),
        (GP3 | {"throughput_mibps": 751}, "throughput_mibps", "3,000 IOPS allow 750"),
        (GP3 | {"throughput_mibps": None}, "throughput_mibps", "125 to 2,000 MiB/s"),
        (GP3 | {"count": 0}, "count", "1 to 8 volumes"),
        (GP3 | {"count": 9}, "count", "1 to 8 volumes"),
        (IO2 | {"size_gib": 3, "iops": 100}, "size_gib", "4 to 65,536 GiB"),
        (IO2 | {"iops": 99}, "iops", "100 to 256,000 IOPS"),
        (IO2 | {"size_gib": 1000, "iops": 256_001}, "iops", "100 to 256,000 IOPS"),
        (IO2 | {"size_gib": 4, "iops": 4_001}, "iops", "1,000 IOPS for each GiB, and 4 GiB allow 4,000"),
        (IO2 | {"throughput_mibps": 125}, "throughput_mibps", "follows from its IOPS"),
    ],
)
def test_a_volume_beyond_its_limits(volume: dict[str, Any], field: str, allowed: str) -> None:
    (found,) = VolumeSpec(**volume).problems()

    assert found[0] == field
    assert allowed in found[1]


def test_every_problem_of_a_volume_is_told() -> None:
    volume = VolumeSpec(type="io2", size_gib=1, iops=1, throughput_mibps=1, count=0)

    assert [field for field, _ in volume.problems()] == ["size_gib", "iops", "throughput_mibps", "count"]


def test_the_volumes_of_a_member_by_default() -> None:
    volumes = MemberVolumes()

    assert list(volumes.by_role()) == list(ROLES) == ["installation", "data", "wij", "journal", "alternate_journal"]
    assert all(spec.problems() == [] for spec in volumes.by_role().values())
    assert volumes.total() == 5


def test_stripes_count_as_volumes() -> None:
    assert MemberVolumes(data=VolumeSpec(**(IO2 | {"count": 4})), wij=gp3(10)).total() == 8
