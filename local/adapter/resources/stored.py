"""Types the emulator has no API for at all: their properties are kept, reported as stored, and do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.adapter import emulator, record
from local.adapter.ec2 import common
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, Resource

Identity = Callable[[Resource], Made]


def handler(identity: Identity, known: tuple[str, ...], replacing: tuple[str, ...] = ()) -> Handler:
    """A type that is only stored.

    Args:
        identity: Gives a new resource its physical id and attributes.
        known: The properties kept.
        replacing: Those whose change makes a new resource.
    """

    def create(resource: Resource) -> Made:
        made = identity(resource)
        record.store(resource.type, resource.stack, resource.logical_id, made[0], resource.properties)
        _attributes[made[0]] = made[1]
        return made

    def update(physical_id: str, old: Properties, resource: Resource) -> Made:
        record.store(resource.type, resource.stack, resource.logical_id, physical_id, resource.properties)
        return physical_id, _attributes[physical_id]

    def delete(physical_id: str, properties: Properties) -> None:
        record.unstore(physical_id)
        _attributes.pop(physical_id, None)

    return Handler(create=create, update=update, delete=delete, known=known, replacing=replacing)


_attributes: dict[str, dict[str, Any]] = {}


def _document(resource: Resource) -> Made:
    """An SSM document: its name, given or generated, which must be free."""
    name = resource.properties.get("Name") or resource.name(128)
    if record.is_stored(name):
        raise AwsError("DocumentAlreadyExists", f"Document with same name {name} already exists")
    return name, {}


def _lifecycle_policy(resource: Resource) -> Made:
    """A DLM policy: its id and ARN."""
    identifier = common.new_id("policy")
    arn = f"arn:aws:dlm:{emulator.region()}:{emulator.account()}:policy/{identifier}"
    return identifier, {"Arn": arn, "PolicyId": identifier}


def _waf_logging(resource: Resource) -> Made:
    """A web ACL's logging: identified by the web ACL."""
    return resource.properties["ResourceArn"], {"ManagedByFirewallManager": False}


HANDLERS = {
    "AWS::SSM::Document": handler(
        _document,
        (
            "Content",
            "DocumentFormat",
            "DocumentType",
            "Name",
            "Requires",
            "Tags",
            "TargetType",
            "UpdateMethod",
            "VersionName",
        ),
        ("Name", "DocumentType"),
    ),
    "AWS::DLM::LifecyclePolicy": handler(
        _lifecycle_policy, ("Description", "ExecutionRoleArn", "PolicyDetails", "State", "Tags")
    ),
    "AWS::WAFv2::LoggingConfiguration": handler(
        _waf_logging, ("LogDestinationConfigs", "LoggingFilter", "RedactedFields", "ResourceArn"), ("ResourceArn",)
    ),
}
