"""Steps of Automation documents: who runs, which hosts there are, where to go on, and how to refuse.

Every decision is a branch of the document, which can be read in the console while it runs.

Source: Systems Manager User Guide, "Automation actions reference" and "Schema version 0.3".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cdk_intersystems.model import tags
from cdk_intersystems.model.names import checked_name
from cdk_intersystems.model.topology import FAILOVER_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Step = dict[str, Any]
Condition = dict[str, Any]
Document = dict[str, Any]

RUNBOOK_TAG_VALUE: Final = "allowed"
"""Value of the tag `cdk-intersystems:runbook` on the members that the documents may work on."""

API_SECONDS: Final = 60
"""For how long an API operation is tried."""


@dataclass(frozen=True)
class Mirror:
    """The mirror a document works on.

    Args:
        deployment: Name of the deployment.
        name: Name of the mirror.
        role_arn: ARN of the role the document assumes.

    Raises:
        ValueError: A name can't be part of a document's.
    """

    deployment: str
    name: str
    role_arn: str

    def __post_init__(self) -> None:
        checked_name(self.deployment)
        checked_name(self.name)

    def document_name(self, what: str) -> str:
        """The name of one of its documents, which an operator types."""
        return f"cdk-intersystems-{self.deployment}-{self.name}-{what}"


def document(mirror: Mirror, description: str, parameters: Mapping[str, Any], steps: Sequence[Step]) -> Document:
    """An Automation document in JSON."""
    return {
        "schemaVersion": "0.3",
        "description": description,
        "assumeRole": mirror.role_arn,
        "parameters": dict(parameters),
        "mainSteps": list(steps),
    }


def one_at_a_time(mirror: Mirror, changing: Sequence[str], *, then: str) -> list[Step]:
    """Steps that refuse while another execution changes the mirror.

    Two that start at the same moment see each other and both refuse. An output whose selector finds nothing leaves a branch to
    its default (Systems Manager User Guide, "Using conditional statements in runbooks", the example with an instance's
    platform).

    Args:
        mirror: The mirror.
        changing: The documents that change it, in words as for `Mirror.document_name`.
        then: The step after it.
    """
    running = {
        "Service": "ssm",
        "Api": "DescribeAutomationExecutions",
        "Filters": [
            {"Key": "DocumentNamePrefix", "Values": [mirror.document_name(what) for what in changing]},
            {"Key": "ExecutionStatus", "Values": ["Pending", "InProgress", "Waiting", "Cancelling"]},
        ],
    }
    return [
        {
            "name": "FindOtherExecutions",
            "description": "Which executions that change this mirror run; this one is one of them.",
            "action": "aws:executeAwsApi",
            "maxAttempts": 3,
            "timeoutSeconds": API_SECONDS,
            "onFailure": "Abort",
            "inputs": running,
            "outputs": [
                {"Name": "Second", "Selector": "$.AutomationExecutionMetadataList[1].AutomationExecutionId", "Type": "String"}
            ],
            "nextStep": "IsItTheOnlyOne",
        },
        branch(
            "IsItTheOnlyOne",
            "Goes on if there is no second one. Execution ids have dashes.",
            [({"Variable": "{{ FindOtherExecutions.Second }}", "Contains": "-"}, "RefusedAnotherExecutionRuns")],
            default=then,
        ),
        refusal(
            mirror,
            "RefusedAnotherExecutionRuns",
            "another execution changes this mirror: wait for its end, or cancel it, and start again",
        ),
    ]


def find_members(mirror: Mirror, *, then: str) -> list[Step]:
    """Steps that find the running hosts of both failover members and refuse unless there is exactly one of each."""
    steps: list[Step] = []
    for member, following in zip(FAILOVER_MEMBERS, (f"Find{FAILOVER_MEMBERS[1].upper()}", then), strict=True):
        letter = member.upper()
        steps += [
            {
                "name": f"Find{letter}",
                "description": f"The running host of member {member}, by its tags.",
                "action": "aws:executeAwsApi",
                "maxAttempts": 3,
                "timeoutSeconds": API_SECONDS,
                "onFailure": "Abort",
                "inputs": {"Service": "ec2", "Api": "DescribeInstances", "Filters": _hosts(mirror, member)},
                "outputs": [
                    {"Name": "InstanceId", "Selector": "$.Reservations[0].Instances[0].InstanceId", "Type": "String"},
                    {"Name": "Second", "Selector": "$.Reservations[1].Instances[0].InstanceId", "Type": "String"},
                ],
                "nextStep": f"IsThereOne{letter}",
            },
            branch(
                f"IsThereOne{letter}",
                f"Goes on if exactly one host is member {member}.",
                [
                    ({"Variable": f"{{{{ Find{letter}.Second }}}}", "StartsWith": "i-"}, f"RefusedNotOneHostOf{letter}"),
                    ({"Variable": f"{{{{ Find{letter}.InstanceId }}}}", "StartsWith": "i-"}, following),
                ],
                default=f"RefusedNotOneHostOf{letter}",
            ),
            refusal(
                mirror,
                f"RefusedNotOneHostOf{letter}",
                f"there has to be exactly one running host of member {member} with the tag {tags.RUNBOOK}={RUNBOOK_TAG_VALUE}",
            ),
        ]
    return steps


def branch(name: str, description: str, choices: Sequence[tuple[Condition, str]], *, default: str) -> Step:
    """A step that goes to the first choice that holds, or else to the default."""
    return {
        "name": name,
        "description": description,
        "action": "aws:branch",
        "onFailure": "Abort",
        "inputs": {"Choices": [{**condition, "NextStep": then} for condition, then in choices], "Default": default},
    }


def chosen(parameter: str, value: str) -> Condition:
    """Holds if the operator chose so."""
    return {"Variable": f"{{{{ {parameter} }}}}", "StringEquals": value}


def every(*conditions: Condition) -> Condition:
    """Holds if all of them do."""
    return {"And": list(conditions)}


def refusal(mirror: Mirror, name: str, reason: str) -> Step:
    """A step that fails, and whose failure says why: Automation has no action for that alone.

    It wants an instance's state to be the reason, which it never is, and the message of the failed step quotes what was
    wanted. It fails all the same if there is no instance.
    """
    return {
        "name": name,
        "description": f"Ends here: {reason}.",
        "action": "aws:assertAwsResourceProperty",
        "timeoutSeconds": API_SECONDS,
        "onFailure": "Abort",
        "isEnd": True,
        "inputs": {
            "Service": "ec2",
            "Api": "DescribeInstances",
            "Filters": _hosts(mirror, *FAILOVER_MEMBERS),
            "PropertySelector": "$.Reservations[0].Instances[0].State.Name",
            "DesiredValues": [f"refused: {reason}"],
        },
    }


def done(name: str, description: str) -> Step:
    """A step that ends the execution well: Automation has no action that does nothing."""
    return {
        "name": name,
        "description": description,
        "action": "aws:sleep",
        "onFailure": "Abort",
        "isEnd": True,
        "inputs": {"Duration": "PT1S"},
    }


def _hosts(mirror: Mirror, *members: str) -> list[dict[str, Any]]:
    """The filters of DescribeInstances for running hosts of members."""
    return [
        {"Name": f"tag:{tags.DEPLOYMENT}", "Values": [mirror.deployment]},
        {"Name": f"tag:{tags.MIRROR_SET}", "Values": [mirror.name]},
        {"Name": f"tag:{tags.MEMBER}", "Values": list(members)},
        {"Name": f"tag:{tags.RUNBOOK}", "Values": [RUNBOOK_TAG_VALUE]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
