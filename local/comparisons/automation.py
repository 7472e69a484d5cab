"""Functions, queues, tables and rules: the parts of the automation."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, same

if TYPE_CHECKING:
    from local.clients import Clients


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags that an API reports as a mapping."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _table(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    client = clients("dynamodb")
    found = client.describe_table(TableName=name)["Table"]
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    encryption = found.get("SSEDescription") or {}
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    described = {
        "PointInTimeRecoveryEnabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        "RecoveryPeriodInDays": recovery.get("RecoveryPeriodInDays"),
    }
    sse = {
        "SSEEnabled": encryption.get("Status") == "ENABLED",
        "SSEType": encryption.get("SSEType"),
        "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
    }
    return {
        **found,
        "BillingMode": (found.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "PointInTimeRecoverySpecification": described,
        "SSESpecification": sse,
        # A global table is the same table with the settings of each region under its replica.
        "Replicas": [
            {
                "Region": clients.region,
                "PointInTimeRecoverySpecification": described,
                "SSESpecification": sse,
                "DeletionProtectionEnabled": found.get("DeletionProtectionEnabled", False),
                "Tags": client.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
            }
        ],
        "Tags": client.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
    }


def _queue(clients: Clients, url: str, desired: dict[str, Any]) -> Description | None:
    client = clients("sqs")
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    tags = client.list_queue_tags(QueueUrl=url).get("Tags", {})
    return {**found, "QueueName": found["QueueArn"].rpartition(":")[2], "Tags": _listed(tags)}


def _queue_policy(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    client = clients("sqs")
    policies = [
        client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
        for url in desired["Queues"]
    ]
    same_everywhere = policies and all(policy == policies[0] for policy in policies)
    return {"Queues": desired["Queues"], "PolicyDocument": policies[0] if same_everywhere else None}


def _function(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    client = clients("lambda")
    answer = client.get_function(FunctionName=name)
    found = answer["Configuration"]
    return {
        **found,
        "Code": _code(clients, found["CodeSha256"], desired.get("Code") or {}),
        "Layers": [layer["Arn"] for layer in found.get("Layers", [])],
        "ReservedConcurrentExecutions": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Tags": _listed(answer.get("Tags", {})),
    }


def _code(clients: Clients, digest: str, desired: dict[str, Any]) -> dict[str, Any] | None:
    """The code, if what runs is what the template's asset holds."""
    if "S3Bucket" not in desired:
        return None
    content = clients("s3").get_object(Bucket=desired["S3Bucket"], Key=desired["S3Key"])["Body"].read()
    return desired if base64.b64encode(hashlib.sha256(content).digest()).decode() == digest else None


def _event_invoke_config(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found: Description = clients("lambda").get_function_event_invoke_config(
        FunctionName=desired["FunctionName"], Qualifier=desired["Qualifier"]
    )
    return {**found, "FunctionName": desired["FunctionName"], "Qualifier": found["FunctionArn"].rpartition(":")[2]}


def _source_mapping(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found: Description = clients("lambda").get_event_source_mapping(UUID=identifier)
    wanted = desired["FunctionName"]
    named = found["FunctionArn"] if wanted.startswith("arn:") else found["FunctionArn"].rpartition(":")[2]
    arn = f"arn:aws:lambda:{clients.region}:{clients.account}:event-source-mapping:{identifier}"
    tags = _listed(clients("lambda").list_tags(Resource=arn)["Tags"])
    return {**found, "FunctionName": named, "Tags": tags, "Enabled": found["State"] in ("Enabled", "Enabling", "Creating")}


def _permission(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """The statement that says what the template does: its id is CloudFormation's to choose."""
    policy = json.loads(clients("lambda").get_policy(FunctionName=desired["FunctionName"])["Policy"])
    for statement in policy["Statement"]:
        conditions = statement.get("Condition", {})
        described = {
            "FunctionName": desired["FunctionName"],
            "Action": statement["Action"],
            "Principal": statement["Principal"].get("Service", statement["Principal"].get("AWS")),
            "SourceArn": conditions.get("ArnLike", {}).get("AWS:SourceArn"),
            "SourceAccount": conditions.get("StringEquals", {}).get("AWS:SourceAccount"),
        }
        if all(described.get(name) == value for name, value in desired.items()):
            return described
    return None


def _rule(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    client = clients("events")
    # `Ref` is the rule's name, or bus and name for a bus of one's own.
    name = identifier.rpartition("|")[2].rpartition("/")[2]
    found: Description = client.describe_rule(Name=name)
    listed = client.list_targets_by_rule(Rule=name)["Targets"]
    tags = client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"] if "Tags" in desired else []
    return {**found, "Targets": listed, "Tags": tags}


_TABLE = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "KeySchema",
    "PointInTimeRecoverySpecification",
    "Replicas",
    "SSESpecification",
    "TableName",
    "Tags",
)
# Where and how it is kept; nothing in the emulator acts on it.
_KEPT_OF_TABLES = frozenset({"PointInTimeRecoverySpecification", "SSESpecification"})

COMPARISONS = {
    "AWS::DynamoDB::Table": Comparison(describe=_table, properties=same(*_TABLE), stored=_KEPT_OF_TABLES),
    "AWS::DynamoDB::GlobalTable": Comparison(describe=_table, properties=same(*_TABLE), stored=_KEPT_OF_TABLES),
    "AWS::SQS::Queue": Comparison(
        describe=_queue,
        properties={
            **same(
                "ContentBasedDeduplication",
                "DeduplicationScope",
                "DelaySeconds",
                "FifoQueue",
                "FifoThroughputLimit",
                "KmsDataKeyReusePeriodSeconds",
                "KmsMasterKeyId",
                "MaximumMessageSize",
                "MessageRetentionPeriod",
                "QueueName",
                "ReceiveMessageWaitTimeSeconds",
                "RedriveAllowPolicy",
                "RedrivePolicy",
                "SqsManagedSseEnabled",
                "Tags",
                "VisibilityTimeout",
            )
        },
        stored=frozenset({"KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled"}),
    ),
    "AWS::SQS::QueuePolicy": Comparison(describe=_queue_policy, properties=same("PolicyDocument", "Queues")),
    "AWS::Lambda::Function": Comparison(
        describe=_function,
        properties={
            **same(
                "Architectures",
                "Code",
                "DeadLetterConfig",
                "Description",
                "Environment",
                "EphemeralStorage",
                "FunctionName",
                "Handler",
                "Layers",
                "LoggingConfig",
                "MemorySize",
                "ReservedConcurrentExecutions",
                "Role",
                "Runtime",
                "Tags",
                "Timeout",
                "TracingConfig",
                "VpcConfig",
            ),
            "KmsKeyArn": "KMSKeyArn",
        },
        # The emulator runs every function with its own Python, on its own network, with the memory there is.
        stored=frozenset(
            {"Architectures", "EphemeralStorage", "KmsKeyArn", "MemorySize", "Runtime", "TracingConfig", "VpcConfig"}
        ),
    ),
    "AWS::Lambda::EventInvokeConfig": Comparison(
        describe=_event_invoke_config,
        properties=same("DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"),
    ),
    "AWS::Lambda::EventSourceMapping": Comparison(
        describe=_source_mapping,
        properties=same(
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
            "Tags",
        ),
    ),
    "AWS::Lambda::Permission": Comparison(
        describe=_permission, properties=same("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn")
    ),
    "AWS::Events::Rule": Comparison(
        describe=_rule,
        properties=same("Description", "EventPattern", "Name", "ScheduleExpression", "State", "Tags", "Targets"),
    ),
}
