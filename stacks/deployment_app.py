"""From a deployment's configuration to the CDK app that deploys it."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Tags
from aws_cdk import aws_iam as iam

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.model import tags
from stacks.foundation_stack import FoundationStack
from stacks.mirror_set_stack import MirrorSetStack
from stacks.network_stack import NetworkStack

CDK_JSON = Path(__file__).parent.parent / "cdk.json"


def make_app(context: Mapping[str, object] | None = None, *, outdir: str | None = None) -> App:
    """Make an app with the feature flags of cdk.json, which only the CDK's command line would pass on by itself.

    Args:
        context: More context. What the command line passes goes before both.
        outdir: Where the cloud assembly is written. Default: where the command line says, or a temporary directory.
    """
    flags = json.loads(CDK_JSON.read_text())["context"]
    return App(context={**flags, **(context or {})}, outdir=outdir)


def define_deployment(app: App, deployment: Deployment) -> None:
    """Define all stacks of a deployment.

    The stacks of a region are defined from the configuration alone and refer to no other region's.
    """
    role = "primary"
    foundation = FoundationStack(app, deployment, role)
    network = NetworkStack(app, deployment, role, encryption_key=foundation.encryption_key)
    databases = {
        mirror_set.name: MirrorSetStack(app, deployment, role, mirror_set, foundation=foundation, network=network).database
        for mirror_set in deployment.mirror_sets
    }
    for key, value in {**deployment.tags, tags.DEPLOYMENT: deployment.name}.items():
        Tags.of(app).add(key, value)
    if deployment.permissions_boundary:
        _apply_boundary(app, deployment.permissions_boundary)


def _apply_boundary(app: App, arn: str) -> None:
    iam.PermissionsBoundary.of(app).apply(iam.ManagedPolicy.from_managed_policy_arn(app, "Boundary", arn))
