"""Instance store volumes of application servers: empty at each start, and nothing but them is ever formatted."""

import os
from collections.abc import Iterator

import pytest

from tests.bootstrap.lab.disks import make_disk
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, leave, run_steps, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)

IMPATIENT = {"local_storage.SECONDS_TO_APPEAR": 0}
LINK = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS1234567890ABCDEF0"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


def server(lab: Lab, disks: int = 1) -> LabHost:
    host = lab.host(name="app", address="10.20.1.20", description=lab.description("application"), user_data=b"")
    for number in range(disks):
        host.attach(make_disk(lab.keeper, host.folder_of_lab / "disks", f"local-{number}", 320, f"{LINK}{number}"))
    host.boot()
    return host


def run(lab: Lab, host: LabHost, *, asked: bool = True, check: bool = True) -> Ran:
    description = lab.description("application", local_storage=asked)
    return run_steps(host, description, "users", "local_storage", changed=IMPATIENT, check=check)
