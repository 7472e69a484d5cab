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


def _existing_vpc(data: dict[str, Any]) -> None:
    region = data["regions"]["primary"]
    blocks = {"public": 0, "web": 16, "application": 32, "data": 48, "arbiter": 64}
    region["existing"] = {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": region.pop("cidr"),
        "endpoints_security_group": "sg-0123456789abcdef0",
        "subnets": {
            tier: [
                {
                    "id": f"subnet-0123456789abc{block:02x}{number:02x}",
                    "zone": zone,
                    "cidr": f"10.20.{block + number}.0/24",
                    "route_table": f"rtb-0123456789abc{block:02x}{number:02x}",
                }
                for number, zone in enumerate(region["availability_zones"])
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
    _existing_vpc(data)
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


def _as_it_is(data: dict[str, Any]) -> None:
    """The deployment of config/ itself."""


VARIATIONS: dict[str, tuple[str, Change]] = {
    "trakcare": ("trakcare", _as_it_is),
    "minimal": ("minimal", _as_it_is),
    "existing VPC": ("trakcare", _existing_vpc),
    "no Internet": ("trakcare", _no_internet),
    "dedicated hosts": ("trakcare", _dedicated_host),
    "reserved capacity": ("trakcare", _reserved),
    "key, topic, bucket and roles brought": ("trakcare", _brought),
    "everything brought": ("trakcare", _everything_brought),
    "AWS Private CA": ("trakcare", _private_ca),
    "certificate authority brought": ("trakcare", _authority),
    "local storage": ("trakcare", _local_storage),
    "golden image": ("trakcare", _golden_image),
    "permissions boundary": ("trakcare", _boundary),
    "member taken out": ("trakcare", _absent),
    "account unknown": ("trakcare", _unknown_account),
    "listener moved by the router": ("trakcare", _listener),
    "VIP alone": ("trakcare", _vip_alone),
}

CONSTRUCTS_ALONE = "constructs alone"
"""The one that no YAML file describes: see constructs_alone.py."""

ALL = [*VARIATIONS, CONSTRUCTS_ALONE]


def configuration(variation: str) -> dict[str, Any]:
    """The plain values of a variation, as its YAML file would have them."""
    base, change = VARIATIONS[variation]
    data: dict[str, Any] = deepcopy(yaml.safe_load((CONFIG / f"{base}.yaml").read_text()))
    change(data)
    return data
