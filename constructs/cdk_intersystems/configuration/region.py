"""`regions.<role>`: where the deployment stands, and what of the place exists already."""

import re
from collections.abc import Mapping
from typing import Annotated

from cdk_intersystems.model.addresses import vpc_cidr_problem
from cdk_intersystems.model.arns import shape_problem

from .connectivity import Connectivity
from .existing_vpc import ExistingVpc, Subnet, Subnets
from .section import Cidr, KeyArn, Section, Switch, Text, arn, checked, identifier, key, matching, region_problem

__all__ = ["ExistingVpc", "PrimaryRegion", "RegionBase", "Roles", "Subnet", "Subnets"]


def _role_problem(value: str) -> str | None:
    if value.startswith("arn:"):
        return shape_problem(value, "iam-role")
    # Source: IAM User Guide, "IAM and AWS STS quotas, name requirements".
    if re.fullmatch(r"[A-Za-z0-9+=,.@_-]{1,64}", value):
        return None
    return "needs the name of an IAM role or its ARN"


RoleReference = Annotated[Text, checked(_role_problem)]


class Roles(Section):
    """IAM roles that exist already, by name or ARN."""

    member: RoleReference | None = key(
        "Role of the failover members.",
        default=None,
        default_text="a new role with exactly what a member needs",
        example="iris-member",
    )
    arbiter: RoleReference | None = key(
        "Role of the arbiters.",
        default=None,
        default_text="a new role with exactly what an arbiter needs",
        example="iris-arbiter",
    )
    tiers: Mapping[Text, RoleReference] = key(
        "Roles of application and web tiers, by the tier's name.",
        default_factory=dict,
        default_text="a new role for each tier",
        example={"app": "iris-app"},
    )


class RegionBase(Section):
    """What the regions in AWS have in common."""

    region: Annotated[Text, checked(region_problem)] = key("Name of the AWS region.", example="eu-west-2")
    availability_zones: tuple[Text, ...] = key(
        "Exactly three different Availability Zones of the region. They are named, so that synthesis is the same everywhere; "
        "their order places the members and must not change afterwards.",
        example=["eu-west-2a", "eu-west-2b", "eu-west-2c"],
    )
    cidr: Annotated[Cidr, checked(vpc_cidr_problem)] | None = key(
        "Range of the new VPC, a /16 to a /22, cut into 16 equal blocks: public, web, application, data and arbiter subnets, "
        "three of each. Either this or `existing`.",
        default=None,
        default_text="`existing` must be there",
        example="10.20.0.0/16",
    )
    existing: ExistingVpc | None = key(
        "A VPC to use as it is. Either this or `cidr`.", default=None, default_text="a new VPC", example=None
    )
    ami: Annotated[Text, identifier("ami")] = key(
        "Id of the AMI. It is pinned: a database host is never replaced because a newer image came out. It must have "
        "cloud-init, Python 3.9 or newer and its root device on `/dev/sda1`, as AWS's RHEL and Ubuntu images do.",
        example="ami-0123456789abcdef0",
    )
    amis: Mapping[Text, Annotated[Text, identifier("ami")]] = key(
        "Other AMIs, by the name of a mirror set or tier: so a tier gets a new image while the members keep theirs. "
        "A member's image changes only by replacing its host.",
        default_factory=dict,
        default_text="`ami` for all",
        example={"app": "ami-0123456789abcdef1"},
    )
    internet: Switch = key(
        "Whether instances may open connections to the Internet, through NAT gateways (in an existing VPC, through the routes "
        "it has). Without, everything comes through VPC endpoints and the artefact bucket.",
        default=False,
        example=False,
    )
    encryption_key: KeyArn | None = key(
        "ARN of the KMS key that encrypts volumes, logs and secrets; in this region and account. Its policy must admit "
        "CloudWatch Logs, Auto Scaling's service-linked role and, for an existing `alarm_topic` that is encrypted with it, "
        "CloudWatch alarms: see [Prerequisites](../how-to/prerequisites.md).",
        default=None,
        default_text="a new customer-managed key with rotation",
        example="arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
    )
    alarm_topic: Annotated[Text, arn("sns-topic")] | None = key(
        "ARN of the SNS topic that alarms go to; in this region and account.",
        default=None,
        default_text="a new topic",
        example="arn:aws:sns:eu-west-2:111122223333:operations",
    )
    access_log_bucket: (
        Annotated[
            Text,
            # Source: Amazon S3 User Guide, "General purpose bucket naming rules".
            matching(
                r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
                "needs the name of an S3 bucket, 3 to 63 of a-z, 0-9, . and -",
            ),
        ]
        | None
    ) = key(
        "Name of the S3 bucket that load balancers write their access logs to; in this region.",
        default=None,
        default_text="a new bucket",
        example="example-access-logs",
    )
    powertools_layer: Annotated[Text, arn("lambda-layer")] | None = key(
        "ARN of the version of a layer with AWS Lambda Powertools for Python, which the router function imports; in this "
        "region, of any account. For accounts that may not use AWS's public one, and for regions without it.",
        default=None,
        default_text="AWS's public layer of the region",
        example="arn:aws:lambda:eu-west-2:111122223333:layer:powertools:1",
    )
    roles: Roles = key("IAM roles to use instead of new ones.", default_factory=Roles, default_text="new roles", example={})
    termination_protection: Switch = key(
        "Whether stateful stacks and database hosts are protected from deletion. Switch it off, and deploy, before a "
        "deployment is destroyed.",
        default=True,
        example=True,
    )

    connectivity: Connectivity = key(
        "How networks outside AWS reach the VPC.", default_factory=Connectivity, default_text="they do not", example={}
    )

    def ami_of(self, name: str) -> str:
        """The AMI of a mirror set or tier."""
        return self.amis.get(name, self.ami)


class PrimaryRegion(RegionBase):
    """The region that serves clients."""
