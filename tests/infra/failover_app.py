"""Mirror sets with each combination of strategies, for the tests of `FailoverAutomation`."""

from collections.abc import Mapping
from typing import Any

from cdk_intersystems import Platform
from tests.infra.mirror_app import Templates, templates_of
from tests.infra.templates import by_id

VIP = "10.255.0.1"
STRATEGIES = ("polling", "listener", "route_vip", "route_vip+polling", "listener+route_vip")
PORTS = {"superserver": 1972, "hl7": 6661}
_PLATFORM = Platform(operating_system="rhel9", architecture="x86_64", packages="image")


def failover_templates(strategies: str, **more: Any) -> Templates:
    """The templates of a mirror whose hosts set themselves up, with strategies between plus signs."""
    vip = VIP if "route_vip" in strategies else None
    return templates_of(
        **{"platform": _PLATFORM, "databases": ["DATA"]}, strategies=strategies.split("+"), vip=vip, ports=PORTS, **more
    )


def id_of(template: Any, kind: str, name: str) -> str:
    """The logical id of the one resource of a type with a name in its id."""
    (found,) = (logical_id for logical_id, _ in by_id(template, kind) if name in logical_id)
    return found


def name_of(reference: Mapping[str, Any]) -> str:
    """The logical id that a reference names."""
    ((_, argument),) = reference.items()
    return argument if isinstance(argument, str) else str(argument[0])
