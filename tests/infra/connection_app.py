"""A network in a stack of its own, for tests of what connects it."""

from collections.abc import Callable
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_logs as logs

from cdk_intersystems import Network
from stacks.deployment_app import make_app

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]


class _Stack(Stack):
    @property
    def availability_zones(self) -> list[str]:
        return ZONES


def network_of(app: App) -> tuple[Stack, Network]:
    """A stack called network, and the network in it."""
    stack = _Stack(app, "network", env=Environment(account="111122223333", region="eu-west-2"))
    group = logs.LogGroup(stack, "FlowLogs")
    network = Network(stack, "Network", cidr="10.20.0.0/16", availability_zones=ZONES, flow_log_group=group, internet=True)
    return stack, network


def template_with(define: Callable[[Stack, Network], object]) -> Any:
    """The template of a network with what is defined for it."""
    app = make_app()
    stack, network = network_of(app)
    define(stack, network)
    return app.synth().get_stack_by_name("network").template
