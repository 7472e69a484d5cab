"""Defaults that follow from other keys, filled in before anything is validated.

So a `Deployment` has a value for each of them, and nobody who reads one has to know the rule. What is malformed is left
alone here: validation reports it. Keys filled in here say so by `default_text` where they are declared.
"""

from collections.abc import Iterator
from typing import Any

from cdk_intersystems.model.ecp import needed_connections
from cdk_intersystems.model.instance_types import ARBITER_DEFAULT, Architecture
from cdk_intersystems.model.storage import MemberVolumes

from .region_defaults import complete_regions
from .volume_defaults import complete_volume


def complete(data: Any) -> Any:
    """Fills in the derived defaults.

    Args:
        data: What the YAML says; anything.

    Returns:
        A copy with the defaults filled in where the shape allows it.
    """
    if not isinstance(data, dict):
        return data
    done = dict(data)
    platform = done.get("platform")
    architecture = platform.get("architecture") if isinstance(platform, dict) else None
    if isinstance(platform, dict):
        billed_by_the_hour = str(platform.get("operating_system")).startswith("rhel")
        default = "Red Hat Enterprise Linux" if billed_by_the_hour else "Linux/UNIX"
        packages = "repositories" if platform.get("packages_archive") is None else "archive"
        done["platform"] = {"capacity_platform": default, "packages": packages} | platform
    done["application_tiers"] = _each(done.get("application_tiers", []), dict)
    sets = done.get("mirror_sets")
    only = not (isinstance(sets, list | tuple) and len(sets) > 1)
    if only:
        name = next((each.get("name") for each in _mappings(_each(sets, dict))), None)
        for tier in _mappings(done["application_tiers"]):
            # Without a name there is a problem to report with the mirror set, and none with the tier.
            tier.setdefault("mirror_set", name if isinstance(name, str) else "")
    if "mirror_sets" in done:
        done["mirror_sets"] = _each(
            sets, lambda each: _mirror_set(each, only=only, architecture=architecture, tiers=done["application_tiers"])
        )
    if "web_tiers" in done:
        done["web_tiers"] = _each(done["web_tiers"], _web_tier)
    if isinstance(done.get("regions"), dict):
        done["regions"] = complete_regions(done["regions"], done.get("mirror_sets"))
    return done


def _mirror_set(data: dict[str, Any], *, only: bool, architecture: object, tiers: object) -> dict[str, Any]:
    done = dict(data)
    if only:
        done.setdefault("number", 1)
    arbiter = done.setdefault("arbiter", {})
    if isinstance(arbiter, dict):
        # An architecture that is none is reported where it stands, and not once more here.
        known: Architecture = "arm64" if architecture == "arm64" else "x86_64"
        done["arbiter"] = {"instance_type": ARBITER_DEFAULT[known]} | arbiter
    volumes = done.setdefault("volumes", {})
    if isinstance(volumes, dict):
        done["volumes"] = volumes | {
            role: complete_volume(volumes.get(role, {}), size_gib=spec.size_gib)
            for role, spec in MemberVolumes().by_role().items()
        }
    if "ecp_client_ceiling" not in done:
        done["ecp_client_ceiling"] = needed_connections(
            tier["max"]
            for tier in _mappings(tiers)
            if tier.get("mirror_set") == done.get("name") and type(tier.get("max")) is int
        )
    return done


def _web_tier(data: dict[str, Any]) -> dict[str, Any]:
    facing = data.get("scheme") == "internet-facing"
    return {"client_cidrs": ["0.0.0.0/0"] if facing else [], "waf": facing} | data


def _each(items: Any, change: Any) -> Any:
    if not isinstance(items, list | tuple):
        return items
    return [change(item) if isinstance(item, dict) else item for item in items]


def _mappings(items: object) -> Iterator[dict[str, Any]]:
    return (item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))
