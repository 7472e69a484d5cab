"""What goes to CloudWatch: what this program says, and by the agent what IRIS says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import unsent
from cdk_intersystems.bootstrap.host.aws.client import AwsError
from cdk_intersystems.bootstrap.host.context import Completed, Context, Identity
from cdk_intersystems.bootstrap.host.description import Description, S3Object, build
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.settings import Secrets, Settings
from cdk_intersystems.bootstrap.host.steps import logs as step
from tests.bootstrap.lab.descriptions import plain_description


class _Host(Context):
    def __init__(self) -> None:
        me = Identity("i-0123456789abcdef0", "eu-west-2", "eu-west-2a", "10.20.1.10", {})
        settings = Settings(S3Object("b", "k", "0", ""), Secrets("", "", "", ""), "/the/group", None)
        described = build(Description, plain_description("member"), "host.json")
        self.said: list[str] = []
        super().__init__(me, described, settings, None, self.said.append)  # type: ignore[arg-type]
        self.commands: list[str] = []
        self.enabled = False
        self.breaks = False

    def run(self, command: Sequence[str], **_: Any) -> Completed:
        if command[1] == "is-enabled":
            return Completed(0 if self.enabled else 1, "", "")
        self.commands.append(" ".join(command))
        if self.breaks:
            raise StepError("the agent does not take it")
        self.enabled = True
        return Completed(0, "", "")

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        path.write_text(text)
        return True


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Host:
    monkeypatch.setattr(step, "_CONTROL", tmp_path / "control")
    monkeypatch.setattr(step, "_GIVEN", tmp_path / "given")
    monkeypatch.setattr(step, "RUN", tmp_path)
    monkeypatch.setattr(unsent, "UNSENT", tmp_path / "unsent.log")
    (tmp_path / "control").touch()
    return _Host()


def test_without_the_agent_nothing_is_done(host: _Host, tmp_path: Path) -> None:
    (tmp_path / "control").unlink()
    step.logs(host)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_agent_sends_the_logs_of_iris(host: _Host, tmp_path: Path) -> None:
    step.logs(host)
    assert host.commands == [f"{tmp_path}/control -a fetch-config -m ec2 -s -c file:{tmp_path}/cdk-intersystems.json"]
    files = json.loads((tmp_path / "cdk-intersystems.json").read_text())["logs"]["logs_collected"]["files"]["collect_list"]
    assert {each["file_path"]: each["log_stream_name"] for each in files} == {
        "/irissys/sys/mgr/messages.log": "TRAKA/i-0123456789abcdef0/messages.log",
        "/irissys/sys/mgr/alerts.log": "TRAKA/i-0123456789abcdef0/alerts.log",
    }
    assert {each["log_group_name"] for each in files} == {"/the/group"}


def test_it_is_configured_once_and_again_if_that_was_interrupted(host: _Host) -> None:
    for _ in range(2):
        step.logs(host)
    assert len(host.commands) == 1
    host.enabled = False
    step.logs(host)
    assert len(host.commands) == 2
    host.settings = Settings(host.settings.bundle, host.settings.secrets, "/another/group", None)
    host.breaks = True
    with pytest.raises(StepError):
        step.logs(host)
    host.breaks = False
    for _ in range(2):
        step.logs(host)
    assert len(host.commands) == 4


def test_what_was_said_is_sent_once(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(unsent.logs, "put", lambda *arguments: sent.append(arguments[1:]))
    unsent.keep("first")
    unsent.keep("second\nwith more")
    for _ in range(2):
        unsent.send(host)
    (group, stream, lines) = sent[0]
    assert (len(sent), group, stream) == (1, "/the/group", "TRAKA/i-0123456789abcdef0/bootstrap")
    assert [text for _, text in lines] == ["first", "second\nwith more"]


def test_what_cannot_be_sent_is_kept_and_harms_nobody(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AwsError("logs PutLogEvents", "AccessDeniedException", 400, "")

    sent: list[Any] = []
    monkeypatch.setattr(unsent.logs, "put", refused)
    unsent.keep("line")
    unsent.send(host)
    assert host.said == ["not sent to CloudWatch: logs PutLogEvents was refused: AccessDeniedException, status 400"]
    monkeypatch.setattr(unsent.logs, "put", lambda *arguments: sent.append(arguments[3]))
    unsent.send(host)
    assert [text for _, text in sent[0]] == ["line"]


def test_a_torn_file_and_a_full_disk_harm_nobody(host: _Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(unsent.logs, "put", lambda *arguments: sent.append(arguments[3]))
    unsent.keep("whole")
    with (tmp_path / "unsent.log").open("a") as file:
        file.write('[17, "tor')
    unsent.send(host)
    assert [text for _, text in sent[0]] == ["whole"]
    monkeypatch.setattr(unsent, "UNSENT", tmp_path / "no such folder" / "unsent.log")
    unsent.keep("lost")
    unsent.send(host)
    assert len(sent) == 1
