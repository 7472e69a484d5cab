"""AWS::DynamoDB::Table and GlobalTable, AWS::Lambda::Function: ministack's, with the settings it leaves out."""

from __future__ import annotations

import functools
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, ReplacementError, Resource, changed

_DYNAMODB: Any = emulator.service("dynamodb")
_LAMBDA: Any = emulator.service("lambda_svc")


def _settings(given: Properties) -> Properties:
    """A table's settings; a global table has them at the replica of its own region, but for the kind of encryption."""
    replica: Properties = next((entry for entry in given.get("Replicas") or [] if entry["Region"] == emulator.region()), {})
    encryption = {**(given.get("SSESpecification") or {}), **(replica.get("SSESpecification") or {})}
    return {**given, **replica, "SSESpecification": encryption}


def _keep(name: str, given: Properties) -> None:
    """Keep a table's encryption, recovery, protection and tags."""
    settings, table = _settings(given), _DYNAMODB._tables[name]
    encryption = settings["SSESpecification"]
    named = {"Enabled": "SSEEnabled", "SSEType": "SSEType", "KMSMasterKeyId": "KMSMasterKeyId"}
    request = {api: encryption[template] for api, template in named.items() if template in encryption}
    table["SSEDescription"] = _DYNAMODB._sse_description_from_spec(request) if request else None
    recovery = (settings.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled", False)
    _DYNAMODB._pitr_settings[name] = _true(recovery)
    table["DeletionProtectionEnabled"] = _true(settings.get("DeletionProtectionEnabled", False))
    if settings.get("Tags"):
        tags = [{"Key": entry["Key"], "Value": str(entry.get("Value", ""))} for entry in settings["Tags"]]
        _DYNAMODB._tags[table["TableArn"]] = tags


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def create_table(original: str, resource: Resource) -> Made:
    """Create a table."""
    made: Made = getattr(emulator.provisioners, original)(resource.logical_id, resource.properties, resource.stack)
    _keep(made[0], resource.properties)
    return made


def update_table(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a table in place, with its items."""
    made: Made = emulator.provisioners._ddb_update(physical_id, old, resource.properties, resource.stack, resource.logical_id)
    _keep(made[0], resource.properties)
    return made


def update_global_table(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a global table in place; another key makes another table."""
    if changed(old, resource.properties) & {"KeySchema", "LocalSecondaryIndexes"}:
        raise ReplacementError
    made: Made = emulator.provisioners._ddb_global_table_update(physical_id, old, resource.properties, resource.stack)
    _keep(made[0], resource.properties)
    return made


def delete_table(physical_id: str, properties: Properties) -> None:
    """Delete a table, refused while it is protected ("Using deletion protection", DynamoDB Developer Guide)."""
    table = _DYNAMODB._tables.get(physical_id)
    if table and table.get("DeletionProtectionEnabled"):
        message = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        raise AwsError("ValidationException", message)
    emulator.provisioners._ddb_delete(physical_id, properties)


def create_function(resource: Resource) -> Made:
    """Create a function."""
    _check(resource.properties)
    made: Made = emulator.provisioners._lambda_create(resource.logical_id, resource.properties, resource.stack)
    _set(made[0], resource.properties)
    return made


def _check(given: Properties) -> None:
    """Refuse a network that isn't there, as Lambda does when it is told of it."""
    for subnet in (given.get("VpcConfig") or {}).get("SubnetIds") or []:
        common.subnet(subnet)


def _set(name: str, given: Properties) -> None:
    """Keep the function's network, its key and its dead letters, and reserve its concurrency, which is enforced."""
    function = _LAMBDA._functions[name]
    if "VpcConfig" in given:
        function["config"]["VpcConfig"] = _LAMBDA._vpc_config_with_id(given["VpcConfig"])
    else:
        function["config"].pop("VpcConfig", None)
    for prop, kept in (("KmsKeyArn", "KMSKeyArn"), ("DeadLetterConfig", "DeadLetterConfig")):
        function["config"].pop(kept, None)
        if given.get(prop):
            function["config"][kept] = given[prop]
    reserved = given.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def update_function(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a function in place; its environments start anew."""
    _check(resource.properties)
    made: Made = emulator.provisioners._lambda_update(
        physical_id, old, resource.properties, resource.stack, resource.logical_id
    )
    _set(made[0], resource.properties)
    return made


def delete_function(physical_id: str, properties: Properties) -> None:
    """Delete a function."""
    emulator.provisioners._lambda_delete(physical_id, properties)


def create_source_mapping(resource: Resource) -> Made:
    """Connect a function with an event source."""
    made: Made = emulator.provisioners._lambda_esm_create(resource.logical_id, resource.properties, resource.stack)
    return _tagged(made, resource.properties)


def _tagged(made: Made, given: Properties) -> Made:
    """Keep the tags of a source mapping."""
    tags = {entry["Key"]: str(entry.get("Value", "")) for entry in given.get("Tags") or []}
    _LAMBDA._esms[made[0]]["Tags"] = tags
    return made


def update_source_mapping(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a source mapping in place."""
    made: Made = emulator.provisioners._lambda_esm_update(physical_id, old, resource.properties, resource.stack)
    return _tagged(made, resource.properties)


def delete_source_mapping(physical_id: str, properties: Properties) -> None:
    """Take a function off an event source."""
    emulator.provisioners._lambda_esm_delete(physical_id, properties)


_TABLE = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "SSESpecification",
    "StreamSpecification",
    "TableName",
)

HANDLERS = {
    "AWS::DynamoDB::Table": Handler(
        create=functools.partial(create_table, "_ddb_create"),
        update=update_table,
        delete=delete_table,
        known=(*_TABLE, "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "ProvisionedThroughput", "Tags"),
        replacing=("TableName", "ImportSourceSpecification"),
        tags=True,
    ),
    "AWS::DynamoDB::GlobalTable": Handler(
        create=functools.partial(create_table, "_ddb_global_table_create"),
        update=update_global_table,
        delete=delete_table,
        known=(*_TABLE, "ReadProvisionedThroughputSettings", "Replicas", "WriteProvisionedThroughputSettings"),
        replacing=("TableName",),
    ),
    "AWS::Lambda::Function": Handler(
        create=create_function,
        update=update_function,
        delete=delete_function,
        known=(
            "Architectures",
            "Code",
            "DeadLetterConfig",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FunctionName",
            "Handler",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "SnapStart",
            "Tags",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        ),
        replacing=("FunctionName", "PackageType", "TenancyConfig"),
        tags=True,
    ),
    "AWS::Lambda::EventSourceMapping": Handler(
        create=create_source_mapping,
        update=update_source_mapping,
        delete=delete_source_mapping,
        known=(
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
            "Tags",
        ),
        replacing=("EventSourceArn",),
        tags=True,
    ),
}
