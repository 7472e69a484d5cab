"""A host for tests of steps on this machine: commands are real, files belong to who runs the test, AWS is a dictionary."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.first_boot import AwsError
from cdk_intersystems.bootstrap.host.context import Completed, Context, Identity
from cdk_intersystems.bootstrap.host.description import Description, build
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.settings import Settings
from tests.bootstrap.lab.descriptions import plain_description

SECRETS = {
    name: f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{name}"
    for name in ("password", "gateway", "license", "authority")
}


class Store:
    """Parameters and secrets, which all hosts of a test share; asked as `aws.json` is.

    Attributes:
        parameters: Name -> value.
        secrets: ARN -> value.
        calls: The actions, in their order.
        private_ca: Called with a request in PEM and days, answers a certificate in PEM.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.calls: list[str] = []
        self.refused: dict[str, str] = {}
        self._first: dict[str, str] = {}

    def json(self, service: str, action: str, request: Mapping[str, Any], about: str = "") -> dict[str, Any]:
        self.calls.append(action)
        if action in self.refused:
            raise AwsError(f"{service} {action} {about}", self.refused[action], 400, "")
        found: dict[str, Any] = getattr(self, f"_{action}")(request)
        return found

    def _GetParameter(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if request["Name"] not in self.parameters:
            raise AwsError("ssm GetParameter", "ParameterNotFound", 400, "")
        return {"Parameter": {"Value": self.parameters[request["Name"]]}}

    def _PutParameter(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert request["Overwrite"] is False
        if self.parameters.setdefault(request["Name"], request["Value"]) is not request["Value"]:
            raise AwsError("ssm PutParameter", "ParameterAlreadyExists", 400, "")
        return {}

    def _GetSecretValue(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if request["SecretId"] not in self.secrets:
            raise AwsError("secretsmanager GetSecretValue", "ResourceNotFoundException", 400, "")
        return {"SecretString": self.secrets[request["SecretId"]]}

    def _PutSecretValue(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        first = self._first.setdefault(request["ClientRequestToken"], request["SecretString"])
        if first != request["SecretString"]:
            raise AwsError("secretsmanager PutSecretValue", "ResourceExistsException", 400, "")
        self.secrets[request["SecretId"]] = request["SecretString"]
        return {}


class StepHost(Context):
    """The host.

    Attributes:
        said: What it logged.
        answers: Command -> what it is said to have printed, in the place of running it: for what isn't on this machine.
    """

    def __init__(self, store: Store, role: str = "member", **changes: Any) -> None:
        described = {**plain_description(role), **changes}
        # As JSON, which has no tuples.
        description = build(Description, json.loads(json.dumps(described)), "the test")
        me = Identity("i-1", "eu-west-2", "eu-west-2a", description.mirror.members.get(description.name, "10.20.9.9"), {})
        bundle = {"bucket": "b", "key": "k", "sha256": "0" * 64, "region": ""}
        settings = build(Settings, {"bundle": bundle, "secrets": SECRETS, "log_group": "g", "call_out": None}, "the test")
        self.said: list[str] = []
        self.answers: dict[str, Callable[[], str]] = {}
        self.patience = 0.2
        super().__init__(me, description, settings, store, self.said.append)  # type: ignore[arg-type]

    @property
    def commands(self) -> list[str]:
        return [line[2:] for line in self.said if line.startswith("+ ")]

    def run(self, command: Any, **options: Any) -> Completed:
        for beginning, answer in self.answers.items():
            if " ".join(command).startswith(beginning):
                self.log("+ " + " ".join(command))
                return Completed(0, answer(), "")
        return super().run(command, **options)

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "") -> bool:
        import getpass
        import grp
        import os

        return super().write(path, text, mode=mode, owner=f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}")

    def wait_until(self, what: str, ready: Callable[[], bool], *, seconds: float, every: float = 2) -> None:
        super().wait_until(what, ready, seconds=min(seconds, self.patience), every=0.02)


def refusal(work: Callable[[], object]) -> str:
    """What a step fails with: one line."""
    with pytest.raises(StepError) as failed:
        work()
    said = str(failed.value)
    assert "\n" not in said
    return said
