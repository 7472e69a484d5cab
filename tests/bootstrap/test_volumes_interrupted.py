"""A host that ends anywhere while it makes its volumes: run again, it has them, and nothing was taken for what it isn't."""

import os
from collections.abc import Iterator

import pytest

from tests.bootstrap.lab.lab import Lab
from tests.bootstrap.single_steps import write_program
from tests.bootstrap.volumes_lab import DATA, JOURNAL, Member, forget, terminate_all

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)

STATE = "/var/lib/cdk-intersystems"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


def check(member: Member, ids: list[str]) -> None:
    """It has what it would have had, and a further run has nothing to do."""
    mounts = {place: kind for place, (kind, _) in member.mounts().items()}
    assert mounts == {"/irissys/db": "xfs", "/irissys/jrnpri": "ext4"}
    assert [member.signatures(each) for each in ids] == [[("xfs", "iris-db")], [("ext4", "iris-jrnpri")]]
    assert member.host.run("ls", STATE).output == "volumes.json\n"
    assert member.run().log == []


def test_after_any_command(lab: Lab) -> None:
    member = Member(lab, DATA, JOURNAL)
    ids = member.volumes()
    commands = member.run(steps=["users"]) and member.run().commands
    assert sum("mkfs" in each for each in commands) == 2
    for count, following in enumerate(commands):
        forget(member)
        assert member.run(die_after=count, check=False).status not in (0, 1), following
        if count % 2:
            # A power cut rather than the death of the process.
            member.host.crash()
        member.run()
        check(member, ids)
    terminate_all(lab)


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
def test_while_a_file_system_is_made(lab: Lab, name: str, program: str) -> None:
    member = Member(lab, DATA, JOURNAL)
    ids = member.volumes()
    write_program(member.host, name, program.format(name=name))
    assert member.run(check=False).status not in (0, 1)
    member.host.path(f"/usr/local/sbin/{name}").unlink()
    member.host.crash()
    member.run()
    check(member, ids)
    terminate_all(lab)


def test_and_with_the_root_volume_gone_too_an_unfinished_file_system_is_known_by_its_label(lab: Lab) -> None:
    member = Member(lab, DATA, JOURNAL)
    ids = member.volumes()
    write_program(member.host, "mkfs.ext4", DIES_AT_ITS_END.format(name="mkfs.ext4"))
    member.run(check=False)
    assert member.signatures(ids[1]) == [("ext4", "unfinished")]
    member.host.path("/usr/local/sbin/mkfs.ext4").unlink()
    member.host.run("rm", "-r", STATE)
    member.run()
    check(member, ids)
    terminate_all(lab)


def test_a_note_of_another_volume_lets_nothing_be_overwritten(lab: Lab) -> None:
    member = Member(lab, JOURNAL)
    volume = member.volume("journal", mib=16)
    member.fill(volume, "echo precious | dd of=$0 bs=1 seek=5000")
    member.host.run("mkdir", "-p", STATE)
    member.host.path(f"{STATE}/making-iris-jrnpri").write_text("vol-0123456789abcdef0 (journal)\n")
    assert "holds data at byte 5000" in member.fails()
    terminate_all(lab)


def test_a_note_that_came_back_lets_no_finished_file_system_be_overwritten(lab: Lab) -> None:
    member = Member(lab, JOURNAL)
    volume = member.volume("journal", mib=16)
    member.run()
    member.host.path("/irissys/jrnpri/20261125.001").write_text("precious")
    member.host.reboot()
    # As of a root volume that was restored from a copy made in the wrong moment.
    member.host.path(f"{STATE}/making-iris-jrnpri").write_text(f"{volume} (journal)\n")
    member.run()
    assert member.host.path("/irissys/jrnpri/20261125.001").read_text() == "precious"
    assert not member.host.path(f"{STATE}/making-iris-jrnpri").exists()
    terminate_all(lab)


def test_a_full_root_disk_is_told_and_repaired_when_it_has_room(lab: Lab) -> None:
    member = Member(lab, JOURNAL, disk_mib=64)
    volume = member.volume("journal", mib=16)
    member.run(steps=["users"])
    member.host.run("sh", "-c", "yes | dd of=/var/full bs=4k", check=False)
    assert member.fails() == f"cannot write {STATE}/making-iris-jrnpri: No space left on device"
    assert (member.signatures(volume), member.mounts()) == ([], {})
    member.host.run("rm", "/var/full")
    member.run()
    assert set(member.mounts()) == {"/irissys/jrnpri"}
    terminate_all(lab)
