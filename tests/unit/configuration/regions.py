"""Deployments of one region, of two, and of members on premises, as plain values that a test may change."""

import copy
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[3] / "config"
_TRAKCARE: dict[str, Any] = yaml.safe_load((CONFIG / "trakcare.yaml").read_text(encoding="utf-8"))
_HYBRID: dict[str, Any] = yaml.safe_load((CONFIG / "hybrid.yaml").read_text(encoding="utf-8"))

_DR: dict[str, Any] = {
    "region": "eu-west-1",
    "availability_zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    "cidr": "10.30.0.0/16",
    "ami": "ami-0123456789abcdef2",
    "internet": True,
    "platform": {
        name: {"uri": f"s3://kits-eu-west-1/{name}.tar.gz", "sha256": "0" * 64, "region": "eu-west-1"}
        for name in ("kit", "arbiter_kit")
    },
    "certificates": {
        name: f"arn:aws:acm:eu-west-1:111122223333:certificate/bbbbbbbb-cccc-dddd-eeee-{number}fffffffffff"
        for number, name in enumerate(("web", "clinical"))
    },
    "capacity": {"database": {"instance_type": "r7i.2xlarge", "fallback_types": ["r7i.8xlarge"]}, "tiers": 50},
    "journal_traffic": {"primary_vpc": "vpc-0123456789abcdef0"},
    "promotion": {
        "approvers": ["arn:aws:iam::111122223333:role/approver"],
        "requesters": ["arn:aws:iam::111122223333:role/operator"],
    },
}


def one_region() -> dict[str, Any]:
    """TrakCare, but for its DR region and the hospital's network."""
    data = copy.deepcopy(_TRAKCARE)
    data["regions"].pop("dr", None)
    data["regions"]["primary"].pop("connectivity", None)
    data["platform"].pop("certificate_authority", None)
    return data


def two_regions() -> dict[str, Any]:
    """TrakCare with a DR region, as small as one can be stated."""
    data = one_region()
    data["platform"]["certificate_authority"] = {"secret": "trakcare/authority"}
    data["regions"]["dr"] = copy.deepcopy(_DR)
    return data


def with_vpn() -> dict[str, Any]:
    """The same, with a VPN in the primary region."""
    data = two_regions()
    data["regions"]["primary"]["connectivity"] = {"vpn": {"customer_gateway": "203.0.113.10", "asn": 65010}}
    return data


def hybrid() -> dict[str, Any]:
    """Members on premises, and a DR region."""
    return copy.deepcopy(_HYBRID)
