"""The units around IRIS: systemd understands them, and they say what they should."""

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import iris
from cdk_intersystems.bootstrap.host.steps import instance
from cdk_intersystems.bootstrap.host.steps.schedules import timers_for
from tests.bootstrap.step_host import StepHost, Store

UNITS = Path(__file__).parents[2] / "constructs/cdk_intersystems/bootstrap/units"
ANALYZE = shutil.which("systemd-analyze")
FOUND = iris.Instance(Path("/irissys/sys"), "down", Path("/irissys/sys/iris.cpf"), "", "")
VOLUMES = [
    {"role": role, "tag": role, "count": 1, "mount_point": f"/irissys/{name}", "file_system": "xfs"}
    for role, name in (("installation", "sys"), ("data", "db"))
]


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the instance's unit for a role; whether the instance is configured may be changed in between."""
    monkeypatch.setattr(instance, "UNITS", tmp_path)
    monkeypatch.setattr(instance, "_LINK", tmp_path / "link")
    monkeypatch.setattr(instance, "_PREPARED", tmp_path / "prepared")
    monkeypatch.setattr(instance.shutil, "which", lambda _name: "/usr/local/bin/iris")
    monkeypatch.setattr(iris, "installed", lambda _host: FOUND)
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: False)

    def write(**changes: Any) -> tuple[StepHost, Path]:
        host = StepHost(Store(), volumes=VOLUMES, **changes)
        host.answers["systemctl"] = lambda: ""
        instance.instance_unit(host)
        return host, tmp_path / "iris.service"

    return write


def parsed(text: str) -> ConfigParser:
    made = ConfigParser(interpolation=None, strict=False)
    made.optionxform = str  # type: ignore[assignment,method-assign]
    made.read_string(text)
    return made


def test_systemd_understands_the_unit_of_the_instance(unit: Any, tmp_path: Path) -> None:
    _, path = unit()
    # Whether the command is there is asked on this machine.
    path.write_text(path.read_text().replace("/usr/local/bin/iris", "/bin/true").replace("=irisowner", "=root"))
    assert verified(path) == ""


def test_systemd_refuses_a_unit_that_is_wrong(unit: Any) -> None:
    _, path = unit()
    path.write_text(
        path.read_text().replace("/usr/local/bin/iris", "/bin/true").replace("GuessMainPID=no", "GuessMainPID=perhaps")
    )
    assert "perhaps" in verified(path)


def verified(*units: Path) -> str:
    assert ANALYZE, "systemd-analyze is not here: install systemd"
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode or any(unit.name in done.stderr for unit in units) else ""


def test_the_instance_runs_as_its_owner_after_the_agent_and_on_its_volumes(unit: Any) -> None:
    _, path = unit()
    found = parsed(path.read_text())
    service, about = found["Service"], found["Unit"]

    assert (service["User"], service["Group"]) == ("irisowner", "irisowner")
    assert (service["ExecStart"], service["ExecStop"]) == (
        "/usr/local/bin/iris start IRIS quietly",
        "/usr/local/bin/iris stop IRIS quietly",
    )
    assert about["RequiresMountsFor"] == "/irissys/sys /irissys/db"
    assert {"ISCAgent.service", "cdk-host.service"} <= set(about["After"].split())
    # Neither an agent that is restarted nor a host that is prepared again stops the instance.
    assert not {"Requires", "BindsTo", "PartOf", "Requisite"} & set(about)
    assert service["Type"] == "forking"
    # setuid programs start it.
    assert "NoNewPrivileges" not in service


def test_nothing_starts_an_instance_again_by_itself(unit: Any) -> None:
    _, path = unit()
    found = parsed(path.read_text())
    assert found["Service"]["Restart"] == "no"
    assert int(found["Service"]["TimeoutStopSec"]) >= 600
    assert found["Service"]["TasksMax"] == "infinity"


def test_the_instance_starts_with_the_host_only_once_it_is_configured(
    unit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = unit()
    assert host.commands == ["systemctl daemon-reload"]
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: True)
    host, _ = unit()
    assert host.commands == ["systemctl enable iris.service"]
    (tmp_path / "link").symlink_to("iris.service")
    host, _ = unit()
    assert host.commands == []
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: False)
    host, _ = unit()
    assert host.commands == ["systemctl disable iris.service"]


@pytest.mark.parametrize(
    ("role", "timers"),
    [
        ("member", ["cdk-host-authorize.timer", "cdk-host-renew.timer"]),
        ("application", ["cdk-host-renew.timer"]),
        ("web", ["cdk-host-renew.timer"]),
        ("arbiter", []),
    ],
)
def test_which_role_has_which_timers(role: str, timers: list[str]) -> None:
    found = [timer.name for timer in timers_for(role, UNITS)]

    assert [name for name in found if name in timers] == timers
    for timer in timers_for(role, UNITS):
        assert timer.with_suffix(".service").is_file()


@pytest.mark.parametrize(("region", "there"), [("dr", True), ("primary", False), ("", False)])
def test_only_application_servers_that_may_have_to_wait_look_for_their_region(region: str, there: bool) -> None:
    names = [timer.name for timer in timers_for("application", UNITS, region)]

    assert ("cdk-host-await-region.timer" in names) is there
    assert "cdk-host-renew.timer" in names


@pytest.mark.parametrize("name", ["cdk-host-authorize", "cdk-host-renew", "cdk-host-await-region"])
def test_systemd_understands_the_timers(name: str, tmp_path: Path) -> None:
    for kind in ("service", "timer"):
        text = (UNITS / f"{name}.{kind}").read_text()
        (tmp_path / f"{name}.{kind}").write_text(text.replace("/usr/local/bin/cdk-host", "/bin/true"))
    assert verified(tmp_path / f"{name}.timer", tmp_path / f"{name}.service") == ""
