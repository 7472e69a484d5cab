"""What may go wrong at a first start: told in one line, signalled, and repaired by another start."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cdk_intersystems.model import tags as names
from cdk_intersystems.model.names import bootstrap_parameter
from tests.bootstrap.lab.lab import LOG_GROUP, Lab, LabHost
from tests.bootstrap.lab.namespaces import run
from tests.bootstrap.small_steps import assert_no_secret_is_to_be_seen, failures, make, serves, with_small_steps

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        with_small_steps(made)
        yield made


@dataclass
class Trouble:
    """A host in trouble.

    Attributes:
        line: The line that says what is wrong.
        repair: Puts it right.
        signalled: Whether CloudFormation is told; not by a host that can't find out for which resource.
    """

    line: str
    repair: Callable[[Lab, LabHost], object]
    make: Callable[[Lab, LabHost], object] = lambda lab, host: None
    options: dict[str, Any] = field(default_factory=dict)
    signalled: bool = True


def _group(host: LabHost) -> tuple[str, str]:
    return "lab", host.name.upper()


def _parameter(host: LabHost) -> str:
    return bootstrap_parameter(*_group(host))


def _fault(service: str, action: str, code: str, status: int) -> Callable[[Lab, LabHost], object]:
    return lambda lab, host: lab.aws.fault(service, action, code, status, host=host.name)


def _heal(lab: Lab, host: LabHost) -> None:
    lab.aws.heal(host.name)


def _other_content(lab: Lab, host: LabHost) -> None:
    version = lab.publish(*_group(host))
    lab.aws.client("s3").put_object(Bucket=lab.bucket, Key=f"{version}.tar", Body=b"other")


def _larger_disk(lab: Lab, host: LabHost) -> None:
    run([*lab.keeper.enter("mount"), "mount", "-o", "remount,size=200m", f"/mnt/hosts/{host.name}/disk"])


def _set_tag(name: str) -> Callable[[Lab, LabHost], object]:
    return lambda lab, host: host.machine.tags.update({name: "arbiter"})


FIRST = "cdk-host: first boot failed: "
TROUBLES = {
    "no-parameter": Trouble(
        FIRST + "ssm GetParameter /cdk-intersystems/lab/NO-PARAMETER/bootstrap was refused: ParameterNotFound, status 400",
        make=lambda lab, host: lab.aws.client("ssm").delete_parameter(Name=_parameter(host)),
        repair=lambda lab, host: lab.publish(*_group(host)),
    ),
    "ssm-refused": Trouble(
        FIRST + "ssm GetParameter /cdk-intersystems/lab/SSM-REFUSED/bootstrap was refused: AccessDeniedException, status 400",
        make=_fault("ssm", "GetParameter", "AccessDeniedException", 400),
        repair=_heal,
    ),
    "s3-down": Trouble(
        FIRST + "s3 GetObject s3://",
        make=_fault("s3", "GetObject", "", 0),
        repair=_heal,
    ),
    "wrong-content": Trouble(
        FIRST + "s3://",
        make=_other_content,
        repair=lambda lab, host: lab.publish(*_group(host)),
    ),
    "disk-full": Trouble(
        FIRST + "cannot write /opt/cdk-intersystems/bundles/new.tar.part: No space left on device",
        options={"disk_mib": 32, "files": {"ballast": b"0" * 33_000_000}},
        repair=_larger_disk,
    ),
    "no-tag": Trouble(
        FIRST + "the instance metadata lacks cdk-intersystems:member: its stack sets these tags, and InstanceMetadataTags",
        options={"tags": {names.MEMBER: ""}},
        repair=_set_tag(names.MEMBER),
    ),
    "tags-off": Trouble(
        FIRST + "the instance metadata lacks cdk-intersystems:deployment, cdk-intersystems:mirror-set, cdk-intersystems:member",
        make=lambda lab, host: setattr(host.machine, "tags_on", False),
        repair=lambda lab, host: setattr(host.machine, "tags_on", True),
        signalled=False,
    ),
    "no-role": Trouble(
        FIRST + "this instance has no credentials (no role): see its instance profile",
        make=lambda lab, host: setattr(host.machine, "has_role", False),
        repair=lambda lab, host: setattr(host.machine, "has_role", True),
        signalled=False,
    ),
    "secret-refused": Trouble(
        "cdk-host: prepare failed: secret: secretsmanager GetSecretValue arn:aws:secretsmanager:",
        make=_fault("secretsmanager", "GetSecretValue", "AccessDeniedException", 400),
        repair=_heal,
    ),
    "mistake": Trouble(
        "cdk-host: prepare failed: mistake: ZeroDivisionError: nothing to divide by (tried.py, line ",
        make=lambda lab, host: (host.path("/etc/tried").mkdir(), host.path("/etc/tried/mistake").touch()),
        repair=lambda lab, host: host.run("rm", "/etc/tried/mistake"),
    ),
    "serve-fails": Trouble(
        "cdk-host: serve failed: serves: told to break: by /etc/tried/break",
        make=lambda lab, host: (host.path("/etc/tried").mkdir(), host.path("/etc/tried/break").touch()),
        repair=lambda lab, host: host.run("rm", "/etc/tried/break"),
    ),
}


@pytest.fixture(scope="module")
def troubled(lab: Lab) -> Callable[[str], LabHost]:
    """From the name of a trouble to the host that has it, on its way through its first start. Several start at once."""
    hosts: dict[str, LabHost] = {}

    def get(name: str) -> LabHost:
        if name not in hosts:
            first = list(TROUBLES).index(name)
            for each in list(TROUBLES)[first : first + 6]:
                hosts[each] = make(lab, each, **TROUBLES[each].options)
                TROUBLES[each].make(lab, hosts[each])
                hosts[each].power_on()
        return hosts[name]

    return get


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_told_in_one_line_signalled_and_repaired(name: str, lab: Lab, troubled: Callable[[str], LabHost]) -> None:
    host, trouble = troubled(name), TROUBLES[name]
    host.wait_until_up()
    host.wait_for_unit("cdk-host-serve.service" if name == "serve-fails" else "cdk-host.service", "failed")
    assert len(failures(host)) == 1
    assert trouble.line in failures(host)[0]
    assert trouble.line in host.run("cat", "/dev/console").output
    assert [each.status for each in lab.aws.signals if each.unique_id == host.instance_id] == ["FAILURE"] * trouble.signalled
    trouble.repair(lab, host)
    host.run("systemctl", "restart", "cdk-host")
    host.wait_until("serve", lambda: serves(host))
    host.wait_for_unit("cdk-host-serve.service", "inactive")
    assert "failure: none" in host.run("cdk-host", "status", "--offline").output
    assert_no_secret_is_to_be_seen(lab, host)
    lab.terminate(host)


def test_a_failure_is_told_by_status_and_sent(lab: Lab) -> None:
    host = make(lab, "later")
    host.boot()
    lab.wait_for_signal(host)
    host.run("touch", "/etc/tried/mistake")
    done = host.run("cdk-host", "prepare", check=False)
    host.run("rm", "/etc/tried/mistake")
    line = "prepare failed: mistake: ZeroDivisionError: nothing to divide by (tried.py, line "
    assert (done.status, line in done.output) == (1, True)
    assert "step mistake, said ZeroDivisionError: nothing to divide by" in host.run("cdk-host", "status", "--offline").output
    assert any(line in sent for sent in lab.aws.log_lines(LOG_GROUP))
    assert host.run("cdk-host", "prepare", "--only", "nothing", check=False).status == 1
    host.run("cdk-host", "prepare")
    assert "failure: none" in host.run("cdk-host", "status", "--offline").output


def test_without_a_network_a_host_waits_for_it(lab: Lab) -> None:
    host = make(lab, "late", environment={"AWS_MAX_ATTEMPTS": "8"})
    host.unplug()
    host.power_on()
    host.wait_until("an attempt", lambda: host.run("pgrep", "-f", "first_boot.py", check=False).status == 0)
    assert not failures(host)
    host.plug_in()
    lab.wait_for_signal(host)


def test_a_wrong_clock_is_told(lab: Lab) -> None:
    host = make(lab, "clock")
    lab.aws.clock_off = 3600
    host.boot()
    host.wait_until("a failure", lambda: bool(failures(host)))
    lab.aws.clock_off = 0
    assert "the clock of this host is off by -3" in failures(host)[0]
    host.run("systemctl", "restart", "cdk-host")
    lab.wait_for_signal(host)
