"""The rules between the keys of a configuration; those of a single key stand where it is declared."""

from ..deployment import Deployment
from ..problems import Problem
from .connectivity import connectivity_problems
from .dns import dns_problems
from .dr_region import dr_region_problems
from .golden_image import golden_image_problems
from .instances import instance_problems
from .mirror_sets import mirror_set_problems
from .names import name_problems
from .network import network_problems
from .platform import platform_problems
from .ranges import range_problems
from .regions import region_problems
from .resources import resource_problems
from .tiers import tier_problems

_RULES = (
    name_problems,
    region_problems,
    network_problems,
    connectivity_problems,
    range_problems,
    dr_region_problems,
    platform_problems,
    golden_image_problems,
    mirror_set_problems,
    tier_problems,
    instance_problems,
    resource_problems,
    dns_problems,
)


def problems_of(deployment: Deployment) -> list[Problem]:
    """Checks every rule; the problems have neither line nor, mostly, what was there."""
    return [problem for rule in _RULES for problem in rule(deployment)]
