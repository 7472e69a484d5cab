"""What the other tests rely on: a lab is a network of real hosts, and nothing of it is left behind, whatever ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bootstrap.lab.lab import Lab

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import select
import signal
import sys
from tests.bootstrap.lab.lab import Lab

# Whoever runs the tests in the background has interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

with Lab() as lab:
    host = lab.host(name="left", address="10.20.1.10", description=lab.description("member"), user_data=b"")
    disk = lab.disk(lab.volume(host, "data", mib=64))
    host.attach(disk)
    host.boot()
    host.run("mkfs.ext4", "-q", f"/dev/{disk.device}")
    host.run("mount", f"/dev/{disk.device}", "/mnt")
    print(host.pid, disk.device, flush=True)
    # A signal that arrives just before a system call, or on another thread, doesn't end the call: only a look between two does.
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


def _left_of(pid: int, host: int, device: str) -> list[str]:
    """What is left of a lab that a process had."""
    # os.walk goes on where something has just gone.
    groups = [f"{folder}/{name}" for folder, folders, _ in os.walk("/sys/fs/cgroup") for name in folders]
    left = [group for group in groups if f"/cdk-lab-{pid}-" in group]
    if Path(f"/proc/{host}").exists():
        left.append(f"process {host}")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{pid}/" in (process / "cmdline").read_text():
                left.append(f"process {process.name}")
        except OSError:
            continue
    with suppress(OSError):
        if "-left-data-" in Path(f"/sys/block/{device}/loop/backing_file").read_text():
            left.append(device)
    left += [line for line in Path("/proc/self/mounts").read_text().splitlines() if line.startswith(("lab ", "disk-left "))]
    return left


@pytest.mark.parametrize("how", ["killed", "interrupted", "ended"])
def test_nothing_is_left_behind(how: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'constructs'}:{ROOT / 'lambda'}"}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        host, device = process.stdout.readline().split()
        assert _left_of(process.pid, int(host), device)
        if how == "killed":
            process.kill()
        elif how == "interrupted":
            process.send_signal(signal.SIGINT)
        else:
            process.stdin.close()
        process.wait(30)
    ends = time.monotonic() + 20
    while left := _left_of(process.pid, int(host), device):
        assert time.monotonic() < ends, left
        time.sleep(0.1)


def test_a_volume_appears_on_the_host_that_attaches_it(lab: Lab) -> None:
    host = lab.host(name="a", address="10.20.1.10", description=lab.description("member"), user_data=b"")
    volume = lab.volume(host, "data", mib=64)
    host.boot()
    link = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"
    assert host.run("ls", link, check=False).status != 0
    host.run("mkdir", "-p", "/opt/cdk-intersystems")
    for name, content in bundle_code().items():
        path = host.path(f"/opt/cdk-intersystems/bootstrap/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    attach = (
        "import sys; sys.path.insert(0, '/opt/cdk-intersystems')\n"
        "from bootstrap.first_boot import Metadata\n"
        "from bootstrap.host.aws import ec2\n"
        "from bootstrap.host.aws.client import Aws\n"
        "aws = Aws(Metadata().identity())\n"
        "found = ec2.own_volumes(aws, {'cdk-intersystems:volume': 'data', 'cdk-intersystems:member': 'a'})\n"
        "ec2.attach_volume(aws, found[0].id, '/dev/sdf')\n"
        "ec2.attach_volume(aws, found[0].id, '/dev/sdf')\n"
    )
    host.run("/usr/bin/python3", "-I", "-B", "-c", attach)
    assert host.run("blockdev", "--getsize64", link).output == f"{64 * 1024 * 1024}\n"
    assert [call.action for call in lab.aws.calls(service="ec2")] == [
        "DescribeVolumes",
        "AttachVolume",
        "AttachVolume",
        "DescribeVolumes",
    ]


def bundle_code() -> dict[str, bytes]:
    from cdk_intersystems.host_bundle import bundle

    return dict(bundle.code())
