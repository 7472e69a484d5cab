"""What the roles of all instances have in common."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_intersystems.model.arns import Arn
from cdk_intersystems.model.platform import S3Object
from cdk_intersystems.policy.acknowledge import acknowledge, wildcard_finding

METRIC_NAMESPACE = "CdkIntersystems"
"""The CloudWatch namespace instances may write metrics to."""

_NO_RESOURCE = (
    "none of these actions can be bound to the host here: Session Manager's channels, metrics and describe calls have no "
    "resource-level permissions, and a role can't name the instance that will use it; metrics are bound to one namespace"
)


def define_instance_role(
    scope: Construct,
    id: str,
    *,
    description: str,
    log_group: logs.ILogGroup,
    statements: Sequence[iam.PolicyStatement] = (),
    wildcards: Mapping[str, str] | None = None,
) -> iam.Role:
    """Define the role of an instance: Session Manager, its log group, its metrics, and nothing else until told.

    Its permissions are one managed policy, since an inline one would be a finding of the HIPAA and NIST packs.

    Args:
        scope: The construct this belongs to.
        id: Its id within the scope.
        description: Whose role it is.
        log_group: The log group the instance writes to.
        statements: What else the instance may do.
        wildcards: Resources with a wildcard that the statements name, each with the reason.
    """
    role = iam.Role(scope, id, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"), description=description)
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        roles=[role],
        description=description,
        statements=[
            iam.PolicyStatement(
                sid="SessionManager",
                actions=[
                    "ssm:UpdateInstanceInformation",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
            ),
            iam.PolicyStatement(
                sid="Metrics",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACE}},
            ),
            iam.PolicyStatement(
                sid="Logs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                resources=[log_group.log_group_arn],
            ),
            *statements,
        ],
    )
    reasons = {wildcard_finding(role, resource): reason for resource, reason in (wildcards or {}).items()}
    acknowledge(policy, {"AwsSolutions-IAM5[Resource::*]": _NO_RESOURCE, **reasons})
    return role


def read_secrets(scope: Construct, *secrets: secretsmanager.ISecret | None) -> list[iam.PolicyStatement]:
    """The statements that let an instance read secrets, those that there are, and decrypt them with their own keys.

    Args:
        scope: A construct of a stack in the instance's region.
        secrets: The secrets.
    """
    known = [secret for secret in secrets if secret is not None]
    if not known:
        return []
    statements = [
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            resources=[secret_resource(secret) for secret in known],
        )
    ]
    keys = {key.key_arn for secret in known if (key := secret.encryption_key) is not None}
    if keys:
        statements.append(use_keys(sorted(keys), f"secretsmanager.{Stack.of(scope).region}.amazonaws.com", "kms:Decrypt"))
    return statements


def secret_resource(secret: secretsmanager.ISecret) -> str:
    """How a policy names a secret, also one that was referred to by its name."""
    return secret.secret_full_arn or f"{secret.secret_arn}-??????"


def use_keys(key_arns: Sequence[str], service: str, *actions: str) -> iam.PolicyStatement:
    """The statement that lets an instance use keys through one service and in no other way."""
    return iam.PolicyStatement(
        actions=list(actions), resources=list(key_arns), conditions={"StringEquals": {"kms:ViaService": service}}
    )


def read_objects(scope: Construct, *objects: S3Object | None, arns: Sequence[str] = ()) -> list[iam.PolicyStatement]:
    """The statements that let an instance fetch objects in S3, those that there are.

    Args:
        scope: A construct of a stack in the instance's region.
        objects: The objects.
        arns: ARNs of others, which need no key of their own.
    """
    stack = Stack.of(scope)
    known = [each for each in objects if each is not None]
    named = [f"arn:{stack.partition}:s3:::{each.uri.removeprefix('s3://')}" for each in known]
    if not named and not arns:
        return []
    keys: dict[str, set[str]] = {}
    for each in known:
        if each.key_arn is not None:
            # The bucket, and so its key, may be in another region.
            parsed = Arn.parse(each.key_arn)
            region = parsed.region if parsed else stack.split_arn(each.key_arn, ArnFormat.SLASH_RESOURCE_NAME).region
            keys.setdefault(f"s3.{region}.amazonaws.com", set()).add(each.key_arn)
    return [
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[*arns, *named]),
        *(use_keys(sorted(key_arns), service, "kms:Decrypt") for service, key_arns in sorted(keys.items())),
    ]


def attach_volumes(
    scope: Construct, volumes: Sequence[ec2.IVolume], key: kms.IKey, tags: dict[str, str]
) -> list[iam.PolicyStatement]:
    """The statements that let an instance attach its own volumes, and only these, to itself.

    Args:
        scope: A construct of the stack the volumes are in.
        volumes: The volumes.
        key: The key they are encrypted with.
        tags: Tags that only this instance has; they stand for its id, which its own role can't name without a cycle.
    """
    return [
        iam.PolicyStatement(sid="FindVolumes", actions=["ec2:DescribeVolumes"], resources=["*"]),
        iam.PolicyStatement(
            sid="AttachOwnVolumes",
            actions=["ec2:AttachVolume"],
            resources=[_ec2_arn(scope, "volume", volume.volume_id) for volume in volumes],
        ),
        iam.PolicyStatement(
            sid="AttachToItself",
            actions=["ec2:AttachVolume"],
            resources=[_ec2_arn(scope, "instance", "*")],
            conditions={"StringEquals": {f"aws:ResourceTag/{tag}": value for tag, value in tags.items()}},
        ),
        # EC2 decrypts an attached volume by a grant that whoever attaches it has to be able to give. Source: EBS User Guide,
        # "Requirements for Amazon EBS encryption".
        iam.PolicyStatement(
            sid="LetEc2Decrypt",
            actions=["kms:CreateGrant"],
            resources=[key.key_arn],
            conditions={
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "StringEquals": {
                    "kms:ViaService": f"ec2.{Stack.of(scope).region}.amazonaws.com",
                    "kms:GrantConstraintType": "EncryptionContextSubset",
                },
            },
        ),
    ]


def attach_volumes_wildcards(scope: Construct) -> dict[str, str]:
    """The resource with a wildcard in the statements of `attach_volumes`, with the reason."""
    return {_ec2_arn(scope, "instance", "*"): _BY_TAGS}


def _ec2_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="ec2", resource=resource, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )


_BY_TAGS = (
    "a role can't name the instance that uses it without a cycle; the condition admits only the one instance that carries all "
    "three tags of this member"
)
