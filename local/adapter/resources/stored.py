"""Types the emulator has no API for at all: their properties are kept, reported as stored, and do nothing."""

from __future__ import annotations

import uuid
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
        _attributes[emulator.region(), made[0]] = made[1]
        return made

    def update(physical_id: str, old: Properties, resource: Resource) -> Made:
        record.store(resource.type, resource.stack, resource.logical_id, physical_id, resource.properties)
        return physical_id, _attributes[emulator.region(), physical_id]

    def delete(physical_id: str, properties: Properties) -> None:
        record.unstore(physical_id)
        _attributes.pop((emulator.region(), physical_id), None)

    return Handler(create=create, update=update, delete=delete, known=known, replacing=replacing)


_attributes: dict[tuple[str, str], dict[str, Any]] = {}


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


def _direct_connect_gateway(resource: Resource) -> Made:
    """A Direct Connect gateway, which is global; its physical id is its ARN."""
    identifier = str(uuid.uuid4())
    arn = f"arn:aws:directconnect::{emulator.account()}:dx-gateway/{identifier}"
    return arn, {"DirectConnectGatewayArn": arn, "DirectConnectGatewayId": identifier}


def _direct_connect_association(resource: Resource) -> Made:
    """The association of a virtual private gateway with a Direct Connect gateway."""
    identifier = str(uuid.uuid4())
    return identifier, {"AssociationId": identifier}


def _region_switch_plan(resource: Resource) -> Made:
    """A plan of ARC Region switch."""
    suffix = uuid.uuid4().hex[:6]
    arn = f"arn:aws:arc-region-switch::{emulator.account()}:plan/{resource.properties['Name']}:{suffix}"
    return arn, {"Arn": arn, "Owner": emulator.account(), "Version": "1"}


HANDLERS = {
    "AWS::ARCRegionSwitch::Plan": handler(
        _region_switch_plan,
        (
            "AssociatedAlarms",
            "Description",
            "ExecutionRole",
            "Name",
            "PrimaryRegion",
            "RecoveryApproach",
            "RecoveryTimeObjectiveMinutes",
            "Regions",
            "ReportConfiguration",
            "Tags",
            "Triggers",
            "Workflows",
        ),
        ("Name", "PrimaryRegion", "RecoveryApproach", "Regions"),
    ),
    "AWS::DirectConnect::DirectConnectGateway": handler(
        _direct_connect_gateway, ("AmazonSideAsn", "DirectConnectGatewayName", "Tags"), ("AmazonSideAsn",)
    ),
    "AWS::DirectConnect::DirectConnectGatewayAssociation": handler(
        _direct_connect_association,
        ("AllowedPrefixesToDirectConnectGateway", "AssociatedGatewayId", "DirectConnectGatewayId"),
        ("AssociatedGatewayId", "DirectConnectGatewayId"),
    ),
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
