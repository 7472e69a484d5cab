"""`RollApproval`: a member is restarted or replaced only when its own stack's deployment was told to."""

import hashlib
import json
from collections.abc import Sequence

import jsii
from aws_cdk import CfnParameter, CfnRule, CfnRuleAssertion, Fn, IStableStringProducer, Lazy, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

# The properties of an instance that CloudFormation changes on the running instance, each marked "Update requires: No
# interruption" in the reference of AWS::EC2::Instance. A change of any other property asks for an approval, also of one that
# AWS adds later: asking once too often is the safe error.
_CHANGED_WHILE_RUNNING = frozenset(
    {
        "disableApiTermination",
        "iamInstanceProfile",
        "instanceInitiatedShutdownBehavior",
        "metadataOptions",
        "monitoring",
        "securityGroupIds",
        "sourceDestCheck",
        "tags",
        # Follows from the fixed address and the zone, which are compared; its own value is a reference between stacks.
        "subnetId",
    }
)
# The properties of a volume whose change makes CloudFormation define a new, empty one: "Update requires: Replacement" (or
# refused) in the reference of AWS::EC2::Volume. Size, type, IOPS and throughput change on the attached volume.
_VOLUME_IDENTITY = frozenset({"availabilityZone", "encrypted", "kmsKeyId", "snapshotId", "multiAttachEnabled", "outpostArn"})

PARAMETER = "RollApproval"
"""The name of the parameter of a member's stack."""


class RollApproval(Construct):
    """Defines the gate that lets one deployment restart or replace at most one member of a mirror set.

    The member's stack gets a parameter whose default is a code, computed from the member's name and everything whose change
    restarts or replaces it, and a rule that compares the parameter with that code. When a stack is created the default holds.
    When it is updated the CDK's command line keeps the parameter's previous value, so that a change which restarts or
    replaces the member fails before CloudFormation touches anything, until someone deploys with
    `--parameters RollApproval=<code>`. Codes of two members are never the same, so one value can't approve both.
    """

    def __init__(
        self,
        scope: Stack,
        id: str,
        *,
        member: str,
        instance: ec2.CfnInstance | None,
        volumes: Sequence[ec2.CfnVolume] = (),
    ) -> None:
        """Define the gate.

        Args:
            scope: The member's stack.
            id: Its id within the stack.
            member: Which member, in words that are unique in the account, e.g. `trakcare/TRAK/a`.
            instance: The member's instance; None while the member is taken out.
            volumes: The member's volumes.
        """
        super().__init__(scope, id)
        code = Lazy.string(_Code(member, instance, list(volumes)))
        parameter = CfnParameter(
            self,
            "Parameter",
            type="String",
            default=code,
            description=f"Approves restarting or replacing {member}: the code of the change, as the refusal prints it",
        )
        parameter.override_logical_id(PARAMETER)
        rule = CfnRule(
            self,
            "Rule",
            assertions=[
                CfnRuleAssertion(
                    assert_=Fn.condition_equals(parameter.value_as_string, code),
                    assert_description=(
                        f"This change restarts or replaces {member}. Roll one member at a time: make sure the other one is "
                        f"an active backup or the primary, then deploy {scope.stack_name} alone "
                        f"with --parameters {PARAMETER}={code}"
                    ),
                )
            ],
        )
        rule.override_logical_id(f"{PARAMETER}Rule")


@jsii.implements(IStableStringProducer)
class _Code:
    """Computes the code at synthesis, so that changes made to the instance from outside count too."""

    def __init__(self, member: str, instance: ec2.CfnInstance | None, volumes: list[ec2.CfnVolume]) -> None:
        self._member = member
        self._instance = instance
        self._volumes = volumes

    def produce(self) -> str:
        stated: dict[str, object] = {"member": self._member, "instance": None}
        if self._instance is not None:
            properties = _rendered(self._instance)
            stated["instance"] = {k: v for k, v in properties.items() if k not in _CHANGED_WHILE_RUNNING}
        stated["volumes"] = {
            volume.node.path: {k: v for k, v in _rendered(volume).items() if k in _VOLUME_IDENTITY} for volume in self._volumes
        }
        return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:12]


def _rendered(resource: ec2.CfnInstance | ec2.CfnVolume) -> dict[str, object]:
    resolved = Stack.of(resource).resolve(resource._cfn_properties)
    assert isinstance(resolved, dict)
    return resolved
