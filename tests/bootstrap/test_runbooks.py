"""The Automation documents on the hosts of a synthesized mirror, with real `cdk-host`s and the fake IRIS."""

import json
import os
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and block devices", allow_module_level=True)

from tests.bootstrap.deployed import Deployed, deploy
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.runbooks import Runbooks

MEMBERS = ("a", "b")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with Lab() as lab:
        made = deploy(lab, tmp_path_factory.mktemp("deployment"), {})
        hosts = list(made.hosts.values())
        for host in hosts:
            host.power_on()
        for host in hosts:
            lab.wait_for_signal(host, seconds=120)
        yield made


@pytest.fixture(scope="module")
def hosts(deployed: Deployed) -> dict[str, LabHost]:
    return deployed.hosts


@pytest.fixture(scope="module")
def runbooks(deployed: Deployed) -> Runbooks:
    members = {name: deployed.hosts[name] for name in MEMBERS}
    made = Runbooks(deployed.lab, members, deployment="trakcare", mirror="TRAK")
    assert made.run("check").status == "Success"
    return made


def _tells(host: LabHost) -> dict[str, str]:
    line = host.run("cdk-host", "member", "tell").output
    return dict(each.rstrip(";").split("=") for each in line.split())


def _primary(hosts: dict[str, LabHost]) -> str:
    return next(name for name in MEMBERS if _tells(hosts[name])["role"] == "primary")


def _other(name: str) -> str:
    return "b" if name == "a" else "a"


def _versions(hosts: dict[str, LabHost]) -> list[str]:
    return [json.loads(hosts[name].run("cdk-host", "status", "--json").output)["served"] for name in MEMBERS]


def test_what_members_tell(hosts: dict[str, LabHost], runbooks: Runbooks) -> None:
    told = [_tells(hosts[name]) for name in MEMBERS]
    assert sorted(each["role"] for each in told) == ["backup", "primary"]
    for each in told:
        assert (each["mirror"], each["current"], each["unfinished"]) == ("ready", "yes", "no")


def test_a_version_is_rolled_and_the_roles_are_as_before(
    deployed: Deployed, hosts: dict[str, LabHost], runbooks: Runbooks
) -> None:
    primary = _primary(hosts)
    version = deployed.lab.change(hosts["a"], files={"note.txt": "one"})
    assert {_tells(hosts[name])["current"] for name in MEMBERS} == {"no"}
    execution = runbooks.run("roll", PrimaryAfterwards=primary)
    assert execution.status == "Success", execution.failure
    assert _versions(hosts) == [version, version]
    assert _primary(hosts) == primary
    calls = [command.split("cdk-host ")[1] for command in runbooks.commands]
    assert [call.replace("member ", "").split()[0] for call in calls] == [
        *("apply", "await", "hand-over", "apply", "await"),
        *("hand-over", "apply", "await"),
    ]
    first, second = _other(primary), primary
    assert [command[0] for command in runbooks.commands] == [first, first, second, second, second, first, first, first]


def test_run_again_it_changes_nothing(hosts: dict[str, LabHost], runbooks: Runbooks) -> None:
    before = [hosts[name].run("systemctl", "show", "-p", "ActiveEnterTimestamp", "iris.service").output for name in MEMBERS]
    assert runbooks.run("roll").status == "Success"
    assert [command.split("member ")[1].split()[0] for command in runbooks.commands] == ["await"]
    after = [hosts[name].run("systemctl", "show", "-p", "ActiveEnterTimestamp", "iris.service").output for name in MEMBERS]
    assert after == before


def test_a_member_is_taken_out_and_comes_back(hosts: dict[str, LabHost], runbooks: Runbooks) -> None:
    primary = _primary(hosts)
    assert runbooks.run("take-out", Member=primary, Approvers=["operator"]).status == "Success"
    assert _tells(hosts[primary]) == {"role": "none", "mirror": "no", "current": "no", "unfinished": "yes"}
    assert _primary(hosts) == _other(primary)
    assert runbooks.run("check").names[-1] == "RefusedUnfinished"
    assert runbooks.run("roll").status == "Success"
    assert _tells(hosts[primary])["role"] == "backup"
    assert runbooks.run("take-out", Member=primary, Approvers=["operator"]).status == "Success"
    assert runbooks.commands == [f"{primary}: cdk-host member stop"]
    assert runbooks.run("roll").status == "Success"


def test_a_primary_refuses_what_would_cost_the_service(hosts: dict[str, LabHost], runbooks: Runbooks) -> None:
    primary = _primary(hosts)
    for command in (["apply"], ["member", "stop"]):
        refused = hosts[primary].run("cdk-host", *command, check=False)
        assert refused.status == 1
    assert "not the primary" in hosts[_other(primary)].run("cdk-host", "member", "hand-over", check=False).errors
    assert _primary(hosts) == primary


def test_without_the_arbiter_it_refuses_unless_told(deployed: Deployed, hosts: dict[str, LabHost], runbooks: Runbooks) -> None:
    primary = _primary(hosts)
    hosts["arbiter"].unplug()
    hosts[primary].wait_until("the mirror to miss its arbiter", lambda: _tells(hosts[primary])["mirror"] == "active")
    version = deployed.lab.change(hosts["a"], files={"note.txt": "two"})
    execution = runbooks.run("roll")
    assert execution.names[-1] == f"RefusedBefore{_other(primary).upper()}"
    assert runbooks.commands == []
    refused = hosts[primary].run("cdk-host", "member", "hand-over", check=False)
    assert "the mirror is not ready" in refused.errors
    assert runbooks.run("roll", Needs="active").status == "Success"
    assert _versions(hosts) == [version, version]
    hosts["arbiter"].plug_in()
    assert runbooks.run("check").status == "Success"


def test_a_backup_that_cannot_take_the_version_stops_it(
    deployed: Deployed, hosts: dict[str, LabHost], runbooks: Runbooks
) -> None:
    lab, primary = deployed.lab, _primary(hosts)
    before = _versions(hosts)
    version = lab.change(hosts["a"], files={"note.txt": "three"})
    where = {"Bucket": lab.bucket, "Key": f"{version}.tar"}
    content = lab.aws.client("s3").get_object(**where)["Body"].read()
    lab.aws.client("s3").put_object(**where, Body=b"something else")
    execution = runbooks.run("roll")
    assert execution.names[-1] == f"ApplyTo{_other(primary).upper()}"
    assert "publish it again" in execution.failure
    assert _versions(hosts) == before
    assert _primary(hosts) == primary
    lab.aws.client("s3").put_object(**where, Body=content)
    assert runbooks.run("roll").status == "Success"
    assert _versions(hosts) == [version, version]
