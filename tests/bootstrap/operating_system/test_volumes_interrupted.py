"""A host that ends anywhere while it makes its volumes: run again, it has them, and nothing was taken for what it isn't."""

import os

import pytest

from tests.bootstrap.operating_system.hosts import DATA, IMPATIENT, JOURNAL, UNDO_VOLUMES, Make, Member
from tests.bootstrap.single_steps import die_everywhere, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)

STATE = "/var/lib/cdk-intersystems"


def check(member: Member, ids: list[str]) -> None:
    """It has what it would have had, and a further run has nothing to do."""
    mounts = {place: kind for place, (kind, _) in member.mounts().items()}
    assert mounts == {"/irissys/db": "xfs", "/irissys/jrnpri": "ext4"}
    assert [member.signatures(each) for each in ids] == [[("xfs", "iris-db")], [("ext4", "iris-jrnpri")]]
    assert member.host.run("ls", STATE).output == "volumes.json\n"
    assert member.run().log == []


def test_after_any_command(make: Make) -> None:
    member = make(DATA, JOURNAL)
    ids = member.volumes()
    devices = " ".join(member.device(each) for each in ids)
    undo = f"set -- $(ls {devices} 2> /dev/null); {UNDO_VOLUMES}"
    look = f"""
        ls {STATE}
        grep -o '/irissys/[a-z]* [a-z0-9]* rw,nodev,noatime' /proc/mounts | sort
        for device in {devices}; do wipefs --noheadings --output TYPE,LABEL $device; done
        stat -c '%U:%G %a' /irissys/*
    """
    own = {"instance_id": member.host.instance_id, "changed": IMPATIENT}
    commands, seen = die_everywhere(member.host, member.description, "volumes", undo=undo, look=look, **own)
    assert sum("mkfs" in each for each in commands) == 2
    assert seen[-1].splitlines() == [
        "volumes.json",
        "/irissys/db xfs rw,nodev,noatime",
        "/irissys/jrnpri ext4 rw,nodev,noatime",
        "xfs  iris-db",
        "ext4 iris-jrnpri",
        "irisowner:irisusr 775",
        "irisowner:irisusr 775",
    ]
    assert set(seen) == {seen[-1]}
    check(member, ids)


# It leaves what an interrupted one may leave: bytes that nobody knows, at the beginning and elsewhere. Then the process dies.
DIES_IN_ITS_MIDST = """\
#!/bin/sh
for device; do :; done
yes | dd of="$device" bs=1M count=1 seek=40 iflag=fullblock
echo half made | dd of="$device" bs=1 seek=5000
kill -9 $PPID
"""
# It has come to the end, and the label of the finished file system is not written yet.
DIES_AT_ITS_END = """\
#!/bin/sh
/usr/sbin/{name} "$@"
kill -9 $PPID
"""


@pytest.mark.parametrize("program", [DIES_IN_ITS_MIDST, DIES_AT_ITS_END], ids=["in its midst", "at its end"])
@pytest.mark.parametrize("name", ["mkfs.xfs", "mkfs.ext4"])
def test_while_a_file_system_is_made(make: Make, name: str, program: str) -> None:
    member = make(DATA, JOURNAL)
    ids = member.volumes()
    write_program(member.host, name, program.format(name=name))
    assert member.run(check=False).status not in (0, 1)
    member.host.path(f"/usr/local/sbin/{name}").unlink()
    if name == "mkfs.ext4":
        # A power cut rather than the death of the process.
        member.crash()
    member.run()
    check(member, ids)


def test_and_with_the_root_volume_gone_too_an_unfinished_file_system_is_known_by_its_label(make: Make) -> None:
    member = make(DATA, JOURNAL)
    ids = member.volumes()
    write_program(member.host, "mkfs.ext4", DIES_AT_ITS_END.format(name="mkfs.ext4"))
    member.run(check=False)
    assert member.signatures(ids[1]) == [("ext4", "unfinished")]
    member.host.path("/usr/local/sbin/mkfs.ext4").unlink()
    member.host.run("rm", "-r", STATE)
    member.run()
    check(member, ids)


def test_a_note_of_another_volume_lets_nothing_be_overwritten(make: Make) -> None:
    member = make(JOURNAL)
    volume = member.volume("journal", 16)
    member.work_on(volume, "echo precious | dd of=$0 bs=1 seek=5000")
    member.host.run("mkdir", "-p", STATE)
    member.host.path(f"{STATE}/making-iris-jrnpri").write_text("vol-0123456789abcdef0 (journal)\n")
    assert "holds data at byte 5000" in member.fails()


def test_a_note_that_came_back_lets_no_finished_file_system_be_overwritten(make: Make) -> None:
    member = make(JOURNAL)
    volume = member.volume("journal", 16)
    member.run()
    member.host.path("/irissys/jrnpri/20261125.001").write_text("precious")
    member.reboot()
    # As of a root volume that was restored from a copy made in the wrong moment.
    member.host.path(f"{STATE}/making-iris-jrnpri").write_text(f"{volume} (journal)\n")
    member.run()
    assert member.host.path("/irissys/jrnpri/20261125.001").read_text() == "precious"
    assert not member.host.path(f"{STATE}/making-iris-jrnpri").exists()


def test_a_full_root_disk_is_told_and_repaired_when_it_has_room(make: Make) -> None:
    member = make(JOURNAL)
    (volume,) = member.volumes()
    member.host.run("sh", "-c", "dd if=/dev/zero of=/var/full bs=1M; dd if=/dev/zero of=/var/fuller bs=4k", check=False)
    assert member.fails() == f"cannot write {STATE}/making-iris-jrnpri: No space left on device"
    assert (member.signatures(volume), member.mounts()) == ([], {})
    member.host.run("rm", "/var/full", "/var/fuller")
    member.run()
    assert set(member.mounts()) == {"/irissys/jrnpri"}
