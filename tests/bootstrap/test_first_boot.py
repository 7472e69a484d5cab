"""From user data to a host that serves: in the lab, with a role of a few small steps."""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cdk_intersystems.bootstrap import bundle
from cdk_intersystems.model import tags as names
from cdk_intersystems.model.names import bootstrap_parameter
from tests.bootstrap.lab.lab import LOG_GROUP, Lab, LabHost
from tests.bootstrap.lab.namespaces import run

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

# A role that does what real steps do: files, a command, a secret, something that takes a while.
_STEPS = b"""
import time
from pathlib import Path
from ..aws import secrets
from ..errors import StepError

KEPT = Path("/etc/tried")

def files(host):
    for number in range(5):
        host.write(KEPT / str(number), "x" * 10000 * number, mode=0o600)

def slow(host):
    done = KEPT / "slow"
    if not done.exists():
        host.run(["sleep", "0.2"])
        host.write(done, "")

def secret(host):
    if not (KEPT / "secret").exists():
        length = len(secrets.get_secret(host.aws, host.settings.secrets.password))
        host.write(KEPT / "secret", str(length))

def serves(host):
    host.write(KEPT / "serves", host.description.name)
    if (KEPT / "break").exists():
        raise StepError("told to break: by /etc/tried/break")

def mistake(host):
    if (KEPT / "mistake").exists():
        raise ZeroDivisionError("nothing to divide by")
"""


def _with_steps(lab: Lab) -> None:
    lab.code["host/steps/tried.py"] = _STEPS
    lab.only_steps(
        "arbiter",
        prepare=["host_name.host_name", "tried.files", "tried.slow", "tried.secret", "tried.mistake"],
        serve=["tried.serves"],
    )


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        _with_steps(made)
        yield made


_numbers = iter(range(10, 250))


def make(lab: Lab, name: str, **options: Any) -> LabHost:
    """A host that is the only one of its group."""
    address = f"10.20.5.{next(_numbers)}"
    described = lab.description("arbiter", group=name.upper(), name=name, hosts={name: address})
    return lab.host(name=name, address=address, description=described, **options)


def failures(host: LabHost) -> list[str]:
    """The lines that say that something failed."""
    said = host.journal("-u", "cdk-host", "-u", "cdk-host-serve", "-u", "user-data").splitlines()
    return [line for line in said if line.startswith("cdk-host: ") and " failed: " in line]


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


# What may go wrong at a first start. All these hosts start at the same time, and each test looks at one.


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


def serves(host: LabHost) -> bool:
    return host.run("cat", "/var/lib/cdk-intersystems/served", check=False).status == 0


def assert_no_secret_is_to_be_seen(lab: Lab, host: LabHost) -> None:
    """In no file, log or command line of a host, and not in what it has sent."""
    places = [f"/{name}" for name in ("etc", "opt", "run", "tmp", "usr/local", "var")]
    grep = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--file=-", *places]
    found = host.run(*grep, stdin="\n".join(lab.all_secrets.values()), check=False)
    assert (found.status, found.output) == (1, "")
    shown = "\n".join([host.journal(), host.run("ps", "-eo", "args").output, *lab.aws.log_lines(LOG_GROUP)])
    assert not [name for name, value in lab.all_secrets.items() if value in shown]


def test_a_failure_is_told_by_status_and_sent(lab: Lab, booted: LabHost) -> None:
    booted.run("touch", "/etc/tried/mistake")
    done = booted.run("cdk-host", "prepare", check=False)
    booted.run("rm", "/etc/tried/mistake")
    line = "prepare failed: mistake: ZeroDivisionError: nothing to divide by (tried.py, line "
    assert (done.status, line in done.output) == (1, True)
    assert "step mistake, said ZeroDivisionError: nothing to divide by" in booted.run("cdk-host", "status", "--offline").output
    assert any(line in sent for sent in lab.aws.log_lines(LOG_GROUP))
    assert booted.run("cdk-host", "prepare", "--only", "nothing", check=False).status == 1
    booted.run("cdk-host", "prepare")
    assert "failure: none" in booted.run("cdk-host", "status", "--offline").output


def test_without_a_network_a_host_waits_for_it(lab: Lab) -> None:
    host = make(lab, "late", environment={"AWS_MAX_ATTEMPTS": "8"})
    host.unplug()
    host.power_on()
    host.wait_until("an attempt", lambda: host.run("pgrep", "-f", "first_boot.py", check=False).status == 0)
    assert not failures(host)
    host.plug_in()
    lab.wait_for_signal(host)


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


def test_a_wrong_clock_is_told(lab: Lab) -> None:
    host = make(lab, "clock")
    lab.aws.clock_off = 3600
    host.boot()
    host.wait_until("a failure", lambda: bool(failures(host)))
    lab.aws.clock_off = 0
    assert "the clock of this host is off by -3" in failures(host)[0]
    host.run("systemctl", "restart", "cdk-host")
    lab.wait_for_signal(host)


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
    host = make(lab, "half", files={"ballast": b"0" * 100_000_000})
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
