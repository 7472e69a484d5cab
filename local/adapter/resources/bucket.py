"""AWS::S3::Bucket: ministack's, with the configurations it leaves out put through its own S3 API."""

from __future__ import annotations

from typing import Any

from local.adapter import api, emulator
from local.adapter.resources.handler import Handler, Made, Properties, Resource

# What ministack's own handler takes care of.
_OWN = (
    "BucketName",
    "CorsConfiguration",
    "NotificationConfiguration",
    "PublicAccessBlockConfiguration",
    "VersioningConfiguration",
    "WebsiteConfiguration",
)


def create(resource: Resource) -> Made:
    """Create the bucket."""
    made: Made = emulator.provisioners._s3_create(resource.logical_id, resource.properties, resource.stack)
    _configure(made[0], {}, resource.properties)
    return _with_attributes(made)


def _with_attributes(made: Made) -> Made:
    """Add the attribute that ministack does not have."""
    name, attributes = made
    return name, {**attributes, "DualStackDomainName": f"{name}.s3.dualstack.{emulator.region()}.amazonaws.com"}


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the bucket's configurations."""
    made: Made = emulator.provisioners._s3_update(physical_id, old, resource.properties, resource.stack)
    _configure(physical_id, old, resource.properties)
    return _with_attributes(made)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the bucket."""
    emulator.provisioners._s3_delete(physical_id, properties)


def _configure(name: str, old: Properties, new: Properties) -> None:
    """Put the configurations of the template, and delete those it has no more."""
    for prop, (put, remove, parameter, convert) in _CONFIGURATIONS.items():
        if prop in new:
            api.call("s3", put, Bucket=name, **{parameter: convert(new[prop])})
        elif prop in old and remove:
            api.call("s3", remove, Bucket=name)


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        default = dict(rule["ServerSideEncryptionByDefault"])
        if default["SSEAlgorithm"].startswith("aws:kms"):
            # Without a key S3 takes its own managed key; ministack would refuse every object.
            default.setdefault("KMSMasterKeyID", "alias/aws/s3")
        entry = {"ApplyServerSideEncryptionByDefault": default}
        if "BucketKeyEnabled" in rule:
            entry["BucketKeyEnabled"] = rule["BucketKeyEnabled"]
        rules.append(entry)
    return {"Rules": rules}


def _lifecycle(given: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule) for rule in given["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A lifecycle rule as the API takes it."""
    entry: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in rule:
            entry[name] = rule[name]
    if "Id" in rule:
        entry["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        entry["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if rule.get("ExpiredObjectDeleteMarker"):
        entry["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "Transitions" in rule:
        entry["Transitions"] = [
            {"Days": move["TransitionInDays"], "StorageClass": move["StorageClass"]} for move in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        entry["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": move["TransitionInDays"], "StorageClass": move["StorageClass"]}
            for move in rule["NoncurrentVersionTransitions"]
        ]
    return entry


def _logging(given: dict[str, Any]) -> dict[str, Any]:
    target = {"TargetBucket": given.get("DestinationBucketName", ""), "TargetPrefix": given.get("LogFilePrefix", "")}
    return {"LoggingEnabled": target}


def _as_it_is(given: Any) -> Any:
    return given


_CONFIGURATIONS: dict[str, tuple[str, str, str, Any]] = {
    "BucketEncryption": (
        "PutBucketEncryption",
        "DeleteBucketEncryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
    ),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        "LifecycleConfiguration",
        _lifecycle,
    ),
    "LoggingConfiguration": ("PutBucketLogging", "", "BucketLoggingStatus", _logging),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        "OwnershipControls",
        _as_it_is,
    ),
    "Tags": ("PutBucketTagging", "DeleteBucketTagging", "Tagging", lambda tags: {"TagSet": tags}),
}

HANDLERS = {
    "AWS::S3::Bucket": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(*_OWN, *_CONFIGURATIONS),
        replacing=("BucketName",),
    )
}
