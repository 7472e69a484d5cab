"""Instance store volumes of application servers: empty at each start, and nothing but them is ever formatted."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bootstrap.lab.disks import Disk, make_disk
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, die_everywhere, leave, run_steps, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)

_numbers = itertools.count()
IMPATIENT = {"local_storage.SECONDS_TO_APPEAR": 0}
LINK = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS1234567890ABCDEF0"


UNDO = """
grep -o ' /irissys/local ' /proc/mounts | xargs --no-run-if-empty umount
if [ -e /irissys ]; then chattr -R -i /irissys; rm -rf /irissys; fi
rm -rf /dev/irissys_local; find /dev -name 'loop*' -delete; find /dev/disk -type l -delete
"""


@pytest.fixture
def attach(lab: Lab, host: LabHost) -> Iterator[Callable[..., None]]:
    """Gives the host instance store volumes."""
    made: list[Disk] = []

    def disks(*sizes: int) -> None:
        for mib in sizes:
            made.append(make_disk(lab.keeper, Path("/mnt/disks"), f"local-{next(_numbers)}", mib, f"{LINK}{len(made)}"))
            host.attach(made[-1])

    yield disks
    host.run("sh", "-c", UNDO)
    host._disks.clear()
    for disk in made:
        disk.remove()


def run(lab: Lab, host: LabHost, *, asked: bool = True, **options: Any) -> Ran:
    description = lab.description("application", local_storage=asked)
    return run_steps(host, description, "users", "local_storage", changed=IMPATIENT, **options)


def mounted(host: LabHost) -> str:
    return host.run("findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", "/irissys/local", check=False).output


def test_it_is_there_for_iris_and_empty_at_each_start(lab: Lab, host: LabHost, attach: Callable[..., None]) -> None:
    attach(320)
    run(lab, host)
    assert mounted(host).startswith("xfs    rw,nodev,noatime,")
    assert host.run("stat", "-c", "%U:%G %a", "/irissys/local").output == "irisowner:irisusr 775\n"
    kept = host.path("/irissys/local/IRIS.DAT")
    kept.write_text("as long as it runs")
    before = host.files().calm()
    assert run(lab, host).log == []
    assert before.changes_to(host.files().calm()) == []
    leave(host)
    host.reboot()
    # Nothing but the step may mount what a former start has left.
    assert mounted(host) == ""
    ran = run(lab, host)
    assert (ran.said, mounted(host)[:3], host.path("/irissys/local/IRIS.DAT").exists()) == ([], "xfs", False)


def test_it_is_left_alone_where_nobody_asks_for_it(lab: Lab, host: LabHost, attach: Callable[..., None]) -> None:
    attach(320)
    run(lab, host, asked=False)
    assert mounted(host) == ""
    assert host.run("blkid", f"/dev/disk/by-id/{LINK}0", check=False).output == ""


def test_without_such_a_volume_it_says_what_to_choose(lab: Lab, host: LabHost) -> None:
    said = run(lab, host, check=False).failure
    assert said.startswith(
        "waited 0 s for an instance store volume below /dev/disk/by-id: choose an instance type that has one"
    )


def test_one_that_is_used_for_something_else_is_left_alone(lab: Lab, host: LabHost, attach: Callable[..., None]) -> None:
    attach(320)
    host.run("sh", "-ec", f"mkfs.ext4 -q /dev/disk/by-id/{LINK}0; mkdir /scratch; mount /dev/disk/by-id/{LINK}0 /scratch")
    host.path("/scratch/in-use").write_text("precious")
    said = run(lab, host, check=False).failure
    assert said.endswith("is an instance store volume in use for something else: unmount it, and run again")
    assert host.path("/scratch/in-use").read_text() == "precious"
    host.run("umount", "/scratch")


def test_it_is_repaired_after_any_interruption(lab: Lab, host: LabHost, attach: Callable[..., None]) -> None:
    attach(320)
    description = lab.description("application", local_storage=True)
    run_steps(host, description, "users")
    look = "findmnt --noheadings --output FSTYPE /irissys/local; stat -c '%U:%G %a' /irissys/local"
    undo = f"umount /irissys/local 2> /dev/null; blkdiscard /dev/disk/by-id/{LINK}0; true"
    commands, seen = die_everywhere(host, description, "local_storage", undo=undo, look=look)
    assert [each.split()[0] for each in commands] == ["mkfs.xfs", "mount"]
    assert set(seen) == {"xfs\nirisowner:irisusr 775\n"}


def test_several_are_striped(lab: Lab, host: LabHost, attach: Callable[..., None]) -> None:
    attach(320, 320, 640)
    device = host.run("readlink", "-f", f"/dev/disk/by-id/{LINK}2").output.strip()
    host.run("rm", f"/dev/disk/by-id/{LINK}2")
    # As the last start has left them.
    host.run("sh", "-ec", f"for n in 0 1; do mkfs.xfs -q /dev/disk/by-id/{LINK}$n; done")
    creates = '/usr/sbin/lvcreate --driverloaded n --activate n --zero n --wipesignatures n "$@"; mkdir /dev/irissys_local'
    write_program(host, "lvcreate", f"#!/bin/sh\nset -e\n{creates}; ln -s {device} /dev/irissys_local/local\n")
    run(lab, host)
    stripes = host.run("lvs", "--noheadings", "--options", "lv_name,stripes", "irissys_local").output.split()
    assert (stripes, mounted(host)[:3]) == (["local", "2"], "xfs")
