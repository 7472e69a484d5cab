"""Rules about what may stand in a template at all."""

import re
from collections.abc import Iterator
from typing import Any

from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LAUNCH_TEMPLATE
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.user_data import runs_first_boot, user_data

_SECRET_NAME = re.compile(r"passw(or)?d|passphrase|secret|token|private.?key|license.?key", re.IGNORECASE)
# A literal of four characters or more behind such a name, but neither a variable, a reference nor a placeholder.
_SECRET_ASSIGNMENT = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?(?![$<{]|arn:|\{\{resolve:)[^\s\"'$<{]{4,}",
    re.IGNORECASE,
)
_KEY_MATERIAL = re.compile(r"\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")


@rule(
    "IRIS-19",
    "there is no custom resource",
    fix="use what CloudFormation has; a custom resource needs a function, a role and a region that works at every deployment",
)
def no_custom_resource(app: Assembly) -> Iterator[Finding]:
    """Nor one the CDK brings along."""
    for resource in app.resources():
        if resource.type.startswith("Custom::") or resource.type == "AWS::CloudFormation::CustomResource":
            yield Finding(resource, f"{resource.type} is a custom resource", "Type")


@rule(
    "IRIS-20",
    "no secret stands in a template",
    fix="keep it in Secrets Manager, and let the host or function that needs it read it there",
)
def no_secret(app: Assembly) -> Iterator[Finding]:
    """In user data, parameters, environment variables, or secrets with a value."""
    yield from _secret_parameters(app)
    for resource in app.resources():
        for location, text in _texts(resource):
            if _KEY_MATERIAL.search(text):
                yield Finding(resource, "there is a private or access key in the template", location)
    for host in app.resources(INSTANCE, LAUNCH_TEMPLATE):
        # The library's own asks the metadata service for tokens. It is the same everywhere, so it can't have a secret.
        if not runs_first_boot(host) and _SECRET_ASSIGNMENT.search(user_data(host)):
            yield Finding(host, "there is a secret in the user data", "Properties.UserData")
    for resource in app.resources("AWS::SecretsManager::Secret"):
        if isinstance(resource.properties.get("SecretString"), str):
            yield Finding(resource, "the secret's value stands in the template", "Properties.SecretString")
    for function in app.resources("AWS::Lambda::Function"):
        for name, value in function.properties.get("Environment", {}).get("Variables", {}).items():
            if _SECRET_NAME.search(name) and isinstance(value, str) and not _is_reference(value):
                yield Finding(function, f"variable {name} holds a secret", f"Properties.Environment.Variables.{name}")


@rule(
    "IRIS-21",
    "if any role has a permissions boundary, every role has it",
    fix="apply the boundary to the whole app: PermissionsBoundary.of(app).apply(...)",
)
def one_boundary(app: Assembly) -> Iterator[Finding]:
    """A role without it would be the way around it."""
    roles = list(app.resources("AWS::IAM::Role", "AWS::IAM::User"))
    boundaries = {str(role.properties["PermissionsBoundary"]) for role in roles if "PermissionsBoundary" in role.properties}
    for role in roles:
        if boundaries and "PermissionsBoundary" not in role.properties:
            yield Finding(role, "the role has no permissions boundary, and others have", "Properties.PermissionsBoundary")
    if len(boundaries) > 1:
        message = f"there are {len(boundaries)} different permissions boundaries"
        yield Finding(roles[0], message, "Properties.PermissionsBoundary")


TEMPLATE_RULES = (no_custom_resource, no_secret, one_boundary)


def _secret_parameters(app: Assembly) -> Iterator[Finding]:
    for stack in app.stacks:
        for name, parameter in stack.template.get("Parameters", {}).items():
            default = str(parameter.get("Default", ""))
            if _SECRET_NAME.search(name) and default and not str(parameter.get("Type", "")).startswith("AWS::SSM::"):
                yield Finding(stack, f"parameter {name} has a secret as its default", f"Parameters.{name}")


def _texts(resource: Resource) -> Iterator[tuple[str, str]]:
    pending: list[tuple[str, Any]] = [("Properties", resource.properties)]
    while pending:
        location, value = pending.pop()
        if isinstance(value, str):
            yield location, value
        elif isinstance(value, dict):
            pending += [(f"{location}.{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            pending += [(f"{location}[{number}]", child) for number, child in enumerate(value)]


def _is_reference(value: str) -> bool:
    """Whether a value only says where the secret is: an ARN, a path, or a dynamic reference."""
    return value.startswith(("arn:", "/", "{{resolve:"))
