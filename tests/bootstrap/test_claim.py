"""Who creates the mirror: exactly one member, whatever is lost, interrupted or done at the same moment."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import iris, network
from cdk_intersystems.bootstrap.host.steps import mirror
from tests.bootstrap.step_host import StepHost, Store, refusal

CREATED = "/cdk-intersystems/lab/TRAK/created"
DOWN = iris.Instance(Path("/irissys/sys"), "down", Path("/irissys/sys/iris.cpf"), "", "")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Which members are in the mirror, whether the arbiter answers, who is primary; and on whose volume this thread works."""
    state: dict[str, Any] = {"in mirror": set(), "arbiter": True, "primary": None, "started": []}
    here = threading.local()
    state["here"] = here
    monkeypatch.setattr(iris, "installed", lambda _host: DOWN)
    monkeypatch.setattr(iris, "is_configured", lambda host, _instance: host.description.name in state["in mirror"])
    monkeypatch.setattr(network, "takes_connections", lambda _address, _port: state["arbiter"])
    monkeypatch.setattr(
        network,
        "primary_of",
        lambda host, everywhere: state["primary"] if everywhere and state["primary"] != host.description.name else None,
    )

    class Volume:
        """A path of whoever's turn it is."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            return getattr(here.volume / self._name, name)

        def __fspath__(self) -> str:
            return str(here.volume / self._name)

    monkeypatch.setattr(mirror, "_NUMBER", Volume("claim"))
    monkeypatch.setattr(mirror, "OWN", Volume(""))

    def bring_up(host: StepHost, merge: Path) -> None:
        state["started"].append((host.description.name, merge.name))
        state["in mirror"].add(host.description.name)

    monkeypatch.setattr(mirror, "bring_up", bring_up)
    return state


def serve(world: dict[str, Any], host: StepHost, volume: Path) -> None:
    volume.mkdir(exist_ok=True)
    world["here"].volume = volume
    mirror.claim(host)
    mirror.start_member(host)


def member(store: Store, name: str, **changes: Any) -> StepHost:
    return StepHost(store, name=name, **changes)


def test_the_first_member_creates_the_mirror_and_the_other_one_joins(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    serve(world, member(store, "TRAKB"), tmp_path / "b")
    world["primary"] = "TRAKB"
    serve(world, member(store, "TRAKA"), tmp_path / "a")

    assert world["started"] == [("TRAKB", "create.cpf"), ("TRAKA", "join.cpf")]
    claim = json.loads(store.parameters[CREATED])
    assert claim == {"member": "TRAKB", "number": (tmp_path / "b" / "claim").read_text()}
    assert len(claim["number"]) == 32


def test_a_member_that_was_interrupted_creates_the_mirror_all_the_same(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    world["here"].volume = tmp_path
    mirror.claim(member(store, "TRAKA"))
    number = (tmp_path / "claim").read_text()
    # Here the power goes. The answer to the claim may get lost as well: then it is there, and was written by this member.
    mirror.claim(member(store, "TRAKA"))
    mirror.start_member(member(store, "TRAKA"))

    assert world["started"] == [("TRAKA", "create.cpf")]
    assert (tmp_path / "claim").read_text() == number


def test_a_member_that_lost_its_volumes_joins_and_waits_for_the_other_one(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    serve(world, member(store, "TRAKA"), tmp_path / "a")
    world["in mirror"].clear()
    host = member(store, "TRAKA")

    assert "for a primary of the mirror TRAK to join: TRAKB (10.20.2.10)" in refusal(
        lambda: serve(world, host, tmp_path / "a new one")
    )
    world["primary"] = "TRAKB"
    serve(world, host, tmp_path / "a new one")

    assert world["started"] == [("TRAKA", "create.cpf"), ("TRAKA", "join.cpf")]


def test_a_member_in_the_mirror_asks_nobody_and_never_uses_the_file_that_creates(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    serve(world, member(store, "TRAKA"), tmp_path / "a")
    store.calls.clear()
    world["arbiter"] = False
    serve(world, member(store, "TRAKA"), tmp_path / "a")

    assert store.calls == []
    assert world["started"][-1] == ("TRAKA", "join.cpf")


def test_a_member_for_disaster_recovery_only_ever_joins(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    host = member(store, "TRAKD", member_type="dr")
    assert "a primary of the mirror TRAK to join" in refusal(lambda: serve(world, host, tmp_path))
    world["primary"] = "TRAKA"
    serve(world, host, tmp_path)

    assert world["started"] == [("TRAKD", "join-async-TRAKA.cpf")]
    assert store.calls == []


def test_nobody_claims_the_mirror_before_the_arbiter_answers(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    world["arbiter"] = False
    said = refusal(lambda: serve(world, member(store, "TRAKA"), tmp_path))

    assert "for the arbiter to take connections at 10.20.3.10, port 2188" in said
    assert store.parameters == {}
    assert world["started"] == []
    # Another member's mirror is joined without it.
    store.parameters[CREATED] = json.dumps({"member": "TRAKB", "number": "1"})
    world["primary"] = "TRAKB"
    serve(world, member(store, "TRAKA"), tmp_path)
    assert world["started"] == [("TRAKA", "join.cpf")]


def test_a_claim_that_nobody_can_read_stops_everybody(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    store.parameters[CREATED] = "yes"

    assert f"the SSM parameter {CREATED} is no claim" in refusal(lambda: serve(world, member(store, "TRAKA"), tmp_path))
    assert world["started"] == []


def test_a_claim_that_is_refused_creates_nothing(world: dict[str, Any], tmp_path: Path) -> None:
    store = Store()
    store.refused["PutParameter"] = "AccessDeniedException"

    assert "AccessDeniedException" in refusal(lambda: serve(world, member(store, "TRAKA"), tmp_path))
    assert world["started"] == []


@pytest.mark.parametrize("_time", range(10))
def test_of_two_members_at_the_same_moment_exactly_one_creates(world: dict[str, Any], tmp_path: Path, _time: int) -> None:
    store, barrier = Store(), threading.Barrier(2)
    found: dict[str, bool] = {}

    def boot(name: str) -> None:
        volume = tmp_path / name
        volume.mkdir()
        world["here"].volume = volume
        host = member(store, name)
        barrier.wait()
        mirror.claim(host)
        found[name] = mirror.creates(host)

    threads = [threading.Thread(target=boot, args=(name,)) for name in ("TRAKA", "TRAKB")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found.values()) == [False, True]


def test_a_member_that_stays_where_it_is_is_restarted_once(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = iter(["Waiting", "Waiting", "Waiting", "Synchronizing", "Backup"])
    restarts: list[str] = []
    monkeypatch.setattr(mirror, "_RESTART_SECONDS", 0)
    monkeypatch.setattr(mirror, "restart", lambda _host: restarts.append("restart"))

    def installed(_host: StepHost) -> iris.Instance:
        return iris.Instance(Path("/"), "running", Path("/"), "Failover", next(statuses))

    monkeypatch.setattr(iris, "installed", installed)
    host = member(Store(), "TRAKB")
    mirror.mirror_is_ready(host)

    assert restarts == ["restart"]
    assert next(statuses, None) is None


def test_a_member_that_never_gets_there_says_where_it_is(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found = iris.Instance(Path("/"), "running", Path("/"), "Failover", "Waiting")
    monkeypatch.setattr(iris, "installed", lambda _host: found)

    said = refusal(lambda: mirror.mirror_is_ready(member(Store(), "TRAKB")))

    assert "for this member to take its place in the mirror TRAK: it is running, Failover, Waiting" in said
