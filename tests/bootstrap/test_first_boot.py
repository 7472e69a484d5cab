"""From user data to a host that serves: what is done, once, and again if it was interrupted."""

import os
import random
import time
from collections.abc import Iterator

import pytest

from cdk_intersystems.host_bundle import bundle
from tests.bootstrap.lab.lab import LOG_GROUP, Lab, LabHost
from tests.bootstrap.small_steps import assert_no_secret_is_to_be_seen, failures, make, serves, with_small_steps

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        with_small_steps(made)
        yield made


@pytest.fixture(scope="module")
def booted(lab: Lab) -> LabHost:
    """A host that has come up."""
    host = make(lab, "plain")
    host.boot()
    lab.wait_for_signal(host)
    host.wait_for_unit("cdk-host-serve.service", "inactive")
    return host


def test_a_host_comes_up_as_it_is_meant_to(lab: Lab, booted: LabHost) -> None:
    assert booted.run("hostname").output == "plain\n"
    assert booted.run("cat", "/etc/tried/serves").output == "plain"
    assert not failures(booted)
    # Who it is and what it has to be, fetched once; its signal, and what it said.
    assert [str(call) for call in lab.aws.calls(host="plain")] == [
        "plain: ssm GetParameter -> 200",
        "plain: s3 GetObject -> 200",
        "plain: secretsmanager GetSecretValue -> 200",
        "plain: cloudformation SignalResource -> 200",
        "plain: logs CreateLogStream -> 200",
        "plain: logs PutLogEvents -> 200",
    ]
    assert_no_secret_is_to_be_seen(lab, booted)
    lines = lab.aws.log_lines(LOG_GROUP)
    assert lines.index("prepare: slow") < lines.index("serve: serves")


def test_another_start_changes_nothing_and_asks_aws_nothing(lab: Lab, booted: LabHost) -> None:
    before = booted.files().calm()
    lab.aws.forget_calls()
    booted.reboot()
    booted.wait_for_unit("cdk-host.service")
    assert booted.files().calm().changes_to(before) == []
    assert lab.aws.calls(host="plain") == []
    assert booted.unit_state("cdk-host-serve.service") == "inactive"
    assert booted.journal().count("serve: serves\n") == 1


def test_neither_s3_nor_ssm_is_needed_for_another_start(lab: Lab, booted: LabHost) -> None:
    for service in ("s3", "ssm"):
        lab.aws.fault(service, None, "", 0, host="plain")
    booted.crash()
    booted.boot()
    booted.wait_for_unit("cdk-host.service")
    lab.aws.heal("plain")


def test_what_is_published_is_applied_when_somebody_says_so(lab: Lab, booted: LabHost) -> None:
    first = booted.run("readlink", "/opt/cdk-intersystems/current").output.strip().removeprefix("bundles/")
    versions = [first, lab.change(booted, files={"other.txt": "1"}), lab.change(booted, files={"other.txt": "2"})]
    booted.reboot()
    booted.wait_for_unit("cdk-host.service")
    status = booted.run("cdk-host", "status").output
    assert f"version: {first}\npublished: {versions[2]}\nserved: {first}\nfailure: none\n" in status
    assert f"applied {versions[2]} after {first}; changed: other.txt" in booted.run("cdk-host", "apply").output
    assert booted.run("cat", "/opt/cdk-intersystems/config/other.txt").output == "2"
    assert (
        f"version: {versions[2]}\npublished: none\nserved: {versions[2]}\n"
        in booted.run("cdk-host", "status", "--offline").output
    )
    # The one before is kept, those before it are not.
    assert set(booted.run("ls", "/opt/cdk-intersystems/bundles").output.split()) == {first, versions[2]}
    versions.append(lab.change(booted, files={"other.txt": "3"}))
    booted.run("cdk-host", "apply")
    assert set(booted.run("ls", "/opt/cdk-intersystems/bundles").output.split()) == {versions[2], versions[3]}
    assert f"{versions[3]} is published, and applied already" in booted.run("cdk-host", "apply").output
    assert "applied already" in booted.journal("-t", "cdk-host")


def test_several_starts_at_once_do_it_once(lab: Lab) -> None:
    host = make(lab, "twice", user_data=b"")
    host.boot()
    copy = host.path("/opt/cdk-intersystems/first_boot.py")
    copy.parent.mkdir()
    copy.write_text(bundle.first_boot())
    # The first one starts what serves, once this is there to wait for.
    host.path("/etc/systemd/system/cdk-host.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    started = [host.start("/usr/bin/python3", "-I", "/opt/cdk-intersystems/first_boot.py") for _ in range(4)]
    for process in started:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    lab.wait_for_signal(host)
    assert [call.action for call in lab.aws.calls(host="twice") if call.service in ("s3", "ssm", "secretsmanager")] == [
        "GetParameter",
        "GetObject",
        "GetSecretValue",
    ]


def test_interrupted_anywhere_it_goes_on_at_the_next_start(lab: Lab) -> None:
    moments = random.Random(20261125)
    hosts = [make(lab, f"cut-{number}") for number in range(6)]
    ends = {}
    for host in hosts:
        host.power_on()
        ends[host.name] = time.monotonic() + moments.uniform(0.05, 3)
    # Once at some moment of the first start, and once more soon after the next one began.
    for host in sorted(hosts, key=lambda host: ends[host.name]):
        time.sleep(max(0, ends[host.name] - time.monotonic()))
        host.crash()
        host.power_on()
        time.sleep(moments.uniform(0.1, 0.4))
        host.crash()
        host.power_on()
    for host in hosts:
        host.wait_until_up()
        host.wait_until("serve", lambda host=host: serves(host))
        assert {"SUCCESS"} == {each.status for each in lab.aws.signals if each.unique_id == host.instance_id}
        # What an uninterrupted one has, and nothing half made.
        assert host.run("cat", "/etc/tried/4").output == "x" * 40000
        left = [path for path in host.files().calm() if ".new" in path or path.endswith("/new") or path.endswith(".part")]
        assert not left


def test_a_bundle_that_was_half_unpacked_counts_for_nothing(lab: Lab) -> None:
    host = make(lab, "half", files={"ballast": b"0" * 50_000_000})
    host.power_on()
    bundles = host.path("/opt/cdk-intersystems/bundles")
    ends = time.monotonic() + 60
    while not list(bundles.glob("*/config")):
        assert time.monotonic() < ends
        time.sleep(0.001)
    host.crash()
    host.boot()
    lab.wait_for_signal(host)
    assert len(list(host.path("/opt/cdk-intersystems/bundles").iterdir())) == 1
