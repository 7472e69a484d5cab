"""`rehearse` as it is typed: an image, a clone that reaches nobody, what that says, and nothing left of it, even if killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.command.rehearsal.clone import TAG

from .clones import Machines
from .desk import DONE, FAILED, REFUSED, WAITS, WRONG, Desk
from .mirror_sets import until
from .region_moves import TABLE, Moves
from .region_world import REGIONS

pytestmark = pytest.mark.embedded

YES = ("--yes", f"rehearse TRAK in {REGIONS['dr']}")


@pytest.fixture(scope="module")
def desk(moves: Moves, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    moves.begin()
    return Desk(moves, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def machines(moves: Moves, tmp_path: Path) -> Iterator[Machines]:
    found = Machines(moves.aws, REGIONS["dr"], tmp_path)
    yield found
    found.stop()


def _left(moves: Moves) -> list[str]:
    """What of rehearsals is there."""
    ec2, mine = moves.clients["dr"]("ec2"), [{"Name": "tag-key", "Values": [TAG]}]
    alive = [*mine, {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = ec2.describe_instances(Filters=alive)["Reservations"]
    return [
        *(each["InstanceId"] for reservation in reservations for each in reservation["Instances"]),
        *(each["ImageId"] for each in ec2.describe_images(Owners=["self"], Filters=mine)["Images"]),
        *(each["SnapshotId"] for each in ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]),
        *(each["VolumeId"] for each in ec2.describe_volumes(Filters=mine)["Volumes"]),
        *(each["GroupId"] for each in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]),
        *(each["NetworkInterfaceId"] for each in ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]),
    ]


def _members(moves: Moves) -> list[dict[str, Any]]:
    """All that EC2 tells of the members of the DR region."""
    names = [moves.instances[name] for name in ("TRAKC", "TRAKD")]
    found = moves.clients["dr"]("ec2").describe_instances(InstanceIds=names)["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def test_a_clone_is_promoted_where_it_reaches_nobody_and_is_gone(moves: Moves, desk: Desk, machines: Machines) -> None:
    before = _members(moves)
    code, said = desk.type(moves.operator, "rehearse", *YES)

    assert (code, said["ok"], said["recorded"]) == (DONE, True, True), said
    assert said["rto_s"] >= 0
    (clone,) = machines.seen.values()
    assert (clone["InstanceType"], "IamInstanceProfile" in clone) == ("r7i.2xlarge", False)
    assert {tag["Key"] for tag in clone["Tags"]} == {TAG, "Name"}
    assert "PublicIpAddress" not in clone
    assert [each["DeviceName"] for each in clone["BlockDeviceMappings"]] == ["/dev/sda1"]
    key = {"key": {"S": "TRAK#rehearsal"}}
    item = moves.clients["dr"]("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert (item["ok"]["BOOL"], float(item["rto_seconds"]["N"])) == (True, said["rto_s"])
    assert _left(moves) == []
    # No member was stopped, changed, or asked for anything.
    assert (_members(moves), moves.mirror.ran) == (before, [])


def test_a_clone_that_is_refused_says_so_and_is_gone(moves: Moves, desk: Desk, machines: Machines) -> None:
    machines.promotes = '{"refused": "a running primary is found"}'
    code, printed, _ = desk.read(moves.operator, "rehearse", *YES)
    assert code == FAILED
    assert "FAILED at promote:" in printed
    assert "a running primary is found" in printed
    assert _left(moves) == []


def test_what_a_killed_rehearsal_has_left_the_next_one_deletes(moves: Moves, desk: Desk, machines: Machines) -> None:
    machines.silent = True
    running = desk.start(moves.operator, "rehearse", *YES)
    until(lambda: machines.seen)
    running.kill()
    running.communicate()
    # Instance, image, snapshot, volume, group and interface.
    left = _left(moves)
    assert len(left) == 6

    machines.silent = False
    code, said = desk.type(moves.operator, "rehearse", *YES)
    assert (code, said["ok"]) == (DONE, True), said
    assert _left(moves) == []
    assert len(machines.seen) == 2


def test_nothing_is_cloned_while_it_matters_or_without_the_sentence(moves: Moves, desk: Desk) -> None:
    code, said = desk.type(moves.operator, "rehearse", "--yes", "rehearse TRAK")
    assert (code, said["error"]) == (WRONG, "usage"), said
    asked = ("switchover", "--reason", "a test", "--yes", f"request switchover of TRAK to {REGIONS['dr']}")
    assert desk.type(moves.operator, *asked)[0] == WAITS
    code, said = desk.type(moves.operator, "rehearse", *YES)
    assert (code, said["error"]) == (REFUSED, "under_way"), said
    assert _left(moves) == []
