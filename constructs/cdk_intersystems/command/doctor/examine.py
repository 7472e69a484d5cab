"""Makes every check that a deployment needs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cdk_intersystems.command.target import Aws
from cdk_intersystems.configuration import Deployment
from cdk_intersystems.model.regions import partition

from . import needs, region_checks, resource_checks, tool_checks
from .finding import Finding, failed, ok, unknown

Check = Callable[[], Iterable[Finding]]

#: The region in which clients of services without regions are made; where they really are is botocore's to know.
_GLOBAL = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def examine(deployment: Deployment, aws: Aws, app: Path, progress: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Makes every check; what one meets keeps no other from being made.

    Args:
        deployment: The deployment.
        aws: AWS.
        app: The folder with the CDK app.
        progress: Is told the name of each check before it is made.
    """
    found: list[Finding] = []
    for region, name, check in _checks(deployment, aws, app):
        progress(f"{region} {name}".strip())
        found += [replace(each, check=name, region=region) for each in _made(check)]
    return found


def account(sts: Any, deployment: Deployment) -> Iterator[Finding]:
    """Whether the credentials are the deployment's account's.

    Args:
        sts: A client of STS.
        deployment: The deployment.
    """
    found = sts.get_caller_identity()
    if deployment.account not in (None, found["Account"]):
        yield failed(
            f"these are credentials of {found['Account']}, the deployment's account is {deployment.account}: sign in there"
        )
    else:
        yield ok(f"{found['Arn']}")


def _checks(deployment: Deployment, aws: Aws, app: Path) -> Iterator[tuple[str, str, Check]]:
    first = deployment.regions.serving().region
    everywhere = _GLOBAL.get(partition(first), first)
    yield "", "cdk command line", lambda: tool_checks.command_line(app)
    yield "", "feature flags", lambda: tool_checks.feature_flags(app)
    yield "", "account", lambda: account(aws.client("sts", first), deployment)
    yield "", "roles", lambda: resource_checks.roles(aws.client("iam", everywhere), deployment)
    yield "", "zone", lambda: resource_checks.zone(aws.client("route53", everywhere), deployment)
    for role in deployment.regions.roles():
        yield from _of_region(deployment, aws, role, tool_checks.qualifier(app))


def _of_region(deployment: Deployment, aws: Aws, role: str, qualifier: str) -> Iterator[tuple[str, str, Check]]:
    region = deployment.regions.of(role)
    place = region.region

    def client(service: str) -> Any:
        return aws.client(service, place)

    yield place, "bootstrap", lambda: region_checks.bootstrap(client("ssm"), qualifier)
    yield place, "network", lambda: region_checks.network(client("ec2"), region)
    yield place, "images", lambda: region_checks.images(client("ec2"), deployment, region)
    types = needs.every_type(deployment, role)
    yield place, "instance types", lambda: region_checks.offered(client("ec2"), types, region.availability_zones)
    yield place, "quotas", lambda: region_checks.quotas(client("service-quotas"), deployment, role)
    yield place, "kits", lambda: region_checks.kits(lambda at: aws.client("s3", at or place), deployment, role)
    yield place, "secrets", lambda: resource_checks.secrets(client("secretsmanager"), deployment, role)
    yield place, "private CA", lambda: resource_checks.private_ca(client("acm-pca"), deployment, role)
    yield place, "certificates", lambda: resource_checks.certificates(client("acm"), deployment, role)
    yield place, "keys", lambda: resource_checks.keys(client("kms"), deployment, role)
    yield place, "topic and bucket", lambda: resource_checks.places(client("sns"), client("s3"), region)


def _made(check: Check) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield from check()
    except NoCredentialsError:
        raise
    except (BotoCoreError, ClientError) as error:
        yield unknown(f"AWS does not say: {error}")
    except Exception as error:
        # An answer in a form that nobody expected is no reason to look at nothing else.
        yield unknown(f"it could not be looked at: {type(error).__name__}: {error}")
