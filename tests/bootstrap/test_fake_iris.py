"""The fake `iris` says what InterSystems' documentation says it would."""

import subprocess
from pathlib import Path

from tests.bootstrap.fake_iris import FakeIris


def _run(iris: FakeIris, *arguments: str) -> str:
    return subprocess.run([iris.command, *arguments], capture_output=True, text=True, check=True).stdout


def test_qlist_is_one_line_of_fourteen_fields(iris: FakeIris) -> None:
    (line,) = _run(iris, "qlist", "IRIS").splitlines()
    fields = line.split("^")
    assert len(fields) == 14
    assert fields[0] == "IRIS"
    assert fields[3].startswith("running, since ")
    assert fields[10:12] == ["Failover", "Primary"]


def test_without_a_mirror_the_fields_are_empty(tmp_path: Path) -> None:
    fields = _run(FakeIris(tmp_path / "other", "OTHER"), "qlist", "other").split("^")
    assert fields[0] == "OTHER"
    assert fields[10:12] == ["", ""]


def test_stop_and_start(iris: FakeIris) -> None:
    _run(iris, "stop", "IRIS", "quietly")
    assert _run(iris, "qlist").split("^")[3].startswith("down, ")
    _run(iris, "start", "IRIS", "quietly")
    fields = _run(iris, "qlist").split("^")
    assert fields[3].startswith("running, ")
    assert fields[11] == "Transition"
    assert iris.calls() == ["stop IRIS quietly", "qlist", "start IRIS quietly", "qlist"]
