"""Applying another version by hand or by a rolling change: who may, and what is said of it."""

import json
import shutil
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap import first_boot
from cdk_intersystems.bootstrap.gate import role
from cdk_intersystems.bootstrap.host import apply, run
from cdk_intersystems.bootstrap.host.errors import StepError
from tests.bootstrap.lab.descriptions import plain_description


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's own files, with one bundle applied."""
    _bundle(tmp_path, "one")
    (tmp_path / "current").symlink_to("one")
    for module in (apply, run):
        monkeypatch.setattr(module, "CONFIG", tmp_path / "current" / "config" / "a")
    for module in (first_boot, run):
        monkeypatch.setattr(module, "CURRENT", tmp_path / "current")
    monkeypatch.setattr(run, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(run, "RUN", tmp_path / "run")
    return tmp_path


def _bundle(root: Path, version: str, **files: str) -> Path:
    for name, text in {"host.json": json.dumps(plain_description("member")), **files}.items():
        path = root / version / "config" / "a" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / version / "bootstrap").mkdir()
    (root / version / "bootstrap" / "code.py").write_text("code")
    return root / version


@pytest.mark.parametrize("status", [role.PRIMARY, role.UNKNOWN])
def test_a_primary_and_one_that_may_be_refuse_unless_told_otherwise(
    root: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/local/bin/iris")
    monkeypatch.setattr(role, "ask", lambda *_: role.Role(status, "so it says"))
    refused = r"^this member is primary, or may be \(so it says\): apply to the backup first .* or add --even-primary$"
    with pytest.raises(StepError, match=refused):
        apply.apply(run.Lines())
    asked: list[str] = []
    monkeypatch.setattr(
        first_boot.Metadata, "identity", lambda _self: asked.append("who") or (_ for _ in ()).throw(StepError("on"))
    )
    with pytest.raises(StepError, match=r"^on$"):
        apply.apply(run.Lines(), even_primary=True)
    assert asked == ["who"]


def test_where_nothing_was_applied_nothing_is(root: Path) -> None:
    (root / "current").unlink()
    with pytest.raises(StepError, match="nothing was applied to this host yet"):
        apply.apply(run.Lines())


def test_what_changed_is_said(root: Path) -> None:
    one, same = root / "one", _bundle(root, "two")
    assert apply._difference(one, one, "a") == "one is published, and applied already"
    assert apply._difference(one, same, "a") == "applied two after one; changed: nothing for this host"
    other = _bundle(root, "three", **{"create.cpf": "x", "host.json": "{}"})
    (other / "bootstrap" / "code.py").write_text("other code")
    assert apply._difference(one, other, "a") == "applied three after one; changed: code, create.cpf, host.json"


def test_a_failure_that_cannot_be_read_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FAILURE", root / "failure.json")
    for text in ("", "{", '{"phase": "serve"}'):
        run.FAILURE.write_text(text)
        assert run.last_failure() is None
    run.FAILURE.write_text('{"phase": "serve", "step": "s", "said": "x", "version": "v", "time": 1}')
    assert run.last_failure() == run.Failure("serve", "s", "x", "v", 1)


def test_errors_are_one_line_that_says_where(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run.Lines(kept=False)
    assert run.in_one_line(StepError("one\n two"), lines) == "one two"
    assert run.in_one_line(OSError(28, "No space left on device", "/x/y"), lines) == "No space left on device: /x/y"
    with pytest.raises(KeyError) as raised:
        {}["missing"]
    assert run.in_one_line(raised.value, lines).startswith("KeyError: 'missing' (test_apply.py, line ")
    assert "Traceback" in capsys.readouterr().out


def test_looking_is_not_doing(root: Path) -> None:
    lines = run.Lines(kept=False)
    for line in ("prepare: users", "+ findmnt --json", "serve: claim"):
        lines.say(line)
    assert not lines.something_done
    lines.say("wrote /etc/hosts")
    assert lines.something_done
