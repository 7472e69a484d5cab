"""One lab for all of these tests, and hosts in it that are as good as new for each."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import UNDO, Make, Member
from tests.bootstrap.single_steps import leave, run_steps


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


def _host(lab: Lab, name: str, number: int, operating_system: str = "ubuntu2404", **options: Any) -> LabHost:
    description = lab.description("member", operating_system=operating_system)
    made = lab.host(name=name, address=f"10.20.1.{number}", description=description, user_data=b"", **options)
    made.boot()
    return made


@pytest.fixture(scope="package")
def member_host(lab: Lab) -> Iterator[LabHost]:
    made = _host(lab, "member", 10, disk_mib=128)
    run_steps(made, lab.description("member"), "users")
    yield made
    leave(made)


@pytest.fixture
def make(lab: Lab, member_host: LabHost) -> Iterator[Make]:
    """Makes a member with volumes."""
    made: list[Member] = []

    def one(*volumes: dict[str, Any]) -> Member:
        made.append(Member(member_host, lab, *volumes))
        return made[-1]

    yield one
    for member in made:
        member.remove()


@pytest.fixture(scope="package")
def ubuntu(lab: Lab) -> Iterator[LabHost]:
    made = _host(lab, "ubuntu", 11)
    yield made
    leave(made)


@pytest.fixture
def host(ubuntu: LabHost) -> Iterator[LabHost]:
    """A host on which nothing was done yet, as far as anything here can tell."""
    ubuntu.run("sh", "-c", UNDO)
    yield ubuntu
    ubuntu.run("sh", "-c", UNDO)


@pytest.fixture(scope="package")
def rhel(lab: Lab) -> Iterator[LabHost]:
    made = _host(lab, "rhel", 12, "rhel9")
    yield made
    leave(made)
