"""`regions.dr`: the region that takes over when the primary region, or the premises, are lost."""

from collections.abc import Mapping
from typing import Annotated, Literal

from cdk_intersystems.model.topology import FailoverMemberId

from .mirror_set import Addresses
from .platform import CertificateAuthority, S3ObjectConfig, SecretReference
from .region import RegionBase
from .region_latch import LatchConfig
from .section import KeyArn, Number, Section, Switch, Text, arn, identifier, key, length
from .volumes import Volumes

TrafficKind = Literal["none", "peering", "transit_gateway"]


class DrPlatform(Section):
    """What of `platform` is another in this region; the rest is as there."""

    kit: S3ObjectConfig | None = key(
        "The installation kit, in a bucket that does not lie in the primary region.",
        default=None,
        default_text="as in `platform`",
        example=None,
    )
    arbiter_kit: S3ObjectConfig | None = key(
        "The installation kit of the ISCAgent, in a bucket that does not lie in the primary region.",
        default=None,
        default_text="as in `platform`",
        example=None,
    )
    packages_archive: S3ObjectConfig | None = key(
        "The archive of packages, in a bucket that does not lie in the primary region.",
        default=None,
        default_text="as in `platform`",
        example=None,
    )
    certificate_authority: CertificateAuthority | None = key(
        "What issues the certificates of this region's hosts. Members of both regions trust each other, so it is the same "
        "authority (a replica of its secret), or one that the same root issued.",
        default=None,
        default_text="as in `platform`",
        example=None,
    )
    license_secret: SecretReference | None = key(
        "Name or ARN of this region's secret with the licence key.",
        default=None,
        default_text="the secret of the same name as in `platform`",
        example="trakcare/iris-key",
    )
    license_secret_key: KeyArn | None = key(
        "ARN of the KMS key of this region that `license_secret` is encrypted with.",
        default=None,
        default_text="as in `platform`",
        example="arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555",
    )


class DatabaseCapacity(Section):
    """How large the members are while they wait; in full they are the mirror set's `instance_type`."""

    instance_type: Text | None = key(
        "EC2 instance type of the members while they wait. It has to keep up with the primary's journal, no more.",
        default=None,
        default_text="the mirror set's `instance_type`: nothing is changed at a promotion",
        example="r7i.2xlarge",
    )
    fallback_types: tuple[Text, ...] = key(
        "Types to try, in this order, where AWS has no capacity of the mirror set's `instance_type` at a promotion; with at "
        "least as much memory.",
        default=(),
        example=["r7i.8xlarge"],
    )


class DrCapacity(Section):
    """Capacity of the region while it waits."""

    database: DatabaseCapacity = key(
        "The members' capacity.", default_factory=DatabaseCapacity, default_text="full size", example={}
    )
    tiers: Number = key(
        "How many of each tier's servers there are while the region waits, in percent of the tier's `min` and `max`, rounded "
        "up: 0 to 100. A promotion raises it to 100.",
        default=100,
        example=50,
        ge=0,
        le=100,
    )


class JournalTraffic(Section):
    """How the regions reach each other: journals, the arbiters and probes."""

    kind: TrafficKind = key(
        "`peering`: a VPC peering connection that this region requests. `transit_gateway`: a transit gateway in each region, "
        "peered already or by `request_peering`. `none`: nothing is made; the networks are connected already, or "
        "`connectivity` leads to the premises.",
        default="none",
        default_text="`peering` or `transit_gateway` where their keys are there, else `none`",
        example="peering",
    )
    primary_vpc: Annotated[Text, identifier("vpc")] | None = key(
        "Id of the primary region's VPC, for `kind: peering`: known once its network is deployed, as regions share no "
        "references.",
        default=None,
        default_text="the primary region's `existing.vpc_id`; else needed with `peering`",
        example="vpc-0123456789abcdef0",
    )
    peering_connection: Annotated[Text, identifier("peering-connection")] | None = key(
        "Id of the peering connection, known once this region's network is deployed; with it the primary region gets its "
        "routes to this one.",
        default=None,
        default_text="the primary region has no route yet",
        example="pcx-0123456789abcdef0",
    )
    transit_gateway: Annotated[Text, identifier("transit-gateway")] | None = key(
        "Id of this region's transit gateway.",
        default=None,
        default_text="none; needed with `transit_gateway`",
        example="tgw-0123456789abcdef0",
    )
    primary_transit_gateway: Annotated[Text, identifier("transit-gateway")] | None = key(
        "Id of the primary region's transit gateway.",
        default=None,
        default_text="none; needed with `transit_gateway`",
        example="tgw-0123456789abcdef1",
    )
    request_peering: Switch = key(
        "Whether this region requests that the two transit gateways are peered. Their owner accepts in the primary region, and "
        "states the routes in their route tables. `false`: they are peered already, or by somebody else.",
        default=False,
        example=True,
    )


class Promotion(Section):
    """Who may move a mirror between regions, and within which limits."""

    approvers: Annotated[tuple[Annotated[Text, arn("iam-role")], ...], length(1)] = key(
        "ARNs of the IAM roles whose users may approve a move. Nobody approves a request of their own.",
        example=["arn:aws:iam::111122223333:role/dr-approver"],
    )
    requesters: Annotated[tuple[Annotated[Text, arn("iam-role")], ...], length(1)] = key(
        "ARNs of the IAM roles whose users may request one.",
        example=["arn:aws:iam::111122223333:role/dr-operator"],
    )
    lag_limit_seconds: Number = key(
        "By how many seconds the region's members may be behind; a promotion beyond it is refused, unless its requester "
        "accepts the loss in so many words. 1 to 86,400.",
        default=60,
        example=60,
        ge=1,
        le=86400,
    )
    approval_minutes: Number = key(
        "After how many minutes a request that nobody approved expires, 1 to 1,440.", default=30, example=30, ge=1, le=1440
    )


class DrRegion(RegionBase):
    """The region that takes over, by a person's decision, when the primary region or the premises are lost."""

    members: Number = key(
        "Number of DR async members of each mirror set, 1 or 2. With 2 there is a backup after a promotion.",
        default=2,
        example=2,
        ge=1,
        le=2,
    )
    absent_members: Mapping[Text, FailoverMemberId] = key(
        "A member of this region taken out on purpose, so that its host can be replaced, by the name of its mirror set.",
        default_factory=dict,
        default_text="none",
        example={"TRAK": "b"},
    )
    addresses: Mapping[Text, Addresses] = key(
        "Fixed addresses in this region chosen by hand, by the name of a mirror set.",
        default_factory=dict,
        default_text="from the address plan",
        example={},
    )
    volumes: Mapping[Text, Volumes] = key(
        "Volumes of this region's members where they are others than the mirror set's, by the name of a mirror set; never "
        "smaller.",
        default_factory=dict,
        default_text="as in the mirror set",
        example={},
    )
    platform: DrPlatform = key(
        "What of `platform` is another in this region.", default_factory=DrPlatform, default_text="nothing", example={}
    )
    certificates: Mapping[Text, Annotated[Text, arn("acm-certificate")]] = key(
        "ARN of this region's ACM certificate of each web tier, by the tier's name.",
        default_factory=dict,
        default_text="none; needed for each web tier if there is a primary region",
        example={"web": "arn:aws:acm:eu-west-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"},
    )
    capacity: DrCapacity = key(
        "How large the region is while it waits.", default_factory=DrCapacity, default_text="full", example={}
    )
    journal_traffic: JournalTraffic = key(
        "How the regions reach each other.", default_factory=JournalTraffic, default_text="as they are connected", example={}
    )
    latch: LatchConfig = key(
        "How Route 53 learns which region may take traffic.", default_factory=LatchConfig, default_text="metric", example={}
    )
    region_switch: Switch = key(
        "Whether a plan of ARC Region switch does the moves that were requested and approved; else Step Functions does.",
        default=False,
        example=False,
    )
    promotion: Promotion = key("Who may move a mirror between regions, and within which limits.")
