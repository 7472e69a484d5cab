"""What a member does with what it hears before IRIS starts: every answer, none, and rubbish."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.call_out.requests import FailedError, RefusedError
from cdk_intersystems.bootstrap.host import iris
from cdk_intersystems.bootstrap.host.description import Description, Region, build
from cdk_intersystems.bootstrap.host.iris import Instance
from cdk_intersystems.bootstrap.region import before_start, cpf, mark, question, readings
from cdk_intersystems.bootstrap.region.question import Holds
from tests.bootstrap.lab.descriptions import plain_description

REGION = Region("primary", "primary", "TRAK", "lab-TRAK-region-state", "eu-west-1", "/cdk-intersystems/lab/TRAK/fenced")

CPF = """\
[ConfigFile]
Product=IRIS

[Mirrors]
TRAK=GUID,2,1,,8000,0,1,,0,10.20.3.10|2188,0,2,0,0,1

[MapMirrors.TRAK]
TRAKA=10.20.1.10,2188,,10.20.1.10,GUID-A,/irissys/sys/,{kind},10.20.1.10,1972,,0,"CN=TRAKA, O=lab"

[MirrorMember]
AsyncMemberType=0
JoinMirror=1
SystemName=TRAKA
{validated}VirtualAddressInterface=

[config]
ValidatedMember=1
"""


@pytest.mark.parametrize(
    ("known", "elsewhere"),
    [
        ([], False),
        ([(1, "dr")], True),
        ([(1, "primary")], False),
        ([(2, "on_premises")], True),
        # The highest epoch counts, whoever says it, in whatever order.
        ([(1, "dr"), (2, "primary")], False),
        ([(2, "primary"), (1, "dr")], False),
        ([(2, "dr"), (1, "primary"), (1, "primary")], True),
        # Two that contradict each other: it asks, and waits at worst.
        ([(3, "primary"), (3, "dr")], True),
        ([(3, "dr"), (3, "primary")], True),
        ([(0, "primary")], False),
    ],
)
def test_who_holds_the_mirror_is_decided_by_the_highest_epoch(known: list[tuple[int, str]], elsewhere: bool) -> None:
    assert question.decide("primary", [Holds(*each, "somebody") for each in known]).elsewhere is elsewhere


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "dr",
        {},
        {"epoch": 1},
        {"serving": "dr"},
        {"epoch": "1", "serving": "dr"},
        {"epoch": True, "serving": "dr"},
        {"epoch": -1, "serving": "dr"},
        {"epoch": 1.0, "serving": "dr"},
        {"epoch": 1, "serving": "mars"},
        {"epoch": 1, "serving": None},
        {"epoch": 1, "serving": ["dr"]},
    ],
)
def test_what_is_no_epoch_and_no_region_says_nothing(value: Any) -> None:
    assert question.of_json(value, "it") is None
    item = {name: {"N" if name == "epoch" else "S": each} for name, each in value.items()} if isinstance(value, dict) else value
    if not (isinstance(value, dict) and value.get("epoch") == "1"):
        assert question.of_item(item, "it") is None


@pytest.mark.parametrize("epoch", ["", "-1", "1.5", "1E3", "01", "x", "9" * 19, 1, None])
def test_an_item_with_a_damaged_epoch_says_nothing(epoch: Any) -> None:
    assert question.of_item({"epoch": {"N": epoch}, "serving": {"S": "dr"}}, "it") is None


def test_an_item_as_dynamodb_shows_it() -> None:
    item = {"key": {"S": "TRAK"}, "epoch": {"N": "12"}, "serving": {"S": "dr"}, "since": {"S": "2026-11-25T10:00:00Z"}}

    assert question.of_item(item, "the table") == Holds(12, "dr", "the table")


class Aws:
    """AWS, that answers as a test says."""

    def __init__(self, table: Callable[[], dict[str, Any]], parameter: Callable[[], dict[str, Any]]) -> None:
        self._answers = {"dynamodb": table, "ssm": parameter}
        self.asked: list[tuple[str, str]] = []

    def call(self, service: str, target: str, request: Any, about: str, region: str = "", version: str = "1.0") -> Any:  # noqa: PLR0917
        self.asked.append((service, region))
        return self._answers[service]()


def item(epoch: int, serving: str) -> Callable[[], dict[str, Any]]:
    return lambda: {"Item": {"epoch": {"N": str(epoch)}, "serving": {"S": serving}}}


def parameter(text: str) -> Callable[[], dict[str, Any]]:
    return lambda: {"Parameter": {"Value": text}}


def fails(error: Exception) -> Callable[[], dict[str, Any]]:
    def fail() -> dict[str, Any]:
        raise error

    return fail


NOTHING = fails(RefusedError("ssm GetParameter", "ParameterNotFound", ""))
UNREACHABLE = fails(FailedError("dynamodb GetItem: no answer from dynamodb.eu-west-1.amazonaws.com: timeout"))


@pytest.fixture(autouse=True)
def no_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mark, "MARK", tmp_path / "fenced.json")


@pytest.mark.parametrize(
    ("table", "says", "known", "problems"),
    [
        (item(3, "dr"), NOTHING, [(3, "dr")], 0),
        (item(3, "dr"), parameter('{"epoch": 2, "serving": "primary"}'), [(2, "primary"), (3, "dr")], 0),
        (dict, NOTHING, [], 0),
        (UNREACHABLE, parameter('{"epoch": 4, "serving": "dr"}'), [(4, "dr")], 1),
        (UNREACHABLE, UNREACHABLE, [], 2),
        (fails(RefusedError("dynamodb GetItem", "AccessDeniedException", "")), NOTHING, [], 1),
        (item(-3, "dr"), parameter("rubbish"), [], 2),
        (lambda: {"Item": "rubbish"}, parameter('["dr"]'), [], 2),
        (lambda: {"Item": {}}, lambda: {}, [], 2),
        (fails(TypeError("a mistake of ours")), fails(KeyError("x")), [], 2),
    ],
)
def test_what_is_known_and_what_could_not_be_read(
    table: Callable[[], dict[str, Any]], says: Callable[[], dict[str, Any]], known: list[tuple[int, str]], problems: int
) -> None:
    aws = Aws(table, says)
    found, said = readings.read(REGION, lambda: aws)  # type: ignore[arg-type,return-value]

    assert sorted(each[:2] for each in found) == known
    assert len(said) == problems
    # The table in its own region, the parameter in the host's.
    assert sorted(aws.asked) == [("dynamodb", "eu-west-1"), ("ssm", "")]


def test_a_region_that_does_not_answer_holds_no_start_up() -> None:
    go_on, answered = threading.Event(), threading.Event()

    def hangs() -> dict[str, Any]:
        go_on.wait(30)
        answered.set()
        return {}

    found, said = readings.read(REGION, lambda: Aws(hangs, item(1, "x")), limit=0.2)  # type: ignore[arg-type,return-value]
    still_asked = not answered.is_set()
    go_on.set()

    assert still_asked
    assert found == []
    assert said[-1] == "the table lab-TRAK-region-state in eu-west-1: no answer within 0.2 s"


def test_the_mark_counts_with_the_others_and_never_goes_back() -> None:
    mark.write(7, "dr")
    mark.write(6, "primary")

    found, _ = readings.read(REGION, lambda: Aws(item(5, "primary"), NOTHING))  # type: ignore[arg-type,return-value]
    assert question.decide("primary", found).elsewhere
    mark.MARK.write_text("{", encoding="utf-8")
    assert mark.read() is None


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Description, Path]]:
    def make(kind: str = "0", validated: str = "ValidatedMember=1\n", text: str = CPF) -> tuple[Description, Path]:
        file = tmp_path / "iris.cpf"
        file.write_text(text.format(kind=kind, validated=validated))
        found = Instance(tmp_path, "down", file, "", "")
        monkeypatch.setattr(iris, "look", lambda _name: found)
        described = {**plain_description("member"), "region": vars(REGION)}
        return build(Description, described, "the test"), file

    return make


def ask(description: Description, table: Callable[[], dict[str, Any]]) -> tuple[int, str]:
    return before_start.ask(description, lambda: Aws(table, NOTHING))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("validated", ["ValidatedMember=1\n", "ValidatedMember = 1\n", ""])
def test_a_failover_member_whose_mirror_is_elsewhere_asks_for_its_role(
    member: Callable[..., tuple[Description, Path]], validated: str
) -> None:
    description, file = member(validated=validated)
    before = file.read_text()

    status, said = ask(description, item(3, "dr"))

    assert status == before_start.GO_ON
    assert "ValidatedMember=0" in said
    assert "since epoch 3 the region dr holds the mirror" in said
    after = file.read_text()
    assert iris.keys_of(file, "MirrorMember")["ValidatedMember"] == "0"
    # Nothing else: another section's key of that name, too.
    assert [line for line in after.splitlines() if "ValidatedMember" not in line] == [
        line for line in before.splitlines() if "ValidatedMember" not in line
    ]
    assert after.endswith("[config]\nValidatedMember=1\n")


@pytest.mark.parametrize("table", [item(3, "primary"), dict, UNREACHABLE, lambda: {"Item": {"epoch": {"N": "x"}}}])
def test_otherwise_it_starts_as_what_it_was(
    member: Callable[..., tuple[Description, Path]], table: Callable[[], dict[str, Any]]
) -> None:
    description, file = member()
    before = file.read_bytes()

    status, said = ask(description, table)

    assert (status, file.read_bytes()) == (before_start.GO_ON, before)
    assert "starts as what it was" in said


def test_a_member_for_disaster_recovery_is_left_promotable(member: Callable[..., tuple[Description, Path]]) -> None:
    """It can't become primary by itself, and with ValidatedMember=0 it couldn't be promoted either."""
    description, file = member(kind="2")

    ask(description, item(3, "dr"))

    assert iris.keys_of(file, "MirrorMember")["ValidatedMember"] == "1"


def test_one_that_would_be_a_second_primary_and_cannot_be_told_does_not_start(
    member: Callable[..., tuple[Description, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    description, _ = member()

    def full(_path: Path) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cpf, "ask_for_the_role", full)
    status, said = ask(description, item(3, "dr"))

    assert status == before_start.STAY_DOWN
    assert "does NOT start" in said
    assert "No space left" in said


def test_a_host_that_is_not_described_starts_as_usual(capsys: pytest.CaptureFixture[str]) -> None:
    assert before_start.before_start() == before_start.GO_ON
    assert "could not ask which region holds the mirror, starting as usual" in capsys.readouterr().err


def test_a_file_of_a_system_that_ends_lines_otherwise_stays_so(tmp_path: Path) -> None:
    file = tmp_path / "iris.cpf"
    file.write_bytes(b"[Mirrors]\r\nTRAK=x\r\n[MirrorMember]\r\nJoinMirror=1\r\n")

    assert cpf.ask_for_the_role(file)
    assert file.read_bytes() == b"[Mirrors]\r\nTRAK=x\r\n[MirrorMember]\r\nJoinMirror=1\r\nValidatedMember=0\r\n"
    assert not cpf.ask_for_the_role(file)
    assert cpf.take_the_role(file)
    assert file.read_bytes().endswith(b"JoinMirror=1\r\nValidatedMember=1\r\n")


@pytest.mark.parametrize(("kind", "failover"), [("0", True), ("2", False), ("", True)])
def test_what_a_member_is_its_own_file_says(tmp_path: Path, kind: str, failover: bool) -> None:
    file = tmp_path / "iris.cpf"
    file.write_text(CPF.format(kind=kind, validated=""))

    assert cpf.is_failover(file, "TRAK", "TRAKA") is failover
    # Of one that it doesn't know the worst is taken.
    assert cpf.is_failover(file, "TRAK", "TRAKX")
    assert cpf.arbiter(file, "TRAK") == "10.20.3.10"
    assert cpf.arbiter(file, "OTHER") == ""
