"""The clock, by a real chronyd that measures the lab's Amazon Time Sync Service. It can't set the clock: no lab host can."""

import os

import pytest

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import run
from tests.bootstrap.single_steps import run_steps

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces", allow_module_level=True)


def test_chrony_has_amazon_s_time_alone_on_ubuntu(lab: Lab, host: LabHost) -> None:
    check_chrony(lab, host, "ubuntu2204")


def test_chrony_has_amazon_s_time_alone_on_rhel(lab: Lab, rhel: LabHost) -> None:
    check_chrony(lab, rhel, "rhel10")


def check_chrony(lab: Lab, host: LabHost, operating_system: str) -> None:
    run(lab, host, "clock", operating_system=operating_system)
    sources = host.run("chronyc", "-c", "-n", "sources").output.splitlines()
    assert [line.split(",")[2] for line in sources] == ["169.254.169.123"]
    assert run(lab, host, "clock", operating_system=operating_system).said == []


def test_chrony_is_told_even_if_that_was_interrupted(lab: Lab, host: LabHost) -> None:
    host.path("/etc/chrony/chrony.conf").write_text("server 10.20.99.99\n")
    host.run("systemctl", "start", "chrony")
    description = lab.description("member")
    assert run_steps(host, description, "clock", die_after=0, check=False).status not in (0, 1)
    run_steps(host, description, "clock")
    assert host.run("chronyc", "-c", "-n", "sources").output.split(",")[2] == "169.254.169.123"


def test_a_clock_that_is_not_synchronised_is_told_and_repaired(lab: Lab, host: LabHost) -> None:
    lab.clock.answers = False
    try:
        ran = run_steps(host, lab.description("member"), "clock", changed={"clock.SECONDS": 1}, check=False)
    finally:
        lab.clock.answers = True
    assert ran.failure == "the clock is not synchronised with 169.254.169.123 after 1 s: see chronyc sources"
    run_steps(host, lab.description("member"), "clock")


TRACKING = ("chronyc", "-c", "-n", "tracking")


def test_a_clock_that_is_off_is_told(lab: Lab, host: LabHost) -> None:
    lab.clock.ahead = 7.0
    try:
        # It steps the clock with its first measurement: here it tries to.
        run(lab, host, "clock", check=False)
        host.wait_until("chrony to notice", lambda: host.run(*TRACKING).output.split(",")[4].startswith("7.0"))
        said = run(lab, host, "clock", check=False).failure
    finally:
        lab.clock.ahead = 0.0
    assert said == (
        "the clock is 7.0 s off, and chrony only slews it: with IRIS stopped run chronyc makestep, then cdk-host prepare"
    )
