"""From a deployment's configuration to the CDK app that deploys it."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Tags, Validations
from aws_cdk import aws_iam as iam

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model import tags
from cdk_intersystems.model.topology import AwsRole
from cdk_intersystems.policy.iris_checks import IrisChecks
from cdk_intersystems.policy.packs import acknowledge_advice, add_policy_packs
from stacks.mirror_set_stack import MirrorSetStack
from stacks.shared import Shared

CDK_JSON = Path(__file__).parent.parent / "cdk.json"


class UnknownRegionError(ValueError):
    """The context asks for a region that the deployment doesn't have."""


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

    The stacks of a region are defined from the configuration alone and refer to no other region's. So those of one region are
    the same whether the other's are defined with them or not: `-c regions=dr` defines the DR region's alone, for a day on
    which the primary region can't be reached, or shouldn't.
    """
    for role in chosen_roles(app, deployment):
        _define_region(app, deployment, role)
    for key, value in {**deployment.tags, tags.DEPLOYMENT: deployment.name}.items():
        Tags.of(app).add(key, value)
    if deployment.permissions_boundary:
        _apply_boundary(app, deployment.permissions_boundary)
    Validations.of(app).add_plugins(IrisChecks())
    acknowledge_advice(app)
    if app.node.try_get_context("policy") == "strict":
        add_policy_packs(app)


def chosen_roles(app: App, deployment: Deployment) -> tuple[AwsRole, ...]:
    """The regions whose stacks are to be defined: those that the context `regions` names, or all.

    Raises:
        UnknownRegionError: The context names a region that the deployment doesn't have.
    """
    there = deployment.regions.roles()
    wanted = app.node.try_get_context("regions")
    if not wanted:
        return there
    chosen = {name.strip() for name in str(wanted).split(",")}
    if unknown := chosen.difference(there):
        raise UnknownRegionError(
            f"-c regions={wanted}: {deployment.name} has no region {', '.join(sorted(unknown))}, but {', '.join(there)}"
        )
    return tuple(role for role in there if role in chosen)


def _define_region(app: App, deployment: Deployment, role: AwsRole) -> None:
    shared = Shared(app, deployment, role)
    databases = {
        mirror_set.name: MirrorSetStack(app, deployment, role, mirror_set, shared=shared).database
        for mirror_set in deployment.mirror_sets
    }
    if deployment.golden_image is not None and role == deployment.regions.first_role():
        # Imported only here, as tiers are below: EC2 Image Builder's module is a large one.
        from stacks.golden_image_stack import GoldenImageStack

        GoldenImageStack(app, deployment, role, deployment.golden_image, shared=shared)
    if deployment.application_tiers or deployment.web_tiers:
        _define_tiers(app, deployment, role, shared=shared, databases=databases)
    if role == "dr":
        # Likewise: Step Functions and API Gateway.
        from stacks.region_failover_stack import RegionFailoverStack

        for mirror_set in deployment.mirror_sets:
            RegionFailoverStack(app, deployment, mirror_set, shared=shared, database=databases[mirror_set.name])


def _define_tiers(
    app: App,
    deployment: Deployment,
    role: AwsRole,
    *,
    shared: Shared,
    databases: Mapping[str, MirroredDatabase],
) -> None:
    # Imported here and below: a deployment without such tiers doesn't pay for the modules of Auto Scaling, ACM and S3.
    from stacks.application_tier_stack import ApplicationTierStack

    application_tiers = {
        tier.name: ApplicationTierStack(
            app,
            deployment,
            role,
            tier,
            shared=shared,
            database=databases[tier.mirror_set],
        ).tier
        for tier in deployment.application_tiers
    }
    if not deployment.web_tiers:
        return
    from stacks.web_tier_stack import WebTierStack

    for web in deployment.web_tiers:
        WebTierStack(
            app,
            deployment,
            role,
            web,
            shared=shared,
            application_tier=application_tiers[web.application_tier] if web.application_tier else None,
            database=databases[web.mirror_set] if web.mirror_set else None,
        )


def _apply_boundary(app: App, arn: str) -> None:
    iam.PermissionsBoundary.of(app).apply(iam.ManagedPolicy.from_managed_policy_arn(app, "Boundary", arn))
