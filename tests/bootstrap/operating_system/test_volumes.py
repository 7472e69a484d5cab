"""The volumes of a member, on real block devices with real file systems: found, made once, mounted, never overwritten."""

import os

import pytest

from cdk_intersystems.bootstrap.host.steps import ebs_volumes
from cdk_intersystems.model import host_description, layout, tags
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import DATA, JOURNAL, Make, Member
from tests.bootstrap.single_steps import write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)


def test_new_volumes_are_attached_made_mounted_and_given_to_iris(make: Make, lab: Lab) -> None:
    every = [host_description._volume(role, 1) for role in layout.MOUNT_POINTS]
    member = make(*every)
    ids = member.volumes()
    member.run()
    attached = lab.aws.client("ec2").describe_volumes(VolumeIds=ids)["Volumes"]
    assert {each["Attachments"][0]["InstanceId"] for each in attached} == {member.host.instance_id}
    assert len({each["Attachments"][0]["Device"] for each in attached}) == 5
    mounts = member.mounts()
    assert {place: kind for place, (kind, _) in mounts.items()} == {each["mount_point"]: each["file_system"] for each in every}
    # Programs in the installation directory need their setuid bits.
    assert all({"rw", "noatime", "nodev"} <= options and "nosuid" not in options for _, options in mounts.values())
    owners = {place: member.host.run("stat", "-c", "%U:%G %a", place).output.strip() for place in mounts}
    assert owners.pop("/irissys/sys") == "root:root 755"
    assert set(owners.values()) == {"irisowner:irisusr 775"}


def test_a_second_run_and_another_start_change_nothing_and_ask_nobody(make: Make, lab: Lab) -> None:
    member = make(DATA, JOURNAL)
    ids = member.volumes()
    member.run()
    member.host.path("/irissys/db/IRIS.DAT").write_text("precious")
    before, uuids = member.host.files().calm(), [member.host.run("blkid", member.device(each)).output for each in ids]
    lab.aws.forget_calls()
    assert (member.run().log, lab.aws.calls()) == ([], [])
    member.reboot()
    assert member.mounts() == {}
    ran = member.run()
    looking = ("wipefs --json", "udevadm", "systemctl daemon-reload", "systemctl start")
    assert [each for each in ran.commands if not each.startswith(looking)] == []
    assert (ran.said, lab.aws.calls()) == ([], [])
    assert before.changes_to(member.host.files().calm()) == []
    assert [member.host.run("blkid", member.device(each)).output for each in ids] == uuids
    assert (member.run().log, lab.aws.calls()) == ([], [])


def test_volumes_are_told_by_their_ids_in_any_order_and_by_any_of_udev_s_names(make: Make, lab: Lab) -> None:
    member = make(DATA, JOURNAL)
    ids = member.volumes()
    member.run()
    for place in ("db", "jrnpri"):
        member.host.path(f"/irissys/{place}/what").write_text(place)
    member.crash()
    for volume, ending in zip(reversed(ids), ("_1", "-ns-1"), strict=True):
        disk = lab.disk(volume)
        member.host.detach(disk)
        disk.link += ending
        member.host.attach(disk)
    member.run()
    assert [member.host.path(f"/irissys/{place}/what").read_text() for place in ("db", "jrnpri")] == ["db", "jrnpri"]


# A partition's type, and the two bytes that make it a partition table.
PARTITION_TABLE = r"printf '\203' | dd of=$0 bs=1 seek=450; printf '\125\252' | dd of=$0 bs=1 seek=510"
FOREIGN = {
    "another file system": ("mkswap -q $0", "swap"),
    "a partition table": (PARTITION_TABLE, "dos"),
    "a part of LVM": ("pvcreate -qq $0", "LVM2_member"),
    "two things at once": (f"mkfs.ext4 -q $0; {PARTITION_TABLE}", "dos and ext4"),
    "unknown data at its beginning": ("echo x | dd of=$0 bs=1 seek=4711", "data at byte 4711"),
    "unknown data at its end": ("echo x | dd of=$0 bs=1 seek=16777000", "data at byte 16777000"),
    "unknown data all over but at both ends": ("yes | dd of=$0 bs=1M seek=1 count=14 iflag=fullblock", "data at byte "),
}


@pytest.mark.parametrize(("command", "held"), FOREIGN.values(), ids=FOREIGN)
def test_a_volume_that_holds_anything_else_is_refused_and_left_as_it_is(make: Make, command: str, held: str) -> None:
    member = make(JOURNAL)
    (volume,) = member.volumes()
    member.work_on(volume, command)
    before = member.digest(volume)
    said = member.fails()
    assert said.startswith(f"{volume} (journal) holds {held}")
    assert f", not ext4, and was left as it is: look at {member.device(volume)};" in said
    assert (member.digest(volume), member.mounts()) == (before, {})


def test_a_volume_is_new_when_it_was_cleared_as_the_refusal_says(make: Make) -> None:
    member = make(JOURNAL)
    (volume,) = member.volumes()
    member.work_on(volume, "mkswap -q $0")
    command = member.fails().partition("clear it with ")[2]
    member.host.run(*command.split())
    member.run()
    assert set(member.mounts()) == {"/irissys/jrnpri"}


def test_a_volume_with_the_right_file_system_is_kept_whoever_made_it(make: Make) -> None:
    member = make(JOURNAL)
    volume = member.volume("journal")
    member.work_on(volume, "mkfs.ext4 -q -L restored $0; mount $0 /mnt; echo precious > /mnt/20261125.001; umount /mnt")
    member.run()
    assert member.host.path("/irissys/jrnpri/20261125.001").read_text() == "precious\n"
    assert member.signatures(volume) == [("ext4", "restored")]


def test_a_missing_volume_stops_it_with_what_to_look_for(make: Make, lab: Lab) -> None:
    member = make(DATA, JOURNAL)
    member.volume("data")
    name = member.description["name"]
    lab.aws.forget_calls()
    assert member.fails() == f"0 of 1 volumes found with the tags of the volume journal of {name} (waited 0 s)"
    assert not lab.aws.calls(service="ec2", action="AttachVolume")
    member.volume("journal", 16)
    member.run()
    assert set(member.mounts()) == {"/irissys/db", "/irissys/jrnpri"}


def another_instance(lab: Lab, host: LabHost) -> str:
    return str(lab._launch("another", "10.20.1.99", host.machine.zone, {}).instance_id)


def test_a_volume_in_use_elsewhere_is_not_taken_from_there(make: Make, lab: Lab) -> None:
    member = make(DATA, JOURNAL)
    data, _ = member.volumes()
    ec2, other = lab.aws.client("ec2"), another_instance(lab, member.host)
    ec2.attach_volume(VolumeId=data, InstanceId=other, Device="/dev/sdf")
    lab.aws.forget_calls()
    assert member.fails().startswith(f"{data} (data) is attached to {other}: stop that instance and detach it there")
    assert not lab.aws.calls(service="ec2", action="AttachVolume")
    ec2.detach_volume(VolumeId=data)
    member.run()
    assert set(member.mounts()) == {"/irissys/db", "/irissys/jrnpri"}


def test_names_of_devices_that_somebody_else_has_taken_are_passed_over(make: Make, lab: Lab) -> None:
    member = make(JOURNAL)
    (volume,) = member.volumes()
    other = member.volume("of-somebody-else", 16)
    lab.aws.client("ec2").attach_volume(VolumeId=other, InstanceId=member.host.instance_id, Device="/dev/sdf")
    member.run()
    attached = lab.aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]
    assert [each["Device"] for each in attached] == ["/dev/sdg"]


def test_two_volumes_with_the_same_tags_are_left_to_a_person(make: Make) -> None:
    member = make(DATA)
    ids = sorted([member.volume("data"), member.volume("data")])
    said = member.fails()
    assert said.startswith(
        f"2 volumes have the tags of the volume data of {member.description['name']}, and 1 should: {', '.join(ids)};"
    )


def test_a_volume_that_went_away_is_attached_again_with_what_it_holds(make: Make, lab: Lab) -> None:
    member = make(DATA, JOURNAL)
    data, _ = member.volumes()
    member.run()
    member.host.path("/irissys/db/IRIS.DAT").write_text("precious")
    member.take_away(data)
    member.run()
    assert member.host.path("/irissys/db/IRIS.DAT").read_text() == "precious"


def test_an_empty_volume_is_not_taken_for_one_that_this_host_has_worked_with(make: Make, lab: Lab) -> None:
    member = make(DATA)
    old = member.volume("data")
    member.run()
    member.take_away(old)
    lab.aws.client("ec2").create_tags(Resources=[old], Tags=[{"Key": tags.VOLUME, "Value": "lost"}])
    new = member.volume("data")
    assert member.fails().startswith(f"{new} (data) is empty, and this host has worked with {old} before: restore it")
    # Restored from a snapshot it is taken.
    member.work_on(new, "mkfs.xfs -q $0")
    member.run()
    assert (set(member.mounts()), member.run().log) == ({"/irissys/db"}, [])


def test_a_copy_that_is_attached_too_is_not_mounted_in_its_place(make: Make, lab: Lab) -> None:
    member = make(JOURNAL)
    volume, copy = member.volume("journal", 16), member.volume("copy", 16)
    member.run()
    member.reboot()
    member.host.attach(lab.disk(copy))
    member.work_on(copy, f"dd if={member.device(volume)} of=$0 bs=1M")
    uuid = member.host.run("blkid", "--match-tag", "UUID", "--output", "value", member.device(volume)).output.strip()
    # Whichever udev saw last has the name.
    member.host.run("mkdir", "/dev/disk/by-uuid")
    member.host.run("ln", "-s", f"../../{lab.disk(copy).device}", f"/dev/disk/by-uuid/{uuid}")
    write_program(member.host, "udevadm", "#!/bin/sh\n")
    assert member.fails().endswith(f"{member.device(volume)}: a copy of it is attached, detach that")
    assert member.mounts() == {}


def test_something_else_that_is_mounted_in_its_place_is_refused(make: Make) -> None:
    member = make(DATA)
    volume = member.volume("data")
    member.host.run("mkdir", "-p", "/irissys/db")
    member.host.run("mount", "-t", "tmpfs", "other", "/irissys/db")
    assert f"mounted and not {volume} (data), {member.device(volume)}: unmount it" in member.fails()


def test_nothing_can_be_written_to_a_mount_point_without_its_volume(make: Make) -> None:
    member = make(DATA)
    member.volumes()
    member.run()
    member.host.run("umount", "/irissys/db")
    assert member.host.run("touch", "/irissys/db/IRIS.DAT", check=False).errors.endswith("Operation not permitted\n")
    member.run()
    member.host.run("touch", "/irissys/db/IRIS.DAT")


def test_files_that_a_mount_would_hide_are_told(make: Make) -> None:
    member = make(DATA)
    member.volumes()
    member.host.run("mkdir", "-p", "/irissys/db/TRAK")
    assert member.fails() == "/irissys/db holds files that its volume would hide (TRAK): move them away"


def size_in_mib(member: Member, place: str) -> int:
    return int(member.host.run("df", "--block-size=1M", "--output=size", place).output.split()[1])


def test_a_volume_that_has_grown_gets_a_larger_file_system_in_use(make: Make, lab: Lab) -> None:
    member = make(DATA)
    (volume,) = member.volumes()
    member.run()
    with member.host.path("/irissys/db/IRIS.DAT").open("w") as file:
        lab.grow(volume, 960)
        assert member.run().commands == ["xfs_growfs -d /irissys/db"]
        file.write("precious")
    assert (size_in_mib(member, "/irissys/db") > 850, member.run().log) == (True, [])
    member.reboot()
    member.run()
    assert member.host.path("/irissys/db/IRIS.DAT").read_text() == "precious"


# ext4 grows in use only for who has CAP_SYS_RESOURCE, which containers often lack: here it grows while it isn't mounted.
GROWS_UNMOUNTED = """\
#!/bin/sh
set -e
place=$(findmnt --noheadings --output TARGET "$1")
umount "$place"
e2fsck -fp "$1"
/usr/sbin/resize2fs "$1"
mount -o noatime,nodev "$1" "$place"
"""


def test_so_does_one_with_ext4(make: Make, lab: Lab) -> None:
    member = make(JOURNAL)
    volume = member.volume("journal", 64)
    member.run()
    lab.grow(volume, 256)
    write_program(member.host, "resize2fs", GROWS_UNMOUNTED)
    assert member.run().commands == [f"resize2fs {member.device(volume)}"]
    assert (size_in_mib(member, "/irissys/jrnpri") > 200, member.run().log) == (True, [])


USES_IT = """\
[Unit]
RequiresMountsFor=/irissys/db
[Service]
ExecStart=/bin/sleep infinity
ExecStop=/usr/bin/touch /irissys/db/stopped
"""


def test_iris_can_require_the_mounts_and_they_go_after_it(make: Make) -> None:
    member = make(DATA)
    member.volumes()
    member.run()
    member.host.path("/etc/systemd/system/user-of-it.service").write_text(USES_IT)
    member.host.run("systemctl", "stop", "irissys-db.mount")
    member.host.run("systemctl", "start", "user-of-it.service")
    assert set(member.mounts()) == {"/irissys/db"}
    member.host.run("systemctl", "stop", "irissys-db.mount")
    state = member.host.run("systemctl", "is-active", "user-of-it.service", check=False).output.strip()
    assert (state, member.mounts()) == ("inactive", {})
    member.run()
    assert member.host.path("/irissys/db/stopped").exists()


def test_a_unit_of_another_version_is_replaced_while_its_volume_is_mounted(make: Make) -> None:
    member = make(DATA)
    member.volumes()
    member.run()
    unit = member.host.path("/etc/systemd/system/irissys-db.mount")
    text = unit.read_text()
    unit.write_text(text.replace("noatime", "relatime"))
    assert member.run().commands == ["systemctl daemon-reload"]
    assert unit.read_text() == text


def test_the_tags_are_those_that_stacks_give() -> None:
    ours = (ebs_volumes._DEPLOYMENT, ebs_volumes._MIRROR_SET, ebs_volumes._MEMBER, ebs_volumes._VOLUME)
    assert ours == (tags.DEPLOYMENT, tags.MIRROR_SET, tags.MEMBER, tags.VOLUME)
