"""`cdk-intersystems rebuild`: a member gets another one's databases, and nothing of what only it had is lost."""

import json

from cdk_intersystems.command.rebuild.marks import HOLDS, KEPT
from cdk_intersystems.model import tags
from tests.unit.command.fake_region import REGION, move
from tests.unit.command.rebuild_desk import FROM_B, FROM_D, Desk, far, is_as_it_was, is_rebuilt, mirror, near
from tests.unit.command.rebuild_members import HOME, client_of, marks, own, primary, waiting


def test_a_member_gets_the_databases_of_its_neighbour(desk: Desk) -> None:
    member = mirror(desk.world, *near())

    result = desk.type("--json", *FROM_B)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    # Whoever reads JSON learns of it too.
    assert " ".join(result.stderr.split()) == (
        "TRAKA waits for this, which somebody has to do: remove TRAKA from the mirror, on its primary"
    )
    report = json.loads(result.stdout)
    assert (report["member"], report["source"], report["id"][:2]) == ("TRAKA", "TRAKB", "b-")
    assert list(report["steps"]) == [
        *("stop_iris", "keep", "take", "wait", "make", "leave", "stop_instance", "replace"),
        *("start", "restore", "catch_up", "clean_up"),
    ]
    backend = desk.world.backend(HOME)
    assert {marks(backend.snapshots[each])[HOLDS] for each in report["kept_snapshots"]} == {KEPT}
    assert set(report["replaced_volumes"]) < set(desk.world.diverged)
    assert {each.id for each in desk.world.volumes(member, "data")} == set(report["new_volumes"])
    assert report["delete_later"][0] == (f"aws ec2 delete-volume --region {HOME} --volume-id {report['replaced_volumes'][0]}")


def test_from_the_other_region_snapshots_are_copied_with_the_key_of_the_members(desk: Desk) -> None:
    member = mirror(desk.world, *far())

    result = desk.type(*FROM_D)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    assert desk.world.calls.count("CopySnapshot") == 2
    assert "TRAKA is built anew from TRAKD" in result.stdout
    assert [arguments for name, command, arguments in desk.world.asked if command == "freeze"] == ["--seconds 180"]


def test_a_primary_is_frozen_only_if_it_is_alone_and_that_is_said(desk: Desk) -> None:
    member = mirror(desk.world, primary())

    assert desk.type("--yes", "rebuild TRAKA from TRAKC").exit_code == 2
    is_as_it_was(desk.world, member)
    result = desk.type("--yes", "rebuild TRAKA from the primary TRAKC")

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    assert ("TRAKC", "freeze", "--seconds 60 --primary-alone") in desk.world.asked


def test_snapshots_of_a_freeze_that_ended_early_are_good_for_nothing(desk: Desk) -> None:
    member = mirror(desk.world, waiting("TRAKB", HOME, "b"), primary())
    desk.world.host("TRAKB").slips = 2

    result = desk.type(*FROM_B)

    assert result.exit_code == 0, result.output
    is_rebuilt(desk.world, member)
    assert desk.world.host("TRAKB").freezes == 3


def test_a_source_that_never_stays_frozen_ends_it_and_a_later_try_goes_on(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    desk.world.host("TRAKB").slips = 3

    result = desk.type(*FROM_B)

    assert result.exit_code == 1
    assert "TRAKB did not stay frozen, 3 times" in result.stderr
    assert "IRIS on TRAKA may be stopped, and its volumes are as they were. Run it again" in result.stderr
    assert {marks(each).get(HOLDS) for each in desk.world.backend(HOME).snapshots.values()} == {KEPT}

    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_a_volume_is_as_large_as_the_larger_of_both(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    client_of("ec2", HOME).modify_volume(VolumeId=desk.world.volumes(desk.world.host("TRAKB"), "data")[1].id, Size=33)

    assert desk.type(*FROM_B).exit_code == 0
    assert [each.size for each in desk.world.volumes(member, "data")] == [33, 33]


# What keeps it from beginning.


def test_nothing_is_changed_without_the_sentence(desk: Desk) -> None:
    member = mirror(desk.world, *near())

    result = desk.type("--json")

    assert (result.exit_code, json.loads(result.stdout)["error"]) == (2, "usage")
    assert "Records that only TRAKA has stay in snapshots, which are kept, and nowhere else." in result.stderr
    is_as_it_was(desk.world, member)


def test_nothing_is_changed_while_the_mirror_moves(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    desk.answers = [{"region": REGION, "move": move("committed")}]

    result = desk.type(*FROM_B)

    assert (result.exit_code, "a promotion is under way" in result.stderr) == (3, True)
    is_as_it_was(desk.world, member)


def test_a_move_that_began_meanwhile_finds_the_members_instance_running(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    desk.answers = [desk.answers[0], {"region": REGION, "move": move("committed")}]

    result = desk.type(*FROM_B)

    assert (result.exit_code, "TRAKA has its own volumes" in result.stderr) == (1, True)
    assert desk.world.backend(HOME).get_instance(member.id).state == "running"
    assert "DetachVolume" not in desk.world.calls
    assert "leave" not in [command for _, command, _ in desk.world.asked]

    desk.answers = [{"region": REGION, "move": move("completed")}]
    assert desk.type(*FROM_B).exit_code == 0
    is_rebuilt(desk.world, member)


def test_a_second_volume_with_the_tags_is_refused(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    ec2 = client_of("ec2", HOME)
    other = ec2.create_volume(AvailabilityZone="eu-west-2a", Size=1)["VolumeId"]
    described = own(member) | {tags.VOLUME: "data"}
    ec2.create_tags(Resources=[other], Tags=[{"Key": key, "Value": value} for key, value in described.items()])

    result = desk.type(*FROM_B)

    assert (result.exit_code, "3 volumes of a hold data, and 2 should" in result.stderr) == (3, True)
    assert "CreateTags" not in desk.world.calls


def test_a_volume_that_another_instance_has_is_refused(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    ec2, volume = client_of("ec2", HOME), desk.world.volumes(member, "data")[0].id
    ec2.detach_volume(VolumeId=volume, InstanceId=member.id)
    ec2.attach_volume(VolumeId=volume, InstanceId=desk.world.host("TRAKB").id, Device="/dev/sdz")

    result = desk.type(*FROM_B)

    assert (result.exit_code, f"{volume} is attached to" in result.stderr) == (3, True)


def test_volumes_that_are_not_encrypted_are_refused(desk: Desk) -> None:
    member = mirror(desk.world, *near())
    desk.world.volumes(member, "data")[0].kms_key_id = None

    result = desk.type(*FROM_B)

    assert (result.exit_code, "not encrypted with a key of KMS" in result.stderr) == (3, True)
    is_as_it_was(desk.world, member)
