"""What hosts run when they start for the first time."""

from typing import Any

from cdk_intersystems.host_bundle.bundle import first_boot
from cdk_intersystems.policy.rules.assembly import Resource
from cdk_intersystems.policy.rules.mirrors import launch_settings


def user_data(host: Resource) -> str:
    """The user data of an instance or launch template, with a placeholder for each reference in it; empty if it has none."""
    return _joined(launch_settings(host).get("UserData", ""))


def runs_first_boot(host: Resource) -> bool:
    """Whether an instance's or launch template's user data is the library's, to the byte."""
    return user_data(host) == first_boot()


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        function, argument = next(iter(value.items()))
        if function == "Fn::Join":
            separator, parts = argument
            return str(separator).join(_joined(part) for part in parts)
        if function in {"Fn::Base64", "Fn::Sub"}:
            return _joined(argument[0] if isinstance(argument, list) else argument)
    return "<reference>"
