"""`cdk-intersystems rebuild`, run again after it ended early: what was done is used, and nothing is done on a guess."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.command import rebuild_command
from cdk_intersystems.command.rebuild.marks import GOOD, HOLDS, KEPT, REBUILD, SOURCE
from cdk_intersystems.command.rebuild.volumes import Volumes
from tests.unit.command.rebuild_desk import FROM_B, FROM_D, Desk, far, is_rebuilt, mirror, near, new_desk
from tests.unit.command.rebuild_members import HOME, ROLES, Host, client_of, marks, own, primary
from tests.unit.command.rebuild_world import Killed, watched


def _killed(desk: Desk, name: str, times: int = 1) -> None:
    """Runs it until it is killed after the how many-th call of a name."""
    desk.world.fault, desk.world.at = "killed", (name, times)
    with pytest.raises(Killed):
        desk.type(*FROM_B)


def test_who_goes_on_needs_the_source_no_more_once_its_databases_are_copied(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "DetachVolume")
    desk.world.host("TRAKB").iris = False

    result = desk.type(*FROM_B)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    assert desk.world.host("TRAKB").freezes == 1


def test_who_goes_on_uses_the_snapshots_that_are_good(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "CreateVolume")

    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)
    assert desk.world.host("TRAKB").freezes == 1


def test_what_was_made_of_snapshots_that_are_no_whole_set_is_made_again(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "CreateVolume")
    backend = desk.world.backend(HOME)
    (first,) = [each.id for each in backend.volumes.values() if REBUILD in marks(each)]
    gone = next(each.id for each in backend.snapshots.values() if marks(each).get(HOLDS) == GOOD)
    client_of("ec2", HOME).delete_snapshot(SnapshotId=gone)

    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)
    assert (desk.world.host("TRAKB").freezes, first in backend.volumes) == (2, False)


def test_a_volume_is_made_once_though_nobody_has_heard_of_the_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror(desk.world, *near())
    ec2 = client_of("ec2", HOME)
    wanted = own(desk.world.host("TRAKA"))
    snapshot = ec2.create_snapshot(VolumeId=desk.world.diverged[0])["SnapshotId"]
    with watched(desk.world, monkeypatch):
        desk.world.frozen[snapshot] = "f"
        desk.world.confirmed.add("f")
        volumes = Volumes(ec2=ec2, own=wanted, value="TRAK/TRAKA/b-1", sleep=desk.world.sleep, tell=lambda line: None)
        slot = volumes.slots({"data": 2}, desk.world.host("TRAKA").id)[0]
        for _ in range(2):
            volumes.make(slot, snapshot, 30, "TRAKB")

    assert [marks(each)[SOURCE] for each in desk.world.backend(HOME).volumes.values() if REBUILD in marks(each)] == ["TRAKB"]
    assert desk.world.broken == []


def test_a_volume_that_could_not_be_made_is_made_again_before_the_member_leaves(desk: Desk) -> None:
    """Its key could not be used; and whoever made it has not waited for it."""
    member = mirror(desk.world, *near())
    _killed(desk, "CreateVolume", 2)
    dead = next(each for each in desk.world.backend(HOME).volumes.values() if REBUILD in marks(each))
    desk.world.states[dead.id] = "error"

    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)
    assert dead.id not in {each.id for each in desk.world.volumes(member, "data")}


def test_no_member_leaves_before_its_new_volumes_are_there(desk: Desk) -> None:
    mirror(desk.world, *near())
    _killed(desk, "CreateVolume", 2)
    slow = next(each for each in desk.world.backend(HOME).volumes.values() if REBUILD in marks(each))
    desk.world.states[slow.id] = "creating"

    result = desk.type(*FROM_B)

    assert (result.exit_code, f"{slow.id} is still creating" in result.stderr) == (1, True)
    assert "leave" not in [command for _, command, _ in desk.world.asked]


@pytest.mark.parametrize(("others", "sentence"), [(near(), FROM_B), (far(), FROM_D)], ids=["near", "far"])
def test_snapshots_that_are_not_found_at_once_are_waited_for(
    desk: Desk, others: tuple[Host, ...], sentence: tuple[str, str]
) -> None:
    member = mirror(desk.world, *others)
    desk.world.late = True

    result = desk.type(*sentence)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)


def test_what_is_not_attached_would_not_be_kept(desk: Desk) -> None:
    """Such as a volume with journals that only this member has."""
    member = mirror(desk.world, *near())
    client_of("ec2", HOME).stop_instances(InstanceIds=[member.id])
    member.iris = False
    journals = next(each for role in ROLES if role != "data" for each in desk.world.volumes(member, role))
    client_of("ec2", HOME).detach_volume(VolumeId=journals.id, InstanceId=member.id)

    result = desk.type("--not-running", *FROM_B)

    assert (result.exit_code, f"{journals.id} of TRAKA is not attached" in result.stderr) == (1, True), result.output
    assert "CreateSnapshots" not in desk.world.calls


def test_no_member_leaves_whose_kept_snapshots_somebody_has_deleted(desk: Desk) -> None:
    mirror(desk.world, *near())
    _killed(desk, "CreateVolume", 2)
    backend = desk.world.backend(HOME)
    for each in [each.id for each in backend.snapshots.values() if marks(each).get(HOLDS) == KEPT]:
        client_of("ec2", HOME).delete_snapshot(SnapshotId=each)

    result = desk.type(*FROM_B)

    assert (result.exit_code, "no snapshots of TRAKA are there any more" in result.stderr) == (1, True)
    assert "leave" not in [command for _, command, _ in desk.world.asked]


def test_a_rebuild_that_somebody_else_began_meanwhile_is_gone_on_with_by_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = mirror(desk.world, *near())

    def confirmed(*_: Any) -> None:
        other = [{"Key": REBUILD, "Value": "TRAK/TRAKA/b-other"}]
        client_of("ec2", HOME).create_tags(Resources=[member.id], Tags=other)

    monkeypatch.setattr(rebuild_command, "confirm", confirmed)
    result = desk.type(*FROM_B)

    assert (result.exit_code, "b-other of TRAKA was begun meanwhile" in result.stderr) == (1, True)
    assert "CreateSnapshots" not in desk.world.calls


def test_a_primary_is_not_touched_by_going_on(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "CreateVolume")
    member.iris, member.said = True, primary().said

    result = desk.type(*FROM_B)

    assert (result.exit_code, "TRAKA is the primary" in result.stderr) == (3, True)
    assert "StopInstances" not in desk.world.calls


def test_another_rebuild_is_begun_only_when_that_is_asked_for(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "CreateVolume", 2)
    first = marks(desk.world.backend(HOME).get_instance(member.id))[REBUILD]

    result = desk.type("--json", "--anew", *FROM_B, "--not-running")

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    report = json.loads(result.stdout)
    assert report["id"] not in first
    assert desk.world.host("TRAKB").freezes == 2
    # What the first one has kept is kept; what it has made for nothing is gone.
    assert len({marks(each)[REBUILD] for each in desk.world.backend(HOME).snapshots.values()}) == 2
    assert first not in [marks(each).get(REBUILD) for each in desk.world.backend(HOME).volumes.values()]


def test_no_other_rebuild_is_begun_while_volumes_are_being_replaced(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "DeleteTags")

    result = desk.type("--anew", *FROM_B, "--not-running")

    assert (result.exit_code, "run it without --anew" in result.stderr) == (3, True)
    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_a_member_can_be_built_anew_a_second_time(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    assert desk.type(*FROM_B).exit_code == 0
    first = desk.world.volumes(member, "data")
    desk.world.diverge(member)

    result = desk.type("--json", *FROM_B)

    assert result.exit_code == 0, result.output
    assert desk.world.broken == []
    value = f"TRAK/TRAKA/{json.loads(result.stdout)['id']}"
    second = desk.world.volumes(member, "data")
    assert [marks(each)[REBUILD] for each in second] == [value, value]
    assert not {each.id for each in first} & {each.id for each in second}


@pytest.mark.parametrize(
    ("started_after", "says"), [("DetachVolume", "is still in-use"), ("DeleteTags", "somebody has started it")]
)
def test_an_instance_that_somebody_starts_halfway_loses_no_volume(desk: Desk, started_after: str, says: str) -> None:
    member = mirror(desk.world, *near())
    desk.world.started_after = started_after

    result = desk.type(*FROM_B)

    assert (result.exit_code, says in result.stderr) == (1, True), result.output
    assert desk.world.broken == []
    assert "its volumes are being replaced: don't start it by hand" in result.stderr
    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_interrupted_by_its_user_it_says_how_things_are(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    desk.world.fault, desk.world.at = "interrupted", ("CreateSnapshots", 2)

    result = desk.type("--json", *FROM_B)

    said: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code, said["error"]) == (1, "interrupted")
    assert "Run it again" in said["message"]
    assert [host.name for host in desk.world.hosts.values() if desk.world.freeze_of(host)] == []
    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_a_member_that_does_not_run_is_asked_before_its_volumes_are_touched(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    client_of("ec2", HOME).stop_instances(InstanceIds=[member.id])
    member.iris = False

    assert desk.type(*FROM_B).exit_code == 3
    assert desk.type("--not-running", *FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_one_whose_journals_are_the_mirrors_stays_and_the_rebuild_can_be_given_up(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    member.stays, member.iris, member.said = True, False, {"inconsistent": None}

    result = desk.type("--not-running", *FROM_B)

    assert (result.exit_code, "its journals are the mirror's, and it stays" in result.stderr) == (1, True)
    assert [command for _, command, _ in desk.world.asked].count("leave") == 1
    assert "DetachVolume" not in desk.world.calls
    result = desk.type("--give-up", "--json", "--yes", "give up the rebuild of TRAKA")
    assert result.exit_code == 0, result.output
    backend = desk.world.backend(HOME)
    assert set(json.loads(result.stdout)["kept_snapshots"]) == set(backend.snapshots)
    assert [each.id for each in backend.volumes.values() if REBUILD in marks(each)] == []
    assert REBUILD not in marks(backend.get_instance(member.id))
    assert desk.type("--give-up", "--yes", "give up the rebuild of TRAKA").exit_code == 3
    assert desk.world.broken == []


def test_nor_can_it_be_given_up_when_nobody_has_heard_that_the_member_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    with new_desk(folder, monkeypatch) as clean:
        mirror(clean.world, *near())
        assert clean.type(*FROM_B).exit_code == 0
        # It says that it is done when it is asked for the second time.
        leave = max(at for at, (_, command, _) in enumerate(clean.world.asked, 1) if command == "leave")
    with new_desk(tmp_path, monkeypatch) as other:
        member = mirror(other.world, *near())
        _killed(other, "SendCommand", leave)
        assert member.left

        result = other.type("--give-up", "--yes", "give up the rebuild of TRAKA")

        assert (result.exit_code, "only going on brings it back" in result.stderr) == (3, True)
        assert other.type(*FROM_B).exit_code == 0
        is_rebuilt(other.world, member)


def test_who_has_left_the_mirror_can_only_go_on(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    _killed(desk, "StopInstances")

    result = desk.type("--give-up", "--yes", "give up the rebuild of TRAKA")

    assert (result.exit_code, "only going on brings it back" in result.stderr) == (3, True)
    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_a_member_that_is_busy_leaving_for_an_earlier_run_is_asked_again(desk: Desk) -> None:
    """Its refusal says nothing of the mirror; with the mark gone, the rebuild could be given up while the member leaves."""
    member = mirror(desk.world, *near())
    member.busy = 2

    result = desk.type(*FROM_B)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    assert "another iris-region is under way" in result.stderr
