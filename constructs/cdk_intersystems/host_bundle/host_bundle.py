"""`HostBundle`: the bundle of a group of hosts, and the SSM parameter by which they find it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Aws, CfnCreationPolicy, CfnResource, CfnResourceSignal, FileAssetPackaging, Stack, Stage, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_intersystems.host_bundle.bundle import bundle, first_boot, version_of
from cdk_intersystems.identity.instance_role import read_objects
from cdk_intersystems.model import tags
from cdk_intersystems.model.host_files import HostFiles
from cdk_intersystems.model.host_settings import CallOut, SecretArns, host_settings
from cdk_intersystems.model.names import bootstrap_parameter
from cdk_intersystems.model.platform import S3Object

# How long CloudFormation waits for a host to say that it serves: packages, an installation kit of some GiB, and of a member the
# joining of a mirror with empty databases.
_START_LIMIT = "PT60M"


class HostBundle(Construct):
    """Defines what a group of hosts (a mirror or a tier) runs.

    The bundle has the code that runs on hosts and, for each, what it is to become. Its version is the SHA-256 of its content,
    the same wherever it is synthesized; it is published with the other assets of the stack. A parameter says which version is
    meant, with what only CloudFormation knows. So another bundle changes an asset and a parameter, and no host.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        group: str,
        files: HostFiles,
        secrets: SecretArns,
        log_group: logs.ILogGroup,
        call_out: CallOut | None = None,
    ) -> None:
        """Define the bundle and the parameter.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            group: Name of the mirror or tier.
            files: What the bundle has for each host beside the code.
            secrets: ARNs of the secrets the hosts may read.
            log_group: The hosts' log group.
            call_out: Table and queue of a mirror's failover automation. Default: the hosts have no call-out.
        """
        super().__init__(scope, id)
        packed = bundle(files)
        self.version = version_of(packed)
        bucket, key = publish(self, packed, self.version, f"Bundle of {deployment}/{group}")
        stack = Stack.of(self)
        self._object = f"arn:{stack.partition}:s3:::{bucket}/{key}"
        self._parameter = bootstrap_parameter(deployment, group)
        settings = host_settings(
            bucket=bucket,
            key=key,
            sha256=self.version,
            region=stack.region,
            secrets=secrets,
            log_group=log_group.log_group_name,
            call_out=call_out,
        )
        ssm.CfnParameter(
            self,
            "Parameter",
            name=self._parameter,
            type="String",
            description=f"What the hosts of {deployment}/{group} run; read by them when they start for the first time",
            # Not by the CDK, which leaves out what is null, and a host takes exactly the keys it knows. No name, URL or ARN has
            # a character that JSON would escape.
            value=json.dumps(settings, separators=(",", ":")),
        )

    def user_data(self) -> ec2.UserData:
        """The user data of a host: the same bytes for every host of every deployment."""
        return ec2.UserData.custom(first_boot())

    def read(
        self, scope: Construct, *, parameters: Sequence[str] = (), objects: Sequence[S3Object | None] = ()
    ) -> list[iam.PolicyStatement]:
        """The statements that let a host find and fetch this bundle and no other, and tell its own stack how the start went.

        Args:
            scope: A construct of a stack in the host's region.
            parameters: Names of the SSM parameters that the host reads beside its own.
            objects: The objects in S3 that it fetches beside the bundle, those that there are.
        """
        return [
            iam.PolicyStatement(actions=["ssm:GetParameter"], resources=parameter_arns(scope, self._parameter, *parameters)),
            *read_objects(scope, *objects, arns=[self._object]),
            iam.PolicyStatement(sid="TellHowItWent", actions=["cloudformation:SignalResource"], resources=[Aws.STACK_ID]),
        ]


def await_signals(resource: CfnResource, count: int) -> None:
    """Make CloudFormation wait, when it creates a resource, until its hosts have said that they serve.

    Args:
        resource: The instance, or the Auto Scaling group; its tags reach the hosts.
        count: How many hosts.
    """
    # Not by the L2s' own arguments: they add an inline policy of their own to the role.
    resource.cfn_options.creation_policy = CfnCreationPolicy(
        resource_signal=CfnResourceSignal(count=count, timeout=_START_LIMIT)
    )
    Tags.of(resource).add(tags.SIGNAL, f"{Stack.of(resource).stack_name}/{resource.logical_id}")


def write_parameters_once(scope: Construct, *names: str) -> list[iam.PolicyStatement]:
    """The statements that let a host write SSM parameters that aren't there yet, and never change one that is.

    Source: Systems Manager User Guide, "Preventing changes to existing parameters using ssm:Overwrite".

    Args:
        scope: A construct of the host's stack.
        names: Their names.
    """
    arns = parameter_arns(scope, *names)
    return [
        iam.PolicyStatement(actions=["ssm:PutParameter"], resources=arns),
        iam.PolicyStatement(
            sid="NeverOverwrite",
            effect=iam.Effect.DENY,
            actions=["ssm:PutParameter"],
            resources=arns,
            conditions={"StringEquals": {"ssm:Overwrite": "true"}},
        ),
    ]


def parameter_arns(scope: Construct, *names: str) -> list[str]:
    """The ARNs of SSM parameters in a stack's region and account, by their names alone: no stack has to export anything."""
    stack = Stack.of(scope)
    prefix = f"arn:{stack.partition}:ssm:{stack.region}:{stack.account}:parameter"
    return [f"{prefix}{name}" for name in names]


def publish(scope: Construct, packed: bytes, version: str, name: str) -> tuple[str, str]:
    """Hand a bundle to the stack's synthesizer, as the CDK's own assets are; the bucket and key it will have.

    Args:
        scope: A construct of the stack.
        packed: The bundle.
        version: Its version.
        name: What it is, in the list of assets.
    """
    stage = Stage.of(scope)
    assert stage is not None
    path = Path(stage.asset_outdir) / f"asset.{version}.tar"
    path.write_bytes(packed)
    location = Stack.of(scope).synthesizer.add_file_asset(
        file_name=os.path.relpath(path, stage.outdir),
        packaging=FileAssetPackaging.FILE,
        source_hash=version,
        display_name=name,
    )
    return location.bucket_name, location.object_key
