"""`RollApproval`: a member is restarted or replaced only when its own stack's deployment was told to."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import CfnParameter, CfnResource, CfnRule, CfnRuleAssertion, Fn, IResolveContext, IStringProducer, Lazy, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IValidation

# The properties of an instance that CloudFormation changes on the running instance, each marked "Update requires: No
# interruption" in the reference of AWS::EC2::Instance (SecurityGroupIds: in a VPC). A change of any other property asks for
# an approval, also of one that AWS adds later: asking once too often is the safe error.
_CHANGED_WHILE_RUNNING = frozenset(
    {
        "DisableApiTermination",
        "IamInstanceProfile",
        "InstanceInitiatedShutdownBehavior",
        "MetadataOptions",
        "Monitoring",
        "SecurityGroupIds",
        "SourceDestCheck",
        "Tags",
    }
)
# The properties of a volume that CloudFormation changes on the attached volume. All others make it another volume, or are
# refused.
_CHANGED_WHILE_ATTACHED = frozenset({"AutoEnableIO", "Iops", "Size", "Tags", "Throughput", "VolumeType"})

PARAMETER = "RollApproval"
"""The name of the parameter of a member's stack."""


class RollApproval(Construct):
    """Defines the gate that lets one deployment restart or replace at most one member of a mirror set.

    The member's stack gets a parameter whose default is a code, computed from the member's name and everything whose change
    restarts or replaces it, and a rule that compares the parameter with that code. When a stack is created the default holds.
    When it is updated the CDK's command line keeps the parameter's previous value, so that a change which restarts or
    replaces the member fails before CloudFormation touches anything, until someone deploys with
    `--parameters <stack>:RollApproval=<code>`. Codes of two members are never the same, so one value can't approve both.

    The code also covers which volumes there are, and the logical ids of instance and volumes: under another id CloudFormation
    defines a second, empty volume.

    What it can't see: an override set by `add_property_override`, which the CDK applies after everything else. `IrisChecks`
    compares the code with the finished template; set the instance's own attributes instead. Whoever deploys by other means
    than the CDK's command line has to keep the previous values of parameters (`UsePreviousValue`), else the new default
    approves itself.
    """

    def __init__(
        self,
        scope: Stack,
        id: str,
        *,
        member: str,
        instance: ec2.CfnInstance | None,
        volumes: Sequence[ec2.CfnVolume] = (),
        note: str = "",
    ) -> None:
        """Define the gate.

        Args:
            scope: The member's stack.
            id: Its id within the stack.
            member: Which member, in words that are unique in the account, e.g. `trakcare/TRAK/a`.
            instance: The member's instance; None while the member is taken out.
            volumes: The member's volumes.
            note: What to think of before it is approved, a sentence for the refusal. Default: nothing besides.
        """
        super().__init__(scope, id)
        # Not cached: the value that counts is computed last, when references to other stacks are imports.
        producer = _Code(member, [*([instance] if instance else []), *volumes])
        self.node.add_validation(producer)
        code = Lazy.uncached_string(producer)
        parameter = CfnParameter(
            self,
            "Parameter",
            type="String",
            default=code,
            description=f"Approves restarting or replacing {member}: the code of the change, as the refusal prints it",
        )
        parameter.override_logical_id(PARAMETER)
        stack = scope.stack_name
        think_of = f"{note} " if note else ""
        rule = CfnRule(
            self,
            "Rule",
            assertions=[
                CfnRuleAssertion(
                    assert_=Fn.condition_equals(parameter.value_as_string, code),
                    assert_description=(
                        f"This change restarts or replaces {member}, or changes which volumes it has. {think_of}Roll one "
                        f"host of a mirror at a time, while the others are well: cdk deploy {stack} --exclusively "
                        f"--parameters {stack}:{PARAMETER}={code}"
                    ),
                )
            ],
        )
        rule.override_logical_id(f"{PARAMETER}Rule")


def code_of(member: str, resources: Mapping[str, Mapping[str, Any]]) -> str:
    """The code that approves a member's state as a template has it.

    Args:
        member: Which member, in the words its gate was given.
        resources: The resources of the template by logical id; only instances and volumes count.
    """
    stated = {
        logical_id: {
            name: value for name, value in resource.get("Properties", {}).items() if name not in _CHANGED[resource["Type"]]
        }
        for logical_id, resource in resources.items()
        if resource["Type"] in _CHANGED
    }
    return hashlib.sha256(json.dumps([member, stated], sort_keys=True).encode()).hexdigest()[:12]


_CHANGED = {
    ec2.CfnInstance.CFN_RESOURCE_TYPE_NAME: _CHANGED_WHILE_RUNNING,
    ec2.CfnVolume.CFN_RESOURCE_TYPE_NAME: _CHANGED_WHILE_ATTACHED,
}


@jsii.implements(IStringProducer)
@jsii.implements(IValidation)
class _Code:
    """Computes the code at synthesis, so that changes made to the instance from outside count too.

    The CDK asks several times, while it prepares an app and again while it writes the template, and each answer costs some
    milliseconds. Only after the tree was validated, when aspects are through and references to other stacks have become
    imports, does an answer hold for the rest of the synthesis.
    """

    def __init__(self, member: str, resources: Sequence[CfnResource]) -> None:
        self._member = member
        self._resources = resources
        self._types = [resource.cfn_resource_type for resource in resources]
        self._complete = False
        self._code: str | None = None

    def validate(self) -> list[str]:
        self._complete, self._code = True, None
        return []

    def produce(self, context: IResolveContext) -> str:
        if context.preparing:
            # Another synthesis begins. Only references count now, and the resources are asked for theirs anyway.
            self._complete, self._code = False, None
            return ""
        if self._code is None or not self._complete:
            self._code = self._compute()
        return self._code

    def _compute(self) -> str:
        if not self._resources:
            return code_of(self._member, {})
        stated = [[resource.logical_id, resource._cfn_properties] for resource in self._resources]
        resolved = Stack.of(self._resources[0]).resolve(stated)
        return code_of(
            self._member,
            {
                logical_id: {"Type": kind, "Properties": resource._render_properties(properties)}
                for resource, kind, (logical_id, properties) in zip(self._resources, self._types, resolved, strict=True)
            },
        )
