"""Puts the adapter into ministack: its actions in place of ministack's, its handlers beside ministack's."""

from __future__ import annotations

import importlib
from typing import Any

from local.adapter import (
    alarms,
    auto_scaling,
    commands,
    elbv2,
    embedded_metrics,
    emulator,
    functions,
    modify_listener,
    record,
    stack_events,
    wire,
)
from local.adapter.ec2 import table
from local.adapter.resources import (
    alarm,
    automation,
    bucket,
    capacity,
    handler,
    hosted_zone,
    http_api,
    instance,
    listener,
    load_balancer,
    network,
    region_network,
    security_group,
    services,
    state_machine,
    stored,
    topic,
    volume,
    vpc,
    vpn,
)
from local.adapter.resources import auto_scaling as auto_scaling_group

_FAMILIES = (
    alarm,
    auto_scaling_group,
    automation,
    bucket,
    capacity,
    hosted_zone,
    http_api,
    instance,
    listener,
    load_balancer,
    network,
    region_network,
    security_group,
    services,
    state_machine,
    stored,
    topic,
    volume,
    vpc,
    vpn,
)


def install() -> None:
    """Install everything; called once, before the first request."""
    for service, module, actions in (
        ("ec2", emulator.ec2, table.ACTIONS),
        ("elbv2", emulator.elbv2, {**elbv2.ACTIONS, **modify_listener.ACTIONS}),
        ("autoscaling", auto_scaling.service, auto_scaling.ACTIONS),
    ):
        for name, action in actions.items():
            module._ACTION_MAP[name] = wire.served(service, name, action)
    # UpdateAutoScalingGroup and SetDesiredCapacity, which stay ministack's, end in this.
    auto_scaling.service._reconcile_instances = auto_scaling.reconcile
    for family in _FAMILIES:
        for kind, described in family.HANDLERS.items():
            handler.register(kind, described)
    functions.install()
    alarms.install()
    commands.install()
    embedded_metrics.install()
    stack_events.install()
    _accept_unknown_types()


def _accept_unknown_types() -> None:
    """Let a template with types that nothing emulates deploy, each recorded as not emulated.

    ministack refuses such a template as a whole. It checks in one function, which three modules have imported by
    name, so the replacement goes to each of them.
    """
    engine = importlib.import_module("ministack.services.cloudformation.engine")
    original = engine.validate_template_support

    def validate(template: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        for resource in (template.get("Resources") or {}).values():
            kind = str(resource.get("Type", "")) if isinstance(resource, dict) else ""
            if kind.startswith("AWS::") and kind not in emulator.provisioners._RESOURCE_HANDLERS:
                emulator.provisioners._RESOURCE_HANDLERS[kind] = record.placeholder(kind)
        original(template, *args, **kwargs)

    for name in ("engine", "handlers", "changesets"):
        module: Any = importlib.import_module(f"ministack.services.cloudformation.{name}")
        module.validate_template_support = validate
