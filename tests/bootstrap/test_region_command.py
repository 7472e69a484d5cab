"""The command `iris-region` itself: its lock, and its answers."""

import fcntl
import json
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.region import command


def test_a_host_that_is_busy_with_an_earlier_step_says_that_it_refuses_for_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RUN", tmp_path)
    monkeypatch.setattr(command, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(command, "open_host", lambda **_: None)
    monkeypatch.setitem(command._WORK, "leave", lambda host, options: pytest.fail("two steps at once"))
    with (tmp_path / "iris-region.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert command.main(["leave"]) == command.REFUSED

    answer = json.loads(capsys.readouterr().out)
    assert (answer["busy"], "wait for its end" in answer["refused"]) == (True, True)
