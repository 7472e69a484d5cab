"""Identity, keys, logs, alarms, topics, secrets and storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, first, same

if TYPE_CHECKING:
    from local.clients import Clients


def _role(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    iam = clients("iam")
    found = first(iam.get_role(RoleName=name), "Role")
    if not found:
        return None
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    wanted = {entry["PolicyName"] for entry in desired.get("Policies") or []}
    inline = [
        {
            "PolicyName": policy,
            "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"],
        }
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        if policy in wanted
    ]
    # Managed policies of the template attach themselves to the role as well.
    named = desired.get("ManagedPolicyArns") or []
    arns = [entry["PolicyArn"] for entry in attached if entry["PolicyArn"] in named]
    boundary = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return {**found, "ManagedPolicyArns": arns, "Policies": inline, "PermissionsBoundary": boundary}


def _managed_policy(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    iam = clients("iam")
    found = first(iam.get_policy(PolicyArn=arn), "Policy")
    if not found:
        return None
    version = iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    return {
        **found,
        "PolicyDocument": version["Document"],
        "Roles": [entry["RoleName"] for entry in entities["PolicyRoles"]],
    }


def _inline_policy(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    name = desired["PolicyName"]
    roles, document = [], None
    for role in desired.get("Roles") or []:
        found = clients("iam").get_role_policy(RoleName=role, PolicyName=name)
        roles.append(found["RoleName"])
        document = found["PolicyDocument"]
    return {"PolicyName": name, "PolicyDocument": document, "Roles": roles} if document else None


def _profile(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    found = first(clients("iam").get_instance_profile(InstanceProfileName=name), "InstanceProfile")
    return {**found, "Roles": [entry["RoleName"] for entry in found["Roles"]]} if found else None


def _key(clients: Clients, key_id: str, desired: dict[str, Any]) -> Description | None:
    kms = clients("kms")
    found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
    return {
        **found,
        "KeyPolicy": kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        "Tags": [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags],
    }


def _alias(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    for page in clients("kms").get_paginator("list_aliases").paginate():
        for entry in page["Aliases"]:
            if entry["AliasName"] == name:
                return {"AliasName": name, "TargetKeyId": [entry["TargetKeyId"]]}
    return None


def _alias_target(found: Description) -> Any:
    return found["TargetKeyId"]


def _log_group(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    logs = clients("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found = next((group for group in groups if group["logGroupName"] == name), None)
    return {**found, "Tags": logs.list_tags_log_group(logGroupName=name)["tags"]} if found else None


def _alarm(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    cloudwatch = clients("cloudwatch")
    found = first(cloudwatch.describe_alarms(AlarmNames=[name]), "MetricAlarms")
    return {**found, "Tags": cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]} if found else None


def _composite(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    return first(clients("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"]), "CompositeAlarms")


def _dashboard(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    found: Description = clients("cloudwatch").get_dashboard(DashboardName=name)
    return found


def _topic(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    sns = clients("sns")
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    return {**attributes, "TopicName": arn.rpartition(":")[2], "Tags": tags}


def _subscription(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    found: Description = clients("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return found


def _topic_policy(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    policies = [clients("sns").get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy") for arn in desired["Topics"]]
    return {"Topics": desired["Topics"], "PolicyDocument": policies[0]} if policies else None


def _secret(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    found: Description = clients("secretsmanager").describe_secret(SecretId=arn)
    return found


def _parameter(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    ssm = clients("ssm")
    found = first(ssm.get_parameter(Name=name), "Parameter")
    if not found:
        return None
    # The value has no description, and the description no value.
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    described = first(ssm.describe_parameters(ParameterFilters=filters), "Parameters") or {}
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return {**found, "Description": described.get("Description"), "Tags": {tag["Key"]: tag["Value"] for tag in tags}}


def _bucket(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    """A bucket; each of its configurations only where the template has one."""
    s3 = clients("s3")
    s3.head_bucket(Bucket=name)
    answer: dict[str, Any] = {"BucketName": name}
    if "BucketEncryption" in desired:
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        answer["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [_encryption(rule) for rule in rules]}
    if "PublicAccessBlockConfiguration" in desired:
        found = s3.get_public_access_block(Bucket=name)
        answer["PublicAccessBlockConfiguration"] = found["PublicAccessBlockConfiguration"]
    if "VersioningConfiguration" in desired:
        answer["VersioningConfiguration"] = {"Status": s3.get_bucket_versioning(Bucket=name).get("Status")}
    if "OwnershipControls" in desired:
        answer["OwnershipControls"] = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
    if "LifecycleConfiguration" in desired:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        answer["LifecycleConfiguration"] = {"Rules": [_lifecycle_rule(rule) for rule in rules]}
    if "LoggingConfiguration" in desired:
        enabled = s3.get_bucket_logging(Bucket=name).get("LoggingEnabled", {})
        target = {"DestinationBucketName": enabled.get("TargetBucket"), "LogFilePrefix": enabled.get("TargetPrefix")}
        answer["LoggingConfiguration"] = target
    if "Tags" in desired:
        answer["Tags"] = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    return answer


def _encryption(rule: dict[str, Any]) -> dict[str, Any]:
    """An encryption rule in the template's spelling."""
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return {
        "ServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
    }


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A lifecycle rule in the template's spelling."""
    expiration = rule.get("Expiration", {})
    return {
        **rule,
        "Id": rule.get("ID"),
        "Prefix": rule.get("Filter", {}).get("Prefix"),
        "ExpirationInDays": expiration.get("Days"),
        "ExpiredObjectDeleteMarker": expiration.get("ExpiredObjectDeleteMarker"),
        "Transitions": _transitions(rule.get("Transitions", []), "Days"),
        "NoncurrentVersionTransitions": _transitions(rule.get("NoncurrentVersionTransitions", []), "NoncurrentDays"),
    }


def _transitions(moves: list[dict[str, Any]], days: str) -> list[dict[str, Any]]:
    return [{"StorageClass": move["StorageClass"], "TransitionInDays": move[days]} for move in moves]


def _bucket_policy(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    policy = clients("s3").get_bucket_policy(Bucket=desired["Bucket"])["Policy"]
    return {"Bucket": desired["Bucket"], "PolicyDocument": policy}


_ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "OKActions",
    "InsufficientDataActions",
    "Tags",
)

COMPARISONS = {
    "AWS::IAM::Role": Comparison(
        describe=_role,
        properties=same(
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ),
    ),
    "AWS::IAM::ManagedPolicy": Comparison(
        describe=_managed_policy,
        properties={**same("Description", "Path", "PolicyDocument", "Roles"), "ManagedPolicyName": "PolicyName"},
    ),
    "AWS::IAM::Policy": Comparison(describe=_inline_policy, properties=same("PolicyName", "PolicyDocument", "Roles")),
    "AWS::IAM::InstanceProfile": Comparison(describe=_profile, properties=same("InstanceProfileName", "Path", "Roles")),
    "AWS::KMS::Key": Comparison(
        describe=_key,
        properties=same("Description", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "MultiRegion", "Tags"),
    ),
    "AWS::KMS::Alias": Comparison(describe=_alias, properties={"AliasName": "AliasName", "TargetKeyId": _alias_target}),
    "AWS::Logs::LogGroup": Comparison(
        describe=_log_group,
        properties={
            "LogGroupName": "logGroupName",
            "RetentionInDays": "retentionInDays",
            "KmsKeyId": "kmsKeyId",
            "LogGroupClass": "logGroupClass",
            "DeletionProtectionEnabled": "deletionProtectionEnabled",
            "Tags": "Tags",
        },
    ),
    "AWS::CloudWatch::Alarm": Comparison(
        describe=_alarm,
        properties=same(
            *_ALARM,
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "Namespace",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
            "Unit",
        ),
    ),
    "AWS::CloudWatch::CompositeAlarm": Comparison(describe=_composite, properties=same(*_ALARM, "AlarmRule")),
    "AWS::CloudWatch::Dashboard": Comparison(describe=_dashboard, properties=same("DashboardName", "DashboardBody")),
    "AWS::SNS::Topic": Comparison(
        describe=_topic,
        properties=same("DisplayName", "KmsMasterKeyId", "TopicName", "Tags"),
        stored=frozenset({"KmsMasterKeyId"}),
    ),
    "AWS::SNS::Subscription": Comparison(describe=_subscription, properties=same("Endpoint", "Protocol", "TopicArn")),
    "AWS::SNS::TopicPolicy": Comparison(describe=_topic_policy, properties=same("PolicyDocument", "Topics")),
    "AWS::SecretsManager::Secret": Comparison(describe=_secret, properties=same("Description", "KmsKeyId", "Name", "Tags")),
    "AWS::SSM::Parameter": Comparison(describe=_parameter, properties=same("Description", "Name", "Tags", "Type", "Value")),
    "AWS::S3::Bucket": Comparison(
        describe=_bucket,
        properties=same(
            "BucketEncryption",
            "BucketName",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        ),
    ),
    "AWS::S3::BucketPolicy": Comparison(describe=_bucket_policy, properties=same("Bucket", "PolicyDocument")),
}
