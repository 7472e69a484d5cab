"""Deployments of any size, for measuring."""

from typing import Any

_CERTIFICATE = "arn:aws:acm:eu-west-2:111122223333:certificate/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


def deployment(mirror_sets: int) -> dict[str, Any]:
    """The configuration of a deployment.

    Args:
        mirror_sets: How many mirror sets it has, 1 to 15, each with an application and a web tier.
    """
    numbers = range(1, mirror_sets + 1)
    return {
        "name": "generated",
        "account": "111122223333",
        "platform": {"product": "iris", "operating_system": "rhel9", "architecture": "x86_64"},
        "regions": {
            "primary": {
                "region": "eu-west-2",
                "availability_zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
                "cidr": "10.20.0.0/16",
                "ami": "ami-0123456789abcdef0",
                "internet": True,
            }
        },
        "mirror_sets": [
            {"name": f"SET{number}", "number": number, "databases": ["DATA"], "instance_type": "r7i.xlarge"}
            for number in numbers
        ],
        "application_tiers": [
            {"name": f"app{number}", "mirror_set": f"SET{number}", "instance_type": "m7i.large", "min": 2, "max": 4}
            for number in numbers
        ],
        "web_tiers": [
            {
                "name": f"web{number}",
                "scheme": "internet-facing",
                "instance_type": "c7i.large",
                "min": 3,
                "max": 6,
                "application_tier": f"app{number}",
                "certificate": _CERTIFICATE,
            }
            for number in numbers
        ],
    }
