"""Runs the Automation documents of a mirror on hosts of the lab: the hook between `tests/automation` and real `cdk-host`s."""

import subprocess
from collections.abc import Mapping
from typing import Any

from cdk_intersystems.model import tags
from cdk_intersystems.model.automation.check import CHECK, check_document
from cdk_intersystems.model.automation.roll import ROLL, TAKE_OUT, roll_document
from cdk_intersystems.model.automation.steps import RUNBOOK_TAG_VALUE, Mirror
from cdk_intersystems.model.automation.take_out import take_out_document
from tests.automation.interpreter import Automation, Execution, Ran
from tests.bootstrap.lab.lab import Lab, LabHost

_DOCUMENTS = {ROLL: roll_document, TAKE_OUT: take_out_document, CHECK: check_document}


class Runbooks:
    """What Systems Manager does for a mirror in the lab.

    Attributes:
        commands: What was run on hosts: the host's name and the command, questions left out.
    """

    def __init__(self, lab: Lab, hosts: Mapping[str, LabHost], *, deployment: str, mirror: str) -> None:
        """Lets the runbooks work on hosts.

        Args:
            lab: The lab.
            hosts: `a` and `b` -> the host.
            deployment: Name of the deployment.
            mirror: Name of the mirror.
        """
        self._ec2 = lab.aws.client("ec2")
        self._hosts = {host.instance_id: host for host in hosts.values()}
        self._mirror = Mirror(deployment, mirror, "arn:aws:iam::111122223333:role/runbooks")
        self.commands: list[str] = []
        allowed = [{"Key": tags.RUNBOOK, "Value": RUNBOOK_TAG_VALUE}]
        self._ec2.create_tags(Resources=list(self._hosts), Tags=allowed)

    def run(self, what: str, **parameters: Any) -> Execution:
        """Runs a document: `roll`, `take-out` or `check`."""
        self.commands.clear()
        return Automation(api=self._api, host=self._run).run(_DOCUMENTS[what](self._mirror), parameters)

    def _api(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if service == "ssm":
            # Systems Manager's own list of executions: this one.
            return {"AutomationExecutionMetadataList": [{"AutomationExecutionId": "11111111-2222-3333-4444-555555555555"}]}
        assert operation == "DescribeInstances"
        answer: Mapping[str, Any] = self._ec2.describe_instances(**parameters)
        return answer

    def _run(self, instance: str, command: str, seconds: int) -> Ran:
        """As AWS-RunShellScript does: by a shell, as root, the limit enforced."""
        host = self._hosts[instance]
        if not host.is_on():
            return Ran(None)
        if not command.endswith(" tell"):
            self.commands.append(f"{host.name}: {command.removeprefix('/usr/local/bin/')}")
        try:
            done = host.run("sh", "-c", command, check=False, seconds=min(seconds, 180))
        except subprocess.TimeoutExpired:
            return Ran(0, "", float("inf"))
        return Ran(done.status, done.output if done.status == 0 else f"{done.output}{done.errors}")
