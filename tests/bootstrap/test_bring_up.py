"""How an instance becomes what it is to be: by which file, by a merge or a start, and when it is started anew."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import iris, network
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import instance as step
from tests.bootstrap.step_host import StepHost, Store, refusal

FILE = Path("join.cpf")


class World:
    """An instance, and what was done to it.

    Attributes:
        done: `start`, `restart`, `merge`, `merge the copy`, in their order.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.running = self.configured = self.enterable = True
        self.mirror_status = "Backup"
        self.needs_restart = False
        self.merge_helps = self.start_helps = True

    @property
    def instance(self) -> iris.Instance:
        status = "running" if self.running else "down"
        return iris.Instance(Path("/"), status, Path("/"), "Failover" if self.mirror_status else "", self.mirror_status)

    def start(self, what: str) -> None:
        self.done.append(what)
        self.running = True
        self.configured = self.configured or self.start_helps
        self.enterable = self.enterable or self.start_helps

    def merge(self, merge: Path, *, check: bool) -> None:
        self.done.append("merge" if merge == FILE else "merge the copy")
        if not self.enterable and check:
            raise StepError("Access Denied")
        self.configured = self.configured or (self.enterable and self.merge_helps)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    made = World()
    monkeypatch.setattr(iris, "installed", lambda _host: made.instance)
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: made.configured)
    monkeypatch.setattr(iris, "load_code", lambda _host: made.enterable)
    monkeypatch.setattr(iris, "call", lambda _host, _what: "cdk:restart\n" if made.needs_restart else "cdk:no restart\n")
    monkeypatch.setattr(step, "start", lambda _host: made.start("start"))
    monkeypatch.setattr(step, "restart", lambda _host: made.start("restart"))
    monkeypatch.setattr(step, "_run_merge", lambda _host, merge, check: made.merge(merge, check=check))
    monkeypatch.setattr(step, "_first_start", lambda _host, _merge: nullcontext(Path("copy")))
    monkeypatch.setattr(step, "_SERVED", tmp_path / "served")
    monkeypatch.setattr(step, "_LINK", tmp_path / "link")
    return made


def bring_up(**changes: Any) -> StepHost:
    host = StepHost(Store(), **changes)
    host.answers["systemctl"] = lambda: ""
    step.bring_up(host, FILE)
    return host


def test_one_that_runs_and_is_what_it_should_be_takes_up_what_has_changed(world: World) -> None:
    host = bring_up()

    assert world.done == ["merge"]
    assert host.commands == ["systemctl enable iris.service"]


def test_a_first_start_is_one_with_the_merge_file(world: World) -> None:
    world.running = world.configured = world.enterable = False
    bring_up()

    assert world.done == ["restart"]


def test_one_that_is_configured_and_down_is_started_and_then_takes_up_what_has_changed(world: World) -> None:
    world.running = False
    bring_up()

    assert world.done == ["start", "merge"]


def test_a_merge_that_failed_half_way_is_run_again(world: World) -> None:
    world.configured = False
    bring_up()

    assert world.done == ["merge the copy"]


def test_if_that_does_not_help_it_is_started_with_the_merge_file(world: World) -> None:
    world.configured, world.merge_helps = False, False
    bring_up()
    assert world.done == ["merge the copy", "restart"]
    # Interrupted between the mirror and the log-in of its owner.
    world.done, world.configured, world.enterable = [], True, False
    bring_up()
    assert world.done == ["merge the copy", "restart"]


def test_what_did_not_take_effect_is_told(world: World) -> None:
    world.configured, world.enterable, world.start_helps = False, False, False

    assert "join.cpf did not take effect" in refusal(bring_up)


def test_a_member_in_place_that_nobody_can_enter_is_not_started_anew_for_it(world: World, tmp_path: Path) -> None:
    world.enterable = False
    (tmp_path / "served").touch()

    assert "irisowner can't enter the instance IRIS: allow operating system authentication" in refusal(bring_up)
    assert world.done == []


@pytest.mark.parametrize(
    ("status", "restarted"),
    [("Backup", True), ("Primary", False), ("In Trouble", False), ("Transition", False), ("Waiting", False), ("", False)],
)
def test_settings_that_need_a_restart_get_one_only_where_it_costs_no_failover(
    world: World, status: str, restarted: bool
) -> None:
    world.needs_restart, world.mirror_status = True, status
    host = bring_up()

    assert ("restart" in world.done) is restarted
    assert any(line.startswith("warning: changed settings wait for a restart") for line in host.said) is not restarted


def test_an_application_server_starts_through_whoever_is_primary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(step, "bring_up", lambda _host, merge: used.append(merge.name))
    for primary in ("TRAKB", "TRAKA"):
        monkeypatch.setattr(network, "primary_of", lambda _host, everywhere, primary=primary: primary)
        step.start_instance(StepHost(Store(), "application"))
    assert used == ["via-b.cpf", "via-a.cpf"]

    monkeypatch.setattr(network, "primary_of", lambda _host, everywhere: None)
    assert "for a primary of TRAK at 10.20.1.10, 10.20.2.10" in refusal(
        lambda: step.start_instance(StepHost(Store(), "application"))
    )
