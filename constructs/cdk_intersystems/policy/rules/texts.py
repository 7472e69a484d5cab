"""What stands in a resource as text, and which functions of CloudFormation make it."""

from collections.abc import Iterator, Mapping
from typing import Any

from cdk_intersystems.policy.rules.assembly import Resource


def functions(resource: Resource) -> Iterator[tuple[str, str, Any]]:
    """The functions of CloudFormation that a resource's properties use: where, which, and with what argument."""
    pending: list[tuple[str, Any]] = [("Properties", resource.properties)]
    while pending:
        location, value = pending.pop()
        if isinstance(value, dict):
            if len(value) == 1 and (function := next(iter(value))).startswith("Fn::"):
                yield location, function, value[function]
            pending += [(f"{location}.{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            pending += [(f"{location}[{number}]", child) for number, child in enumerate(value)]


def texts(resource: Resource) -> Iterator[tuple[str, str]]:
    """The texts of a resource, each joined, with a placeholder for each reference in it."""
    pending: list[tuple[str, Any]] = [("Properties", resource.properties)]
    while pending:
        location, value = pending.pop()
        if isinstance(value, str) or (isinstance(value, Mapping) and set(value) in ({"Fn::Join"}, {"Fn::Sub"})):
            yield location, joined(value)
        elif isinstance(value, Mapping):
            pending += [(f"{location}.{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            pending += [(f"{location}[{number}]", child) for number, child in enumerate(value)]


def joined(value: Any) -> str:
    """A value as the text it becomes, with `<reference>` for what is known only at deployment."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(joined(each) for each in value)
    if isinstance(value, Mapping) and len(value) == 1:
        function, argument = next(iter(value.items()))
        if function == "Fn::Join":
            return str(argument[0]).join(joined(part) for part in argument[1])
        if function == "Fn::Sub":
            return joined(argument[0] if isinstance(argument, list) else argument)
    return "<reference>"
