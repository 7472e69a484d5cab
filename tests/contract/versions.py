"""A deployment before and after a change: synthesized once each, and deployed in simulation."""

import json
from functools import cache
from typing import Any

from cdk_intersystems.configuration import deployment_of
from tests.contract.changes import Config, Row
from tests.contract.cloudformation import Deployed, Templates


def synthesized(config: Config, tweak: Any = None) -> Templates:
    """The templates of a configuration by stack name.

    Args:
        config: What the YAML says.
        tweak: A change of the app itself.
    """
    return _synthesized(json.dumps(config), tweak)


@cache
def _synthesized(config: str, tweak: Any) -> Templates:
    from stacks.deployment_app import define_deployment, make_app

    app = make_app()
    define_deployment(app, deployment_of(json.loads(config)))
    if tweak:
        tweak(app)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


def versions(row: Row) -> tuple[Templates, Templates]:
    """The templates before and after a change."""
    return synthesized(row.before()), synthesized(row.after(), row.tweak)


def deployed_first(templates: Templates) -> Deployed:
    """A first deployment, without any parameter."""
    deployed = Deployed()
    first = deployed.deploy(templates)
    assert first.refused == {}, "a first deployment needs no approval"
    return deployed
