"""What IAM says to a call, as far as the router's policy needs it: actions, resources, and the conditions that it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast


@dataclass(frozen=True)
class Request:
    """A call as IAM sees it.

    Args:
        action: Service and action.
        resource: ARN of what it is about; `*` where the service has no resource-level permissions for it.
        context: The condition keys of the request, each with its values.
    """

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def listed(value: Any) -> list[Any]:
    """A value of a policy, which may stand alone, as a list."""
    return value if isinstance(value, list) else [value]


def allows(statements: Sequence[Mapping[str, Any]], request: Request) -> bool:
    """Whether the statements allow a request: one allows it, and none denies it."""
    effects = [each["Effect"] for each in statements if _applies(each, request)]
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        any(fnmatchcase(request.action, action) for action in listed(statement["Action"]))
        and any(fnmatchcase(request.resource, arn) for arn in listed(statement["Resource"]))
        and all(
            _holds(operator, request.context.get(key, ()), [str(each) for each in listed(wanted)])
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    )


def _holds(operator: str, given: Sequence[str], wanted: list[str]) -> bool:
    if operator == "Null":
        return (not given) == (wanted == ["true"])
    if operator == "ForAllValues:StringEquals":
        return all(each in wanted for each in given)
    if operator == "ForAllValues:StringLike":
        return all(any(fnmatchcase(each, pattern) for pattern in wanted) for each in given)
    if operator in ("StringEquals", "ArnEquals", "Bool"):
        return any(each in wanted for each in given)
    raise AssertionError(f"a condition of the policy is new to this test: {operator}")


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """A part of a template with its references replaced.

    Args:
        value: The part.
        names: What each logical id and pseudo parameter stands for.
    """
    if isinstance(value, dict):
        if "Fn::Join" in value:
            between, parts = value["Fn::Join"]
            return between.join(resolved(part, names) for part in parts)
        if "Fn::GetAtt" in value:
            return names[value["Fn::GetAtt"][0]]
        if "Ref" in value:
            return names[value["Ref"]]
        return {key: resolved(each, names) for key, each in value.items()}
    return [resolved(each, names) for each in value] if isinstance(value, list) else cast("Any", value)
