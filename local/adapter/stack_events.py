"""What CloudFormation tells EventBridge: each change of a stack's status.

Source: "Stack Status Change event detail" (AWS CloudFormation User Guide).
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from local.adapter import emulator

_STACK = "AWS::CloudFormation::Stack"


def install() -> None:
    """Have every stack event that ministack records go to EventBridge as well.

    Three modules have imported the function that records them by name.
    """
    stacks = importlib.import_module("ministack.services.cloudformation.stacks")
    original = stacks._add_event

    def add(stack_id: str, stack_name: str, logical_id: str, kind: str, status: str, *rest: Any, **named: Any) -> None:
        original(stack_id, stack_name, logical_id, kind, status, *rest, **named)
        # A nested stack is a resource of its parent's too; that event names the parent as the stack.
        if kind == _STACK and logical_id == stack_name:
            token = str(stacks.CLIENT_REQUEST_TOKEN.get() or "")
            _put(stack_id, status, str(named.get("reason", rest[0] if rest else "")), token)

    for name in ("stacks", "handlers", "changesets"):
        module: Any = importlib.import_module(f"ministack.services.cloudformation.{name}")
        module._add_event = add


def _put(stack_id: str, status: str, reason: str, token: str) -> None:
    """Put the event onto the default bus."""
    detail: dict[str, Any] = {"stack-id": stack_id, "status-details": {"status": status, "status-reason": reason}}
    if token:
        detail["client-request-token"] = token
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": "CloudFormation Stack Status Change",
        "Detail": json.dumps(detail),
        "Resources": [stack_id],
    }
    emulator.service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)
