"""The configuration of a deployment: one YAML file, validated into frozen objects before any construct is made.

    from cdk_intersystems.configuration import load_deployment

    deployment = load_deployment("trakcare")

`Deployment` is what the file says with every default filled in; `plan` has what follows from it (subnets, addresses,
stack names). Needs the extra `config` of the distribution (pydantic and PyYAML), and never the CDK.
"""

from .deployment import Deployment
from .dr_region import DrRegion
from .load import deployment_names, deployment_of, load_deployment, parse_deployment
from .mirror_set import MirrorSetConfig
from .on_premises import OnPremises
from .problems import ConfigurationError, Problem
from .region import PrimaryRegion, RegionBase
from .tiers import ApplicationTierConfig, WebTierConfig

__all__ = [
    "ApplicationTierConfig",
    "ConfigurationError",
    "Deployment",
    "DrRegion",
    "MirrorSetConfig",
    "OnPremises",
    "PrimaryRegion",
    "Problem",
    "RegionBase",
    "WebTierConfig",
    "deployment_names",
    "deployment_of",
    "load_deployment",
    "parse_deployment",
]
