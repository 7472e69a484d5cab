"""Defaults of regions that follow from other keys; what is malformed is left alone, as in `defaults`."""

from typing import Any

from cdk_intersystems.model.storage import MemberVolumes

from .volume_defaults import like

#: The key that says more about how regions or networks are connected, and the kind it makes the default.
_CONNECTIVITY = {"vpn": "vpn", "direct_connect": "direct_connect"}
_TRAFFIC = {
    "primary_vpc": "peering",
    "peering_connection": "peering",
    "transit_gateway": "transit_gateway",
    "primary_transit_gateway": "transit_gateway",
}


def complete_regions(regions: dict[str, Any], mirror_sets: object) -> dict[str, Any]:
    """Fills in the derived defaults of `regions`.

    Args:
        regions: What the YAML says.
        mirror_sets: The mirror sets, complete as far as they are well-formed.
    """
    done = dict(regions)
    for role in ("primary", "dr"):
        if isinstance(region := done.get(role), dict):
            done[role] = _with_kind(region, "connectivity", _CONNECTIVITY)
    if isinstance(dr := done.get("dr"), dict):
        dr = _with_kind(dr, "journal_traffic", _TRAFFIC)
        done["dr"] = _with_volumes(_with_primary_vpc(dr, done.get("primary")), mirror_sets)
    return done


def _with_kind(region: dict[str, Any], name: str, kinds: dict[str, str]) -> dict[str, Any]:
    section = region.get(name)
    if not isinstance(section, dict) or "kind" in section:
        return region
    kind = next((kinds[key] for key in kinds if section.get(key) is not None), "none")
    return region | {name: {"kind": kind} | section}


def _with_primary_vpc(dr: dict[str, Any], primary: object) -> dict[str, Any]:
    traffic = dr.get("journal_traffic")
    existing = primary.get("existing") if isinstance(primary, dict) else None
    vpc = existing.get("vpc_id") if isinstance(existing, dict) else None
    if not isinstance(traffic, dict) or traffic.get("kind") != "peering" or vpc is None:
        return dr
    return dr | {"journal_traffic": {"primary_vpc": vpc} | traffic}


def _with_volumes(dr: dict[str, Any], mirror_sets: object) -> dict[str, Any]:
    if not isinstance(own := dr.get("volumes"), dict):
        return dr
    named = {
        each.get("name"): each.get("volumes")
        for each in (mirror_sets if isinstance(mirror_sets, list) else [])
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }
    plain: dict[str, dict[str, int]] = {
        str(role): {"size_gib": spec.size_gib} for role, spec in MemberVolumes().by_role().items()
    }
    return dr | {"volumes": {name: _volumes(volumes, named.get(name), plain) for name, volumes in own.items()}}


def _volumes(own: object, of_set: object, plain: dict[str, dict[str, int]]) -> object:
    if not isinstance(own, dict):
        return own
    base = of_set if isinstance(of_set, dict) else {}
    return own | {role: like(own.get(role, {}), base.get(role, size)) for role, size in plain.items()}
