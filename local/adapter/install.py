"""Puts the adapter into ministack: its actions in place of ministack's, its handlers beside ministack's."""

from __future__ import annotations

import importlib
from typing import Any

from local.adapter import emulator, record, wire
from local.adapter.ec2 import table
from local.adapter.resources import capacity, handler, instance, network, security_group, volume, vpc

_FAMILIES = (capacity, instance, network, security_group, volume, vpc)


def install() -> None:
    """Install everything; called once, before the first request."""
    for name, action in table.ACTIONS.items():
        emulator.ec2._ACTION_MAP[name] = wire.served("ec2", name, action)
    for family in _FAMILIES:
        for kind, described in family.HANDLERS.items():
            handler.register(kind, described)
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
        importlib.import_module(f"ministack.services.cloudformation.{name}").validate_template_support = validate
