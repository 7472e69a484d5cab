"""How a member is known whose data contradicts its mirror's: by what IRIS shows since it was started."""

from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host.iris import Instance
from cdk_intersystems.bootstrap.region import diverged

SAID = (
    "{} (4711) 2 This member has detected that its data is inconsistent with the mirror TRAK. If the primary is running and "
    "has the correct mirrored data, this member, including its mirrored databases, must be rebuilt.\n"
)
STARTED = "Wed Nov 25 18:10:05 2026"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(diverged, "MESSAGES", tmp_path / "messages.log")
    return tmp_path / "messages.log"


def instance(*, status: str = "running", mirror: str = "Stopped", since: str = STARTED) -> Instance:
    return Instance(Path("/irissys/sys"), status, Path("/irissys/sys/iris.cpf"), "Disaster Recovery", mirror, since)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("11/25/26-18:10:05:001", True), ("11/25/26-18:12:00:120", True), ("11/25/26-18:10:04:999", False), ("??", False)],
)
def test_what_was_said_since_the_start_counts(log: Path, moment: str, expected: bool) -> None:
    log.write_text("11/25/26-18:09:00:000 (1) 0 something\n" + SAID.format(moment))
    assert diverged.is_inconsistent(instance(), "TRAK") is expected


def test_of_another_mirror_it_is_said_of_another_mirror(log: Path) -> None:
    log.write_text(SAID.format("11/25/26-18:12:00:120"))
    assert diverged.is_inconsistent(instance(), "TRA") is False


def test_one_that_takes_part_is_not_inconsistent_whatever_was_said_before(log: Path) -> None:
    log.write_text(SAID.format("11/25/26-18:12:00:120"))
    assert diverged.is_inconsistent(instance(mirror="Connected"), "TRAK") is False


def test_what_cannot_be_known_is_not_guessed(log: Path) -> None:
    # No log, an instance that is down, a start that is told in other words.
    assert diverged.is_inconsistent(instance(), "TRAK") is None
    log.write_text(SAID.format("11/25/26-18:12:00:120"))
    assert diverged.is_inconsistent(instance(status="down", mirror=""), "TRAK") is None
    assert diverged.is_inconsistent(instance(since="Mi Nov 25"), "TRAK") is None
    log.write_text("")
    assert diverged.is_inconsistent(instance(since="Mi Nov 25"), "TRAK") is False
