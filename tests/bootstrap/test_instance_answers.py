"""What IRIS says of itself: qlist, its configuration file, its log. And that members in place are told from others."""

from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import iris
from tests.bootstrap.fake_iris import FakeIris
from tests.bootstrap.step_host import refusal

CPF = """\
[ConfigFile]
Product=IRIS
Version=2025.1

[Mirrors]
TRAK=0B5FA0D8-2B4E-4D6E-8B80-0E0C52D4B8A7,2,1,,8000,0,1,,0,10.20.3.10|2188,0,2,0,0,1

[MapMirrors.TRAK]
TRAKA=10.20.1.10,2188,,10.20.1.10,GUID,/irissys/sys/,0,10.20.1.10,1972

[ECPServers]
"""


@pytest.fixture
def found(iris: FakeIris, monkeypatch: pytest.MonkeyPatch) -> FakeIris:
    monkeypatch.setenv("PATH", f"{iris.command.parent}:/usr/bin:/bin")
    return iris


@pytest.mark.parametrize(
    ("member_type", "status", "in_place", "primary"),
    [
        ("Failover", "Primary", True, True),
        ("Failover", "Backup", True, False),
        ("Disaster Recovery", "Connected", True, False),
        ("Failover", "Connected", False, False),
        ("Failover", "Synchronizing", False, False),
        ("Failover", "Transition", False, False),
        ("Failover", "Waiting", False, False),
        ("Failover", "In Trouble", False, False),
        ("Not Member", "Not Initialized", False, False),
        ("", "", False, False),
    ],
)
def test_who_is_in_place(found: FakeIris, member_type: str, status: str, in_place: bool, primary: bool) -> None:
    found.become(status, member_type)

    instance = iris.look("IRIS")

    assert instance is not None
    assert (instance.is_in_place, instance.is_primary) == (in_place, primary)
    assert (instance.directory, instance.cpf) == (Path("/irissys/sys"), Path("/irissys/sys/iris.cpf"))


@pytest.mark.parametrize(
    ("status", "running", "down"),
    [
        ("running, since Sun Nov 22 10:00:00 2026", True, False),
        ("down, last used Sun Nov 22 10:00:00 2026", False, True),
        ("starting or stopping", False, False),
        ("incomplete start or stop, logins disabled", False, False),
    ],
)
def test_whether_it_runs(found: FakeIris, status: str, running: bool, down: bool) -> None:
    found.become("Primary")
    found.set(status=status)

    instance = iris.look("IRIS")

    assert instance is not None
    assert (instance.is_running, instance.is_down, instance.is_primary) == (running, down, running)


def test_an_instance_that_is_not_there(found: FakeIris, monkeypatch: pytest.MonkeyPatch) -> None:
    assert iris.look("OTHER") is None
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert iris.look("IRIS") is None


def test_an_answer_that_cannot_be_read_is_not_taken_for_none(found: FakeIris) -> None:
    found.fault("say something else")

    assert "iris qlist said 'something else" in refusal(lambda: iris.look("IRIS"))


def test_the_configuration_file_says_what_an_instance_has_become(tmp_path: Path) -> None:
    (tmp_path / "iris.cpf").write_text(CPF)

    assert set(iris.keys_of(tmp_path / "iris.cpf", "Mirrors")) == {"TRAK"}
    assert iris.keys_of(tmp_path / "iris.cpf", "ECPServers") == iris.keys_of(tmp_path / "iris.cpf", "Mirror") == {}
    assert iris.keys_of(tmp_path / "other.cpf", "Mirrors") == {}


# Lines as they are in instances that people have shown in public; the format is that of the Monitoring Guide.
LOG = """\
11/25/26-02:19:03:567 (174) 0 [Generic.Event] installed
11/25/26-02:19:07:037 (344) 2 [Utility.Event] Failed to join mirror TRAK: the first reason
11/25/26-02:19:07:038 (344) 3 Startup failed: no huge pages
a line that goes on
11/25/26-02:19:08:001 (344) 1 [Utility.Event] a warning
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (LOG, "Startup failed: no huge pages"),
        (LOG.replace("3 Startup", "0 Startup"), "Failed to join mirror TRAK: the first reason"),
        ("11/25/26-02:19:03:567 (174) 0 [Generic.Event] 2 [x] no alert\n", ""),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_the_last_alert(log: str, said: str) -> None:
    assert iris.last_severe(log) == said


def test_what_stood_in_the_log_before_is_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "messages.log"
    monkeypatch.setattr(iris, "MESSAGES", log)
    assert (iris.log_size(), iris.complaint(0)) == (0, "")
    log.write_text(LOG)
    before = iris.log_size()
    assert iris.complaint(before) == ""
    with log.open("a") as file:
        file.write("11/25/26-02:19:09:000 (1) 2 [x] and now this\n")
    assert iris.complaint(before) == f"; {log} says: and now this"
    # Started anew, as by the switch of a log that has grown too large.
    log.write_text("11/25/26-02:20:00:000 (1) 2 [x] in another log\n")
    assert iris.complaint(before) == f"; {log} says: in another log"
