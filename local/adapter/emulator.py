"""The one place that reaches into ministack.

ministack is installed in an environment of its own and has no type information, so its modules are loaded by name
and handed out as `Any`. The adapter rests on these private names of ministack 1.5.33, which is why that version is
pinned: `_ACTION_MAP` and the stores of the EC2 module, the ELBv2 stores, and CloudFormation's `_RESOURCE_HANDLERS`,
`_REPLACING_PROPERTIES` and `_STACK_TAG_PROPERTY`.
"""

from __future__ import annotations

import importlib
from typing import Any

ec2: Any = importlib.import_module("ministack.services.ec2")
elbv2: Any = importlib.import_module("ministack.services.alb")
provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
_responses: Any = importlib.import_module("ministack.core.responses")


def service(name: str) -> Any:
    """Load one more of ministack's service modules, for example ``"autoscaling"``."""
    return importlib.import_module(f"ministack.services.{name}")


def account() -> str:
    """The account the request being answered was signed for."""
    return str(_responses.get_account_id())


def region() -> str:
    """The region the request being answered was signed for."""
    return str(_responses.get_region())
