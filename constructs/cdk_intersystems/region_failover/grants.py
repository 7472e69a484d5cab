"""What the two functions of the region automation may do, statement by statement. A test holds it against their calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_intersystems.identity.instance_role import use_keys
from cdk_intersystems.model import tags


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What the statements are about.

    Args:
        scope: A construct of the stack.
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
        table: The table.
        key: Its key.
        document: Name of the document that runs on the hosts.
        parameter: Name of the parameter that says who serves, in either region.
        old_region: The home region; None if the home is not in AWS.
        types: The instance types that a member may be given.
        tiers: Names of the tiers.
        watch: Name of the function that carries the latch.
        readiness: Name of the function that looks whether the region is ready.
        state_machine: Name of the workflow.
    """

    scope: Construct
    deployment: str
    mirror_set: str
    table: dynamodb.ITable
    key: kms.IKey
    document: str
    parameter: str
    old_region: str | None
    types: Sequence[str]
    tiers: Sequence[str]
    watch: str
    readiness: str
    state_machine: str

    @property
    def regions(self) -> list[str]:
        """Both regions, this one first."""
        return [Stack.of(self.scope).region, *([self.old_region] if self.old_region else [])]

    def arn(
        self, service: str, resource: str, name: str, region: str | None = None, form: ArnFormat = ArnFormat.SLASH_RESOURCE_NAME
    ) -> str:
        """The ARN of something of this account."""
        return Stack.of(self.scope).format_arn(
            service=service, resource=resource, resource_name=name, region=region, arn_format=form
        )

    def function(self, name: str) -> str:
        """The ARN of a function of this region."""
        return self.arn("lambda", "function", name, form=ArnFormat.COLON_RESOURCE_NAME)

    @property
    def machine(self) -> str:
        """The ARN of the workflow: by its name, since its functions are told it, and it calls them."""
        return self.arn("states", "stateMachine", self.state_machine, form=ArnFormat.COLON_RESOURCE_NAME)

    def items(self, actions: Sequence[str], *suffixes: str) -> iam.PolicyStatement:
        """The statement that allows actions on items of the table, and on no others."""
        return iam.PolicyStatement(
            actions=[f"dynamodb:{action}" for action in actions],
            resources=[self.table.table_arn],
            conditions={
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{self.mirror_set}{suffix}" for suffix in suffixes]},
                # For all values is true where there is none, too.
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )

    def use_table_key(self) -> iam.PolicyStatement:
        """The statement that lets DynamoDB use the table's key."""
        return use_keys([self.key.key_arn], f"dynamodb.{self.regions[0]}.amazonaws.com", "kms:Decrypt")


def api_statements(moved: Moved, plan: str | None = None) -> list[iam.PolicyStatement]:
    """What the API may do: note what people ask for, and start what does it.

    It may write who serves for one case alone: to take back a planned move that is committed, and hasn't begun to stop its
    primary. Which case it is, no policy can tell; `core.py` in `lambda/region_promotion` does.

    Args:
        moved: What they are about.
        plan: ARN of the Region switch plan. Default: there is none.
    """
    statements = [
        moved.items(["GetItem"], "", "#current", "#readiness"),
        moved.items(["ConditionCheckItem"], ""),
        moved.items(["PutItem"], "", "#current", "#move#*"),
        moved.use_table_key(),
        iam.PolicyStatement(actions=["states:StartExecution"], resources=[moved.machine]),
        _wake(),
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[moved.function(moved.readiness)]),
    ]
    if plan is not None:
        statements.append(iam.PolicyStatement(actions=["arc-region-switch:StartPlanExecution"], resources=[plan]))
    return statements


def step_statements(moved: Moved) -> list[iam.PolicyStatement]:
    """What the steps may do, and to whom: only to what carries the tags of this mirror set."""
    own = moved.regions[0]
    members = {
        f"aws:ResourceTag/{tags.DEPLOYMENT}": moved.deployment,
        f"aws:ResourceTag/{tags.MIRROR_SET}": moved.mirror_set,
    }
    asked = {
        f"ssm:resourceTag/{tags.DEPLOYMENT}": moved.deployment,
        f"ssm:resourceTag/{tags.MIRROR_SET}": moved.mirror_set,
    }
    instances = moved.arn("ec2", "instance", "*", own)
    statements = [
        moved.items(["GetItem"], "", "#current", "#latch", "#readiness", "#move#*"),
        moved.items(["ConditionCheckItem"], ""),
        moved.items(["PutItem"], "", "#current", "#move#*"),
        moved.items(["UpdateItem"], "#move#*"),
        moved.use_table_key(),
        # They have no resource-level permissions. Source: Service Authorization Reference of each service.
        iam.PolicyStatement(actions=["ec2:DescribeInstances", "ssm:GetCommandInvocation"], resources=["*"]),
        _wake(),
        iam.PolicyStatement(
            actions=["ec2:StartInstances", "ec2:StopInstances"], resources=[instances], conditions={"StringEquals": members}
        ),
        # Nothing else of an instance can be changed: of any other attribute the request has no such key.
        iam.PolicyStatement(
            actions=["ec2:ModifyInstanceAttribute"],
            resources=[instances],
            conditions={"StringEquals": {**members, "ec2:Attribute/InstanceType": list(moved.types)}},
        ),
        # Whoever starts an instance has to let EBS use the key of its volumes, which may be another one than the table's.
        # Source: Amazon EBS User Guide, "How Amazon EBS encryption works".
        iam.PolicyStatement(
            actions=["kms:CreateGrant"],
            resources=[moved.arn("kms", "key", "*", own)],
            conditions={
                "StringEquals": {"kms:ViaService": f"ec2.{own}.amazonaws.com"},
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        ),
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[moved.arn("ssm", "document", moved.document, each) for each in moved.regions],
        ),
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[moved.arn("ec2", "instance", "*", each) for each in moved.regions],
            conditions={"StringEquals": asked},
        ),
        iam.PolicyStatement(
            actions=["ssm:PutParameter"],
            resources=[moved.arn("ssm", "parameter", moved.parameter.lstrip("/"), each) for each in moved.regions],
        ),
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[moved.function(moved.watch)]),
    ]
    if moved.tiers:
        statements += [
            iam.PolicyStatement(actions=["autoscaling:DescribeAutoScalingGroups"], resources=["*"]),
            iam.PolicyStatement(
                actions=["autoscaling:UpdateAutoScalingGroup"],
                resources=[_any_group(moved)],
                conditions={
                    "StringEquals": {
                        f"aws:ResourceTag/{tags.DEPLOYMENT}": moved.deployment,
                        f"aws:ResourceTag/{tags.TIER}": list(moved.tiers),
                    }
                },
            ),
        ]
    return statements


def api_wildcards(moved: Moved) -> Mapping[str, str]:
    """The resources with a wildcard in the API's statements, and why they have it."""
    del moved
    return {"*": _NO_RESOURCE}


def step_wildcards(moved: Moved) -> Mapping[str, str]:
    """The resources with a wildcard in the steps' statements, and why they have it."""
    found = {"*": _NO_RESOURCE, moved.arn("kms", "key", "*", moved.regions[0]): _KEYS}
    found |= {moved.arn("ec2", "instance", "*", each): _BY_TAG for each in moved.regions}
    return {**found, _any_group(moved): _BY_TAG} if moved.tiers else found


def _wake() -> iam.PolicyStatement:
    """The statement that lets a function wake the workflow that waits for an approval: it then reads the record anew."""
    return iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=["*"])


def _any_group(moved: Moved) -> str:
    """Any Auto Scaling group of this account. Their ARNs have an id that nobody knows before."""
    stack = Stack.of(moved.scope)
    return f"arn:{stack.partition}:autoscaling:{moved.regions[0]}:{stack.account}:autoScalingGroup:*:autoScalingGroupName/*"


_NO_RESOURCE = (
    "these actions have no resource-level permissions: finding instances and Auto Scaling groups, reading what a command "
    "answered, traces, and waking a workflow, which reads the record of the move anew and takes nothing from who wakes it"
)
_BY_TAG = (
    "instances and groups are replaced, and known by their tags; the condition admits only those of this deployment and of "
    "this mirror set or its tiers"
)
_KEYS = "members' volumes may have another key; the grants are only for AWS's own use, and only through EC2"
