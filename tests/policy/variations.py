"""The deployments that policy is held against: those of config/, and what else a YAML file can ask for."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
ACCOUNT = "111122223333"
REGION = "eu-west-2"

Change = Callable[[dict[str, Any]], None]


def existing_vpc(data: dict[str, Any], role: str = "primary") -> None:
    """Has a region in a VPC that exists."""
    region = data["regions"][role]
    network, number = region["cidr"].removesuffix(".0.0/16"), 0 if role == "primary" else 1
    blocks = {"public": 0, "web": 16, "application": 32, "data": 48, "arbiter": 64}
    region["existing"] = {
        "vpc_id": f"vpc-0123456789abcdef{number}",
        "cidr": region.pop("cidr"),
        "endpoints_security_group": "sg-0123456789abcdef0",
        "subnets": {
            tier: [
                {
                    "id": f"subnet-0123456789abc{block:02x}{at:02x}",
                    "zone": zone,
                    "cidr": f"{network}.{block + at}.0/24",
                    "route_table": f"rtb-0123456789abc{block:02x}{at:02x}",
                }
                for at, zone in enumerate(region["availability_zones"])
            ]
            for tier, block in blocks.items()
        },
    }


def _no_internet(data: dict[str, Any]) -> None:
    data["regions"]["primary"]["internet"] = False
    data["platform"]["packages_archive"] = {"uri": "s3://example-kits/packages-rhel9.tar", "sha256": "0123456789abcdef" * 4}


def _private_ca(data: dict[str, Any]) -> None:
    authority = f"arn:aws:acm-pca:{REGION}:{ACCOUNT}:certificate-authority/11111111-2222-3333-4444-555555555555"
    data["platform"]["certificate_authority"] = {"private_ca": authority}


def _authority(data: dict[str, Any]) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/22222222-2222-3333-4444-555555555555"
    data["platform"]["certificate_authority"] = {"secret": "trakcare/authority", "secret_key": key}


def _golden_image(data: dict[str, Any]) -> None:
    data["golden_image"] = {
        "base_ami": "ami-0123456789abcdef0",
        "instance_type": "m7i.large",
        "packages_archive": {"uri": "s3://example-kits/packages-rhel9.tar", "sha256": "0123456789abcdef" * 4},
        "kit": dict(data["platform"]["kit"]),
    }


def _local_storage(data: dict[str, Any]) -> None:
    data["application_tiers"][0] |= {"instance_type": "m6id.4xlarge", "local_storage": True}


def _dedicated_host(data: dict[str, Any]) -> None:
    data["mirror_sets"][0]["tenancy"] = "dedicated-host"
    # RHEL of one's own subscription: AWS's own doesn't run on Dedicated Hosts.
    data["platform"]["capacity_platform"] = "Linux/UNIX"


def _reserved(data: dict[str, Any]) -> None:
    data["mirror_sets"][0] |= {"tenancy": "dedicated-instance", "purchase": "capacity-reservation"}
    for tier in (*data["application_tiers"], *data["web_tiers"]):
        tier |= {"tenancy": "dedicated-instance", "purchase": "capacity-reservation"}


def _brought(data: dict[str, Any]) -> None:
    region = data["regions"]["primary"]
    region["encryption_key"] = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/22222222-2222-3333-4444-555555555555"
    region["alarm_topic"] = f"arn:aws:sns:{REGION}:{ACCOUNT}:operations"
    region["access_log_bucket"] = "example-access-logs"
    tiers = [tier["name"] for tier in (*data["application_tiers"], *data["web_tiers"])]
    region["roles"] = {
        "member": "iris-member",
        "arbiter": f"arn:aws:iam::{ACCOUNT}:role/iris-arbiter",
        "tiers": {name: f"iris-{name}" for name in tiers},
    }


def _everything_brought(data: dict[str, Any]) -> None:
    existing_vpc(data)
    _brought(data)


def _boundary(data: dict[str, Any]) -> None:
    data["permissions_boundary"] = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


def _absent(data: dict[str, Any]) -> None:
    data["mirror_sets"][0]["absent_members"] = ["b"]


def _listener(data: dict[str, Any]) -> None:
    data["mirror_sets"][0]["endpoint"]["strategies"] = ["route_vip", "listener"]


def _vip_alone(data: dict[str, Any]) -> None:
    data["mirror_sets"][0]["endpoint"] |= {"strategies": ["route_vip"], "client_security_groups": ["sg-0123456789abcdef1"]}
    data["mirror_sets"][0]["client_cidrs"] = []


def _unknown_account(data: dict[str, Any]) -> None:
    del data["account"]


def _waiting_small(data: dict[str, Any]) -> None:
    """One member of the smallest size, and servers only once there is a promotion."""
    dr = data["regions"]["dr"]
    dr |= {"members": 1, "capacity": {"database": {"instance_type": "r7i.xlarge"}, "tiers": 0}}


def _public_latch(data: dict[str, Any]) -> None:
    data["regions"]["dr"]["latch"] = {"kind": "s3_object", "public": True}


def _region_switch(data: dict[str, Any]) -> None:
    data["regions"]["dr"]["region_switch"] = True


def _routing_controls(data: dict[str, Any]) -> None:
    panel = f"arn:aws:route53-recovery-control::{ACCOUNT}:controlpanel/0123456789abcdef0123456789abcdef"
    data["regions"]["dr"]["latch"] = {
        "kind": "routing_control",
        "primary": f"{panel}/routingcontrol/0123456789abcdef",
        "dr": f"{panel}/routingcontrol/fedcba9876543210",
        "endpoints": [
            {"region": region, "url": f"https://aaaaaaaa.route53-recovery-cluster.{region}.amazonaws.com/v1"}
            for region in ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")
        ],
    }


def _static_vpn(data: dict[str, Any]) -> None:
    """By static routes, in both regions, which reach each other by transit gateways."""
    vpn = {"customer_gateway": "203.0.113.10", "static_routes": ["192.168.0.0/16"]}
    for region in data["regions"].values():
        region["connectivity"] = {"vpn": dict(vpn)}
    _transit_gateways(data)
    data["regions"]["dr"]["journal_traffic"]["request_peering"] = True


def _transit_gateways(data: dict[str, Any]) -> None:
    data["regions"]["dr"]["journal_traffic"] = {
        "transit_gateway": "tgw-0123456789abcdef0",
        "primary_transit_gateway": "tgw-0123456789abcdef1",
    }


def _transit_vpn(data: dict[str, Any]) -> None:
    """At the transit gateway by which the regions reach each other."""
    _transit_gateways(data)
    for role, gateway in (("primary", "tgw-0123456789abcdef1"), ("dr", "tgw-0123456789abcdef0")):
        data["regions"][role]["connectivity"] = {
            "vpn": {
                "gateway": "transit",
                "transit_gateway": gateway,
                "customer_gateway": "203.0.113.10",
                "asn": 65010,
                "on_premises_cidrs": ["192.168.0.0/16"],
            }
        }


def _closed_regions(data: dict[str, Any]) -> None:
    """VPCs that exist, with no way to the Internet, connected by whoever owns them."""
    archive = {"sha256": "0123456789abcdef" * 4}
    data["platform"]["packages_archive"] = {"uri": "s3://example-kits/packages-rhel9.tar", **archive}
    dr = data["regions"]["dr"]
    dr["platform"]["packages_archive"] = {"uri": "s3://example-kits-eu-west-1/packages-rhel9.tar", **archive}
    dr["journal_traffic"] = {"kind": "none"}
    for role, region in data["regions"].items():
        region["internet"] = False
        region.pop("connectivity", None)
        existing_vpc(data, role)


def _one_region(data: dict[str, Any]) -> None:
    """As most deployments begin: no other region, no connection, and an authority that the mirror makes for itself."""
    data["regions"].pop("dr", None)
    data["regions"]["primary"].pop("connectivity", None)
    data["platform"].pop("certificate_authority", None)


def _as_it_is(data: dict[str, Any]) -> None:
    """The deployment of config/ itself."""


VARIATIONS: dict[str, tuple[str, Change]] = {
    "trakcare": ("trakcare", _as_it_is),
    "minimal": ("minimal", _as_it_is),
    "hybrid": ("hybrid", _as_it_is),
    "DR region that waits small": ("trakcare", _waiting_small),
    "latch in a public object": ("trakcare", _public_latch),
    "latch by routing controls": ("trakcare", _routing_controls),
    "moves by a Region switch plan": ("trakcare", _region_switch),
    "static routes and transit gateways": ("trakcare", _static_vpn),
    "VPN at a transit gateway": ("trakcare", _transit_vpn),
    "existing VPCs without Internet in both regions": ("trakcare", _closed_regions),
    "one region": ("trakcare", _one_region),
    "existing VPC": ("one region", existing_vpc),
    "no Internet": ("one region", _no_internet),
    "dedicated hosts": ("one region", _dedicated_host),
    "reserved capacity": ("one region", _reserved),
    "key, topic, bucket and roles brought": ("one region", _brought),
    "everything brought": ("one region", _everything_brought),
    "AWS Private CA": ("one region", _private_ca),
    "certificate authority brought": ("one region", _authority),
    "local storage": ("one region", _local_storage),
    "golden image": ("one region", _golden_image),
    "permissions boundary": ("one region", _boundary),
    "member taken out": ("one region", _absent),
    "account unknown": ("one region", _unknown_account),
    "listener moved by the router": ("one region", _listener),
    "VIP alone": ("one region", _vip_alone),
}

CONSTRUCTS_ALONE = "constructs alone"
"""The one that no YAML file describes: see constructs_alone.py."""

ALL = [*VARIATIONS, CONSTRUCTS_ALONE]


def configuration(variation: str) -> dict[str, Any]:
    """The plain values of a variation, as its YAML file would have them."""
    base, change = VARIATIONS[variation]
    data = configuration(base) if base in VARIATIONS and base != variation else _deployment(base)
    change(data)
    return data


def _deployment(name: str) -> dict[str, Any]:
    data: dict[str, Any] = deepcopy(yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    return data
