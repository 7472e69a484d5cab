"""The changes whose effects are promised in docs/reference/change-effects.md."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_cdk import App

Config = dict[str, Any]

# A mirror and nothing else, with what the changes below need stated.
MINIMAL: Config = {
    "name": "iris",
    "account": "111122223333",
    "platform": {"product": "iris", "operating_system": "rhel9", "architecture": "x86_64", "packages": "image"},
    "tags": {"owner": "one"},
    "regions": {
        "primary": {
            "region": "eu-west-2",
            "availability_zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
            "cidr": "10.20.0.0/16",
            "ami": "ami-0123456789abcdef0",
        }
    },
    "mirror_sets": [
        {
            "name": "TRAK",
            "number": 1,
            "databases": ["DATA"],
            "instance_type": "r7i.xlarge",
            "endpoint": {"ports": {"superserver": 1972, "hl7": 6661}},
            "client_cidrs": ["192.168.0.0/16"],
            "ecp_client_ceiling": 24,
        }
    ],
}

_KEY = "arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555"
_BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
_CA = "arn:aws:acm-pca:eu-west-2:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555"
_IMAGE = {"base_ami": "ami-0123456789abcdef0", "instance_type": "m7i.large"}
_OBJECT = {"uri": "s3://example-kits/object.tar.gz", "sha256": "0123456789abcdef" * 4}
_TOPIC = "arn:aws:sns:eu-west-2:111122223333:operations"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A change of a deployment.

    Attributes:
        title: The change in words; the key of the YAML in backticks.
        change: Makes it, on the configuration.
        first: What the configuration has before, on top of `MINIMAL`.
        tweak: Makes it on the app, where no key of the YAML does.
    """

    title: str
    change: Callable[[Config], None] = lambda config: None
    first: Callable[[Config], None] = lambda config: None
    tweak: Callable[["App"], None] | None = None

    def before(self) -> Config:
        """The configuration before the change."""
        config = deepcopy(MINIMAL)
        self.first(config)
        return config

    def after(self) -> Config:
        """The configuration after it."""
        config = self.before()
        self.change(config)
        return config


def put(path: str, value: Any) -> Callable[[Config], None]:
    """Sets a key, given as `mirror_sets.0.instance_type`."""

    def change(config: Config) -> None:
        *parents, last = path.split(".")
        place: Any = config
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        # A copy: a later change may be about a part of it.
        place[last] = deepcopy(value)

    return change


def both(*changes: Callable[[Config], None]) -> Callable[[Config], None]:
    """Several changes as one."""

    def change(config: Config) -> None:
        for each in changes:
            each(config)

    return change


def remove(path: str) -> Callable[[Config], None]:
    """Removes a key or the item of a list."""

    def change(config: Config) -> None:
        *parents, last = path.split(".")
        place: Any = config
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        del place[int(last) if isinstance(place, list) else last]

    return change


def _second_set(config: Config) -> None:
    config["mirror_sets"].append({"name": "LAB", "number": 2, "databases": ["DATA"], "instance_type": "r7i.xlarge"})


def _user_data(app: "App") -> None:
    """As if the library had another `first_boot.py`: IrisChecks compares with the one it has."""
    from aws_cdk import Fn
    from aws_cdk import aws_ec2 as ec2

    from cdk_intersystems.policy.acknowledge import acknowledge

    for construct in app.node.find_all():
        if isinstance(construct, ec2.CfnInstance):
            construct.user_data = Fn.base64("#!/bin/bash\necho other")
            acknowledge(construct, {"IRIS-23": "a test"})


_SUBNETS = {
    tier: [
        {
            "id": f"subnet-{block * 3 + zone:017x}",
            "zone": f"eu-west-2{'abc'[zone]}",
            "cidr": f"10.20.{16 * (block * 3 + zone)}.0/20",
            "route_table": f"rtb-{block * 3 + zone:017x}",
        }
        for zone in range(3)
    ]
    for block, tier in enumerate(("data", "arbiter"))
}
_EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "cidr": "10.20.0.0/16",
    "subnets": _SUBNETS,
    "endpoints_security_group": "sg-0123456789abcdef0",
}
_OTHER_SUBNETS = {
    tier: [{**subnet, "id": subnet["id"].replace("subnet-0", "subnet-f")} for subnet in subnets]
    for tier, subnets in _SUBNETS.items()
}
_OTHER_EXISTING = {**_EXISTING, "vpc_id": "vpc-0fedcba9876543210", "subnets": _OTHER_SUBNETS}
_in_existing = both(remove("regions.primary.cidr"), put("regions.primary.existing", _EXISTING))

_FASTER = {"iops": 6000, "throughput_mibps": 500}
_OTHER_ORDER = ["eu-west-2b", "eu-west-2a", "eu-west-2c"]
_CERTIFICATE = "arn:aws:acm:eu-west-2:111122223333:certificate/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
_APPLICATION = {"name": "app", "instance_type": "m7i.large", "min": 2, "max": 4}
_WEB = {
    "name": "web",
    "scheme": "internal",
    "instance_type": "c7i.large",
    "min": 3,
    "max": 6,
    "application_tier": "app",
    "certificate": _CERTIFICATE,
    "client_cidrs": ["192.168.0.0/16"],
}
_tiers = both(put("application_tiers", [_APPLICATION]), put("web_tiers", [_WEB]))

_DR = {
    "region": "eu-west-1",
    "availability_zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    "cidr": "10.21.0.0/16",
    "ami": "ami-0123456789abcdef1",
    "journal_traffic": {"primary_vpc": "vpc-0123456789abcdef0"},
    "promotion": {
        "approvers": ["arn:aws:iam::111122223333:role/approver"],
        "requesters": ["arn:aws:iam::111122223333:role/operator"],
    },
}
_VPN = {"vpn": {"customer_gateway": "203.0.113.10", "static_routes": ["192.168.0.0/16"]}}
# What a second region takes for granted: names, and an authority that both trust.
_ready_for_dr = both(
    put("dns", {"zone": "example.org", "zone_id": "Z0123456789ABC", "name": "iris"}),
    put("platform.certificate_authority", {"secret": "iris/authority"}),
)
_two_regions = both(_ready_for_dr, put("regions.dr", _DR))

_SET = "mirror_sets.0"
_ROUTE_VIP = both(put(f"{_SET}.endpoint.strategies", ["route_vip", "polling"]), put(f"{_SET}.endpoint.vip", "10.255.0.1"))
_REGION = "regions.primary"

ROWS: tuple[Row, ...] = (
    # Hosts.
    Row(title="`instance_type` of a mirror set", change=put(f"{_SET}.instance_type", "r7i.2xlarge")),
    Row(title="`arbiter.instance_type`", change=put(f"{_SET}.arbiter", {"instance_type": "t3.medium"})),
    Row(title="`ami`", change=put(f"{_REGION}.ami", "ami-0fedcba9876543210")),
    Row(title="user data (`first_boot.py` of the library)", tweak=_user_data),
    Row(title="`tenancy` to `dedicated-instance`", change=put(f"{_SET}.tenancy", "dedicated-instance")),
    Row(
        title="`tenancy` to `dedicated-host`",
        first=put("platform.capacity_platform", "Linux/UNIX"),
        change=put(f"{_SET}.tenancy", "dedicated-host"),
    ),
    Row(title="`purchase` to `capacity-reservation`", change=put(f"{_SET}.purchase", "capacity-reservation")),
    Row(
        title="`instance_type` of a mirror set with `capacity-reservation`",
        first=put(f"{_SET}.purchase", "capacity-reservation"),
        change=put(f"{_SET}.instance_type", "r7i.2xlarge"),
    ),
    Row(title="`addresses.a`", change=put(f"{_SET}.addresses", {"a": "10.20.144.40"})),
    Row(title="`absent_members` to `[b]`", change=put(f"{_SET}.absent_members", ["b"])),
    Row(
        title="`absent_members` from `[b]` back to none",
        first=put(f"{_SET}.absent_members", ["b"]),
        change=remove(f"{_SET}.absent_members"),
    ),
    Row(
        title="`absent_members` from `[a]` to `[b]`",
        first=put(f"{_SET}.absent_members", ["a"]),
        change=put(f"{_SET}.absent_members", ["b"]),
    ),
    # Volumes.
    Row(title="a volume's `size_gib`, larger", change=put(f"{_SET}.volumes.data", {"size_gib": 900})),
    Row(title="a volume's `size_gib`, smaller", change=put(f"{_SET}.volumes.data", {"size_gib": 400})),
    Row(
        title="a volume's `iops` or `throughput_mibps`",
        change=put(f"{_SET}.volumes.wij", {"iops": 6000, "throughput_mibps": 500}),
    ),
    Row(title="a volume's `type`", change=put(f"{_SET}.volumes.data", {"type": "io2", "iops": 9000})),
    Row(title="`volumes.data.count`, more", change=put(f"{_SET}.volumes.data", {"count": 2})),
    Row(
        title="`volumes.data.count`, fewer",
        first=put(f"{_SET}.volumes.data", {"count": 2}),
        change=put(f"{_SET}.volumes.data", {"count": 1}),
    ),
    # Endpoint.
    Row(title="`endpoint.ports`, one more", change=put(f"{_SET}.endpoint.ports.jdbc", 6662)),
    Row(title="`endpoint.ports`, one less", change=remove(f"{_SET}.endpoint.ports.hl7")),
    Row(title="`endpoint.ports`, another number", change=put(f"{_SET}.endpoint.ports.hl7", 6663)),
    Row(title="`endpoint.strategies` from `[polling]` to `[route_vip, polling]`, with a `vip`", change=_ROUTE_VIP),
    Row(
        title="`endpoint.strategies` from `[route_vip, polling]` back to `[polling]`",
        first=_ROUTE_VIP,
        change=both(put(f"{_SET}.endpoint.strategies", ["polling"]), remove(f"{_SET}.endpoint.vip")),
    ),
    Row(
        title="`endpoint.strategies` from `[polling]` to `[listener]`",
        change=put(f"{_SET}.endpoint.strategies", ["listener"]),
    ),
    Row(title="`endpoint.vip`", first=_ROUTE_VIP, change=put(f"{_SET}.endpoint.vip", "10.255.0.2")),
    Row(title="`endpoint.takeover_wait_seconds`", change=put(f"{_SET}.endpoint.takeover_wait_seconds", 2)),
    Row(
        title="`endpoint.client_security_groups`",
        change=put(f"{_SET}.endpoint.client_security_groups", ["sg-0123456789abcdef0"]),
    ),
    Row(
        title="`powertools_layer`",
        change=put("regions.primary.powertools_layer", "arn:aws:lambda:eu-west-2:111122223333:layer:powertools:1"),
    ),
    Row(title="`client_cidrs` of a mirror set", change=put(f"{_SET}.client_cidrs", ["172.16.0.0/12"])),
    Row(title="`ecp_client_ceiling`", change=put(f"{_SET}.ecp_client_ceiling", 48)),
    Row(title="`databases`", change=put(f"{_SET}.databases", ["DATA", "MORE"])),
    Row(title="`databases`, with tiers", first=_tiers, change=put(f"{_SET}.databases", ["DATA", "MORE"])),
    # The deployment.
    Row(title="`tags`", change=put("tags", {"owner": "two"})),
    Row(title="`permissions_boundary`", change=put("permissions_boundary", _BOUNDARY)),
    Row(title="`log_retention_days`", change=put("log_retention_days", 30)),
    Row(title="`platform.kit`", change=put("platform.kit", _OBJECT)),
    Row(title="`platform.kit`, with tiers", first=_tiers, change=put("platform.kit", _OBJECT)),
    Row(
        title="`platform.packages_archive`", change=both(remove("platform.packages"), put("platform.packages_archive", _OBJECT))
    ),
    Row(title="`golden_image`", change=put("golden_image", {**_IMAGE, "packages_archive": _OBJECT})),
    Row(title="`platform.certificate_authority.private_ca`", change=put("platform.certificate_authority", {"private_ca": _CA})),
    Row(title="`termination_protection` to false", change=put(f"{_REGION}.termination_protection", False)),
    Row(title="`roles.member`", change=put(f"{_REGION}.roles", {"member": "members"})),
    Row(title="`alarm_topic`", change=put(f"{_REGION}.alarm_topic", _TOPIC)),
    Row(title="`encryption_key`", change=put(f"{_REGION}.encryption_key", _KEY)),
    Row(title="a further mirror set", change=_second_set),
    Row(title="a mirror set less", first=_second_set, change=remove("mirror_sets.1")),
    Row(title="`name` of a mirror set", change=put(f"{_SET}.name", "OTHER")),
    Row(title="`number` of a mirror set", change=put(f"{_SET}.number", 2)),
    # Tiers.
    Row(title="an application tier more", change=put("application_tiers", [_APPLICATION])),
    Row(title="an application tier less", first=put("application_tiers", [_APPLICATION]), change=remove("application_tiers")),
    Row(title="`ami`, with tiers", first=_tiers, change=put(f"{_REGION}.ami", "ami-0fedcba9876543210")),
    Row(title="`amis` of a tier", first=_tiers, change=put(f"{_REGION}.amis", {"app": "ami-0fedcba9876543210"})),
    Row(
        title="`instance_type` of an application tier",
        first=_tiers,
        change=put("application_tiers.0.instance_type", "m7i.xlarge"),
    ),
    Row(
        title="`local_storage` of an application tier",
        first=both(_tiers, put("application_tiers.0.instance_type", "m6id.large")),
        change=put("application_tiers.0.local_storage", True),
    ),
    Row(title="`min` and `max` of an application tier", first=_tiers, change=put("application_tiers.0.max", 6)),
    Row(title="`instance_type` of a web tier", first=_tiers, change=put("web_tiers.0.instance_type", "c7i.xlarge")),
    Row(title="`paths` of a web tier", first=_tiers, change=put("web_tiers.0.paths", ["/csp", "/trakcare"])),
    Row(title="`min` and `max` of a web tier", first=_tiers, change=put("web_tiers.0.max", 9)),
    Row(title="`stickiness_hours` of a web tier", first=_tiers, change=put("web_tiers.0.stickiness_hours", 4)),
    Row(title="`scheme` of a web tier", first=_tiers, change=put("web_tiers.0.scheme", "internet-facing")),
    # The network.
    Row(title="`internet` to true", change=put(f"{_REGION}.internet", True)),
    Row(title="`internet` to false", first=put(f"{_REGION}.internet", True), change=put(f"{_REGION}.internet", False)),
    Row(
        title="order of `availability_zones`",
        change=put(f"{_REGION}.availability_zones", _OTHER_ORDER),
    ),
    Row(title="`cidr` of the region", change=put(f"{_REGION}.cidr", "10.30.0.0/16")),
    Row(
        title="`existing.subnets`: other subnets with the same ranges, in another VPC",
        first=_in_existing,
        change=both(
            put(f"{_REGION}.existing.vpc_id", "vpc-0fedcba9876543210"), put(f"{_REGION}.existing.subnets", _OTHER_SUBNETS)
        ),
    ),
    Row(title="`connectivity.vpn`", change=put(f"{_REGION}.connectivity", _VPN)),
    # The second region.
    Row(title="`platform.certificate_authority.secret`", change=_ready_for_dr),
    Row(title="`regions.dr`", first=_ready_for_dr, change=put("regions.dr", _DR)),
    Row(
        title="`regions.dr.journal_traffic.peering_connection`",
        first=_two_regions,
        change=put("regions.dr.journal_traffic.peering_connection", "pcx-0123456789abcdef0"),
    ),
    Row(
        title="`regions.dr.capacity.database.instance_type`",
        first=_two_regions,
        change=put("regions.dr.capacity", {"database": {"instance_type": "r7i.large"}}),
    ),
    Row(title="`regions.dr.members` to 1", first=_two_regions, change=put("regions.dr.members", 1)),
    Row(
        title="`regions.dr.promotion.approvers`",
        first=_two_regions,
        change=put("regions.dr.promotion.approvers", ["arn:aws:iam::111122223333:role/other"]),
    ),
    Row(
        title="`regions.dr.latch` to a public object",
        first=_two_regions,
        change=put("regions.dr.latch", {"kind": "s3_object", "public": True}),
    ),
)
