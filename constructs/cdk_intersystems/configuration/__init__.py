"""The configuration of a deployment: one YAML file, validated into frozen objects before any construct is made.

    from cdk_intersystems.configuration import load_deployment

    deployment = load_deployment("trakcare")

`Deployment` is what the file says with every default filled in; `plan` has what follows from it (subnets, addresses,
stack names). Needs the extra `config` of the distribution (pydantic and PyYAML), and never the CDK.
"""

from .deployment import Deployment
from .load import deployment_names, deployment_of, load_deployment, parse_deployment
from .mirror_set import MirrorSetConfig
from .problems import ConfigurationError, Problem
from .region import PrimaryRegion
from .tiers import ApplicationTierConfig, WebTierConfig

__all__ = [
    "ApplicationTierConfig",
    "ConfigurationError",
    "Deployment",
    "MirrorSetConfig",
    "PrimaryRegion",
    "Problem",
    "WebTierConfig",
    "deployment_names",
    "deployment_of",
    "load_deployment",
    "parse_deployment",
]
