"""Resolves a template's intrinsic functions against a deployed stack."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.cdk import Stack
    from local.clients import Clients

ABSENT = object()


class UnresolvedError(Exception):
    """A reference could not be resolved; the message says which."""


class Resolver:
    """The values that a stack's template stands for, now that it is deployed.

    It resolves references itself, from what the CloudFormation API lists and from the attributes the emulator handed
    out, so that a reference the emulator resolved wrongly shows as a difference.

    Args:
        stack: The synthesized stack.
        clients: Clients of its region.
        attributes: For each logical id what `Fn::GetAtt` returned.
    """

    def __init__(self, stack: Stack, clients: Clients, attributes: Mapping[str, Mapping[str, Any]]) -> None:
        self.stack = stack
        cloudformation = clients("cloudformation")
        description = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
        self._attributes = attributes
        self._parameters = {
            entry["ParameterKey"]: entry.get("ResolvedValue", entry.get("ParameterValue"))
            for entry in description.get("Parameters", [])
        }
        self._pseudo = {
            "AWS::Region": stack.region,
            "AWS::AccountId": clients.account,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": description["StackId"],
            "AWS::NoValue": ABSENT,
        }
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
        self.physical_ids = {
            entry["LogicalResourceId"]: entry["PhysicalResourceId"]
            for page in pages
            for entry in page["StackResourceSummaries"]
        }
        self._exports = {
            entry["Name"]: entry["Value"]
            for page in cloudformation.get_paginator("list_exports").paginate()
            for entry in page["Exports"]
        }

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources of the template that exist under its conditions, by logical id."""
        found: dict[str, dict[str, Any]] = {}
        for logical_id, resource in self._section("Resources").items():
            if "Condition" not in resource or self._condition(resource["Condition"]):
                found[logical_id] = resource
        return found

    def _section(self, name: str) -> dict[str, Any]:
        section = self.stack.template.get(name, {})
        assert isinstance(section, dict)
        return section

    def _condition(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._condition(self._section("Conditions")[condition])
        ((function, arguments),) = condition.items()
        if function == "Condition":
            return self._condition(arguments)
        if function == "Fn::Not":
            return not self._condition(arguments[0])
        if function == "Fn::And":
            return all(self._condition(entry) for entry in arguments)
        if function == "Fn::Or":
            return any(self._condition(entry) for entry in arguments)
        left, right = (self.value(entry) for entry in arguments)
        return bool(left == right)

    def value(self, node: Any) -> Any:
        """Resolve a value of the template.

        Raises:
            UnresolvedError: It refers to something that is not there.
        """
        if isinstance(node, list):
            return [value for value in (self.value(entry) for entry in node) if value is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, arguments),) = node.items()
            if function == "Ref":
                return self._reference(arguments)
            if function.startswith("Fn::"):
                return self._function(function, arguments)
        resolved = {name: self.value(content) for name, content in node.items()}
        return {name: content for name, content in resolved.items() if content is not ABSENT}

    def _reference(self, name: str) -> Any:
        for known in (self._pseudo, self._parameters, self.physical_ids):
            if name in known:
                return known[name]
        raise UnresolvedError(f"Ref {name}")

    def _attribute(self, logical_id: str, name: str) -> Any:
        try:
            return self._attributes[logical_id][name]
        except KeyError:
            raise UnresolvedError(f"Fn::GetAtt {logical_id}.{name}") from None

    def _function(self, function: str, arguments: Any) -> Any:
        if function == "Fn::GetAtt":
            parts = arguments if isinstance(arguments, list) else arguments.split(".", 1)
            return self._attribute(parts[0], parts[1])
        if function == "Fn::If":
            return self.value(arguments[1] if self._condition(arguments[0]) else arguments[2])
        if function == "Fn::Sub":
            return self._substitute(arguments)
        content = self.value(arguments)
        if function not in self._FUNCTIONS:
            raise UnresolvedError(f"{function} {content}")
        return self._FUNCTIONS[function](self, content)

    def _find_in_map(self, content: Any) -> Any:
        return self._section("Mappings")[content[0]][content[1]][content[2]]

    def _import(self, name: str) -> str:
        if name not in self._exports:
            raise UnresolvedError(f"Fn::ImportValue {name}")
        return str(self._exports[name])

    # The functions all of whose arguments are resolved first.
    _FUNCTIONS: ClassVar[dict[str, Callable[[Resolver, Any], Any]]] = {
        "Fn::Base64": lambda self, content: base64.b64encode(str(content).encode()).decode(),
        "Fn::FindInMap": _find_in_map,
        "Fn::GetAZs": lambda self, content: [f"{content or self.stack.region}{letter}" for letter in "abc"],
        "Fn::ImportValue": _import,
        "Fn::Join": lambda self, content: content[0].join(str(entry) for entry in content[1]),
        "Fn::Select": lambda self, content: content[1][int(content[0])],
        "Fn::Split": lambda self, content: str(content[1]).split(content[0]),
    }

    def _substitute(self, arguments: Any) -> str:
        text, own = (arguments, {}) if isinstance(arguments, str) else (arguments[0], self.value(arguments[1]))

        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return str(own[name])
            if "." in name:
                return str(self._attribute(*name.split(".", 1)))
            return str(self._reference(name))

        return re.sub(r"\$\{([^}]+)\}", replaced, text)
