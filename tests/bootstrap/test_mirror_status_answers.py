"""Which state of the instance leads to which response, and for how long."""

import pytest

from cdk_intersystems.bootstrap.mirror_status import mirror_status
from cdk_intersystems.bootstrap.mirror_status.mirror_status import UnknownError, Watcher, answer_for

RUNNING = "running, since Sun Nov 22 10:00:00 2026"
DOWN = "down, last used Sun Nov 22 10:00:00 2026"


def _line(status: str = RUNNING, member_type: str = "Failover", mirror_status: str = "Primary", health: str = "ok") -> str:
    ports = "iris.cpf^1972^0^53773"
    return f"IRIS^/irissys/sys^2025.1^{status}^{ports}^{health}^IRIS^{member_type}^{mirror_status}^/irissys/sys^1972\n"


def _status(output: str) -> str:
    return answer_for(output, "IRIS").head.split(b" ")[1].decode()


def test_the_primary_alone_succeeds() -> None:
    assert _status(_line()) == "200"


@pytest.mark.parametrize("health", ["ok", "warn", "alert", "hung", ""])
def test_the_health_state_decides_nothing(health: str) -> None:
    # Whether a primary in bad health has to be replaced is for the mirror.
    assert _status(_line(health=health)) == "200"
    assert _status(_line(health=health, mirror_status="Backup")) == "503"


# Source: High Availability Guide, "Mirror Member Journal Transfer and Dejournaling Status".
@pytest.mark.parametrize(
    "status",
    [
        "Backup",
        "In Trouble",
        "Transition",
        "Synchronizing",
        "Waiting",
        "Stopped",
        "Crashed",
        "Down",
        "Connected",
        "Error",
        "Not Initialized",
        "",
        "primary",
        "Primary?",
        "Not Primary",
    ],
)
def test_no_other_mirror_status_does(status: str) -> None:
    assert _status(_line(mirror_status=status)) == "503"


@pytest.mark.parametrize(
    "member_type", ["Disaster Recovery", "Read-Only Reporting", "Read-Write Reporting", "Indeterminate", "Async"]
)
@pytest.mark.parametrize("status", ["Connected", "Primary"])
def test_nor_another_member_type(member_type: str, status: str) -> None:
    assert _status(_line(member_type=member_type, mirror_status=status)) == "503"


@pytest.mark.parametrize(
    "status", [DOWN, "sign-on inhibited", "sign-on inhibited:primary transition", "starting, x", "", "not running, x"]
)
@pytest.mark.parametrize(("member_type", "mirror_status"), [("Failover", "Primary"), ("", "")])
def test_nor_an_instance_that_is_not_running(status: str, member_type: str, mirror_status: str) -> None:
    assert _status(_line(status, member_type, mirror_status)) == "503"


@pytest.mark.parametrize("member_type", ["", "Not Member"])
def test_an_instance_without_a_mirror_has_no_mirror_status(member_type: str) -> None:
    assert _status(_line(member_type=member_type, mirror_status="")) == "500"


@pytest.mark.parametrize(
    "output",
    [
        "",
        "\n",
        "IRIS^/irissys/sys^2025.1^running^iris.cpf^1972^0^53773^ok^IRIS^Failover",
        _line() * 2,
        f"Warning: ...\n{_line()}",
        _line().replace("IRIS^", "OTHER^", 1),
        _line().replace("^", "|"),
    ],
)
def test_what_is_not_one_line_about_the_instance_says_nothing(output: str) -> None:
    with pytest.raises(UnknownError, match="iris qlist"):
        answer_for(output, "IRIS")


def test_the_name_is_as_iris_takes_it() -> None:
    assert answer_for(_line(), "iris").head.startswith(b"HTTP/1.1 200 ")


class _World:
    """What iris says, how long it takes, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.takes = 0.0
        self.output: str | None = _line()

    def output_of(self, _command: list[str], _limit: float) -> str:
        self.now += self.takes
        if self.output is None:
            raise UnknownError("iris qlist hangs")
        return self.output


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> _World:
    made = _World()
    monkeypatch.setattr(mirror_status, "seconds", lambda: made.now)
    monkeypatch.setattr(mirror_status, "output_of", made.output_of)
    return made


def _now(watcher: Watcher) -> str:
    return watcher.answer().head.split(b" ")[1].decode()


@pytest.mark.parametrize(("output", "status"), [(_line(), "200"), (_line(member_type="", mirror_status=""), "500")])
def test_an_answer_is_kept_for_a_second_and_no_longer(world: _World, output: str, status: str) -> None:
    watcher = Watcher("iris", "IRIS")
    assert _now(watcher) == "503"
    world.output = output
    watcher._ask()
    world.now += 0.999
    assert _now(watcher) == status
    world.now += 0.002
    assert _now(watcher) == "503"


def test_failures_neither_end_an_answer_early_nor_prolong_it(world: _World) -> None:
    watcher = Watcher("iris", "IRIS")
    watcher._ask()
    world.output = None
    world.now += 0.5
    watcher._ask()
    assert _now(watcher) == "200"
    world.now += 0.501
    watcher._ask()
    assert _now(watcher) == "503"


def test_another_reading_ends_it_at_once(world: _World) -> None:
    watcher = Watcher("iris", "IRIS")
    watcher._ask()
    world.output = _line(mirror_status="Backup")
    watcher._ask()
    assert _now(watcher) == "503"


def test_the_times_fit_together() -> None:
    # The longest way from one answer to the next: the interval, a call of the longest time allowed, and another one.
    assert mirror_status.ASK_EVERY_SECONDS + mirror_status.ASK_LIMIT_SECONDS + 0.1 < mirror_status.KEEP_SECONDS
    # Also with one quick failure in between.
    assert 2 * mirror_status.ASK_EVERY_SECONDS < mirror_status.KEEP_SECONDS
    assert mirror_status.KEEP_SECONDS <= 1


def test_what_iris_said_before_the_host_was_frozen_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock jumps while the output is on its way.
    times = iter([0.0, 0.1, 0.1, 0.1, 700.0])
    monkeypatch.setattr(mirror_status, "seconds", lambda: next(times, 700.0))
    with pytest.raises(UnknownError, match="took longer"):
        mirror_status.output_of(["/bin/echo", _line()], 1.0)
