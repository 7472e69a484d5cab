"""`application_tiers` and `web_tiers`: groups of servers in front of the mirror sets."""

from collections.abc import Mapping
from typing import Annotated, Literal

from cdk_intersystems.bootstrap.host.csp_ini import ADJUSTABLE, parameter_problem, path_problem
from cdk_intersystems.model.ports import MOST_INBOUND_RULES

from .section import Cidr, Number, Section, Switch, Text, arn, checked, key, matching, refusing

_NAME = "the name of a tier has 2 to 20 of a-z, 0-9 and -, starts with a letter and ends with a letter or digit"
TierNameText = Annotated[Text, matching(r"[a-z][a-z0-9-]{0,18}[a-z0-9]", _NAME)]
ApplicationPurchase = Annotated[
    Literal["on-demand", "capacity-reservation"],
    refusing(
        {"spot": "AWS takes a spot instance back at two minutes' notice, and a lost ECP client loses its open transactions"}
    ),
]
TierTenancy = Literal["default", "dedicated-instance"]


class ApplicationTierConfig(Section):
    """ECP application servers in an Auto Scaling group over the three Availability Zones."""

    name: TierNameText = key("Name of the tier, unique in the deployment.", example="app")
    mirror_set: Text = key(
        "Name of the mirror set whose data the servers work on.", default_text="the only mirror set", example="TRAK"
    )
    instance_type: Text = key("EC2 instance type of the servers.", example="m7i.4xlarge")
    min: Number = key("Fewest servers, at least 1.", example=3, ge=1)
    max: Number = key("Most servers; counts towards the mirror set's `ecp_client_ceiling`.", example=6, ge=1)
    tenancy: TierTenancy = key(
        "Whose hardware the servers share: anyone's or only this account's.", default="default", example="default"
    )
    purchase: ApplicationPurchase = key(
        "How the servers' capacity is bought. Not `spot`: a lost ECP client takes its open transactions with it.",
        default="on-demand",
        example="on-demand",
    )
    root_volume_gib: Number = key(
        "Size of a server's root volume in GiB, 20 to 16,384; it also holds the server's IRIS instance.",
        default=100,
        example=100,
        ge=20,
        le=16384,
    )
    local_storage: Switch = key(
        "Whether the instance store is mounted at `/irissys/local`, for what needs not survive a stop. It is formatted anew at "
        "each start. Only where the instance type has one.",
        default=False,
        example=False,
    )


class WebTierConfig(Section):
    """Web servers with the Web Gateway behind an Application Load Balancer."""

    name: TierNameText = key("Name of the tier, unique in the deployment.", example="web")
    scheme: Literal["internet-facing", "internal"] = key(
        "Whether the load balancer has public addresses; the web servers never have.", example="internal"
    )
    instance_type: Text = key("EC2 instance type of the web servers.", example="c7i.2xlarge")
    min: Number = key("Fewest web servers, at least 3: one in each Availability Zone.", example=3, ge=3)
    max: Number = key("Most web servers.", example=9, ge=3)
    application_tier: Text | None = key(
        "Name of the application tier the web servers work with. Either this or `mirror_set`.",
        default=None,
        default_text="`mirror_set` must be there",
        example="app",
    )
    mirror_set: Text | None = key(
        "Name of the mirror set the web servers work with, without an application tier between. Either this or "
        "`application_tier`.",
        default=None,
        default_text="`application_tier` must be there",
        example="TRAK",
    )
    certificate: Annotated[Text, arn("acm-certificate")] = key(
        "ARN of the ACM certificate of the load balancer; in the deployment's region and account.",
        example="arn:aws:acm:eu-west-2:111122223333:certificate/11111111-2222-3333-4444-555555555555",
    )
    stickiness_hours: Number = key(
        "For how long a browser stays with one web server, in hours: 1 to 168 (Application Load Balancer: at most 7 days).",
        default=8,
        example=8,
        ge=1,
        le=168,
    )
    purchase: Literal["on-demand", "capacity-reservation", "spot"] = key(
        "How the web servers' capacity is bought. They hold no state, so `spot` is possible; AWS may take all of them back "
        "at once.",
        default="on-demand",
        example="on-demand",
    )
    tenancy: TierTenancy = key(
        "Whose hardware the web servers share: anyone's or only this account's.", default="default", example="default"
    )
    client_cidrs: tuple[Cidr, ...] = key(
        f"Ranges from which clients may connect, at most {MOST_INBOUND_RULES // 2}: each makes a rule for HTTPS and one for "
        "HTTP (Amazon VPC User Guide, quotas).",
        default_text="`0.0.0.0/0` if internet-facing; must be stated if internal",
        example=["192.168.0.0/16"],
    )
    paths: Annotated[tuple[Text, ...], checked(path_problem)] = key(
        "The paths, as they begin in a browser, that the Web Gateway passes on to IRIS.",
        default=("/csp",),
        example=["/csp", "/trakcare"],
    )
    gateway_parameters: Annotated[Mapping[Text, Text], checked(parameter_problem)] = key(
        "Parameters of the Web Gateway's CSP.ini, by name, values in quotes: "
        + ", ".join(f"`{name}`" for name in sorted(ADJUSTABLE))
        + " (Web Gateway Guide, CSP.ini parameter reference).",
        default_factory=dict,
        default_text="the library's own values",
        example={"Server_Response_Timeout": "60"},
    )
    waf: Switch = key(
        "Whether AWS WAF stands before the load balancer.",
        default_text="true if internet-facing, else false",
        example=True,
    )
