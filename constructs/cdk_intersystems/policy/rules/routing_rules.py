"""Rules about names that lead to one of two regions: the region latch says which, and a person says when."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from cdk_intersystems.model.region_latch import latch_path
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.rule import Finding, rule

HEALTH_CHECK = "AWS::Route53::HealthCheck"
RECORD = "AWS::Route53::RecordSet"
BUCKET = "AWS::S3::Bucket"
_ALARM = "AWS::CloudWatch::Alarm"
# What says that the DR region holds the traffic, 0 or 1.
_HOLDS = "DrHoldsTraffic"
# Source: Route 53 Developer Guide, "Values specific for failover records", TTL.
_LONGEST_TTL = 60
_ALL_BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

Holder = Literal["primary", "dr"]


@rule(
    "IRIS-34",
    "of the records that lead to one region or the other, the primary region's is answered only while it holds the latch, and "
    "the DR region's by the latch alone",
    fix="use RegionRouting, which defines the records and their health checks",
)
def failover_is_latched(app: Assembly) -> Iterator[Finding]:
    """Otherwise a recovered region takes its clients back by itself, or a failover within the DR region gives them back."""
    checks: dict[str, dict[str, Resource | None]] = {}
    for record in app.resources(RECORD):
        failover = record.properties.get("Failover")
        if failover is None:
            continue
        check = app.find(record.stack, _id_of(record.properties.get("HealthCheckId", "")))
        checks.setdefault(str(record.properties.get("Name")), {})[failover] = check
        if check is None:
            yield Finding(record, f"the {failover} record has no health check", "Properties.HealthCheckId")
        elif failover == "PRIMARY" and not _needs(app, check, "primary"):
            yield Finding(record, "the PRIMARY record is healthy while the DR region holds the traffic", "Properties")
        elif failover == "SECONDARY" and held_by(app, check) not in ("dr", "control"):
            yield Finding(record, "the SECONDARY record's health is another's than the latch's", "Properties.HealthCheckId")
        if int(record.properties.get("TTL", _LONGEST_TTL + 1)) > _LONGEST_TTL:
            yield Finding(record, f"clients keep the answer for more than {_LONGEST_TTL} s", "Properties.TTL")
    for record in app.resources(RECORD):
        pair = checks[str(record.properties.get("Name"))] if record.properties.get("Failover") else {}
        if len(pair) == 1:
            yield Finding(record, "the record of the other region is missing", "Properties.Failover")
        controls = [_controls(app, check) for check in pair.values() if check]
        if len(controls) == len(pair) > 1 and set.intersection(*controls):
            yield Finding(record, "both regions have one routing control", "Properties.HealthCheckId")
    for check in app.resources(HEALTH_CHECK):
        config = _config(check)
        if config.get("Type") == "CLOUDWATCH_METRIC" and config.get("InsufficientDataHealthStatus") != "LastKnownStatus":
            message = "without data the check forgets which region holds the traffic"
            yield Finding(check, message, "Properties.HealthCheckConfig.InsufficientDataHealthStatus")


@rule(
    "IRIS-36",
    "no S3 bucket is public",
    fix="block all public access; the one object of a latch that the YAML calls public is acknowledged where it is defined",
)
def no_public_bucket(app: Assembly) -> Iterator[Finding]:
    """Neither by what a bucket leaves open, nor by a policy for everybody."""
    for bucket in app.resources(BUCKET):
        blocked = bucket.properties.get("PublicAccessBlockConfiguration", {})
        if any(blocked.get(key) is not True for key in _ALL_BLOCKED):
            message = "public access isn't blocked altogether"
            yield Finding(bucket, message, "Properties.PublicAccessBlockConfiguration")
    for policy in app.resources("AWS::S3::BucketPolicy"):
        statements = policy.properties.get("PolicyDocument", {}).get("Statement", [])
        for number, statement in enumerate(statements):
            if statement.get("Effect") == "Allow" and _is_everybody(statement.get("Principal")):
                message = "the policy lets everybody in"
                yield Finding(policy, message, f"Properties.PolicyDocument.Statement[{number}]")


ROUTING_RULES = (failover_is_latched, no_public_bucket)


def held_by(app: Assembly, check: Resource) -> Holder | Literal["control"] | None:
    """Which region has to hold the traffic for a health check to be healthy; `control` if a routing control of its own says so.

    None if the check is about something else.
    """
    config = _config(check)
    match config.get("Type"):
        case "RECOVERY_CONTROL":
            return "control"
        case "CLOUDWATCH_METRIC":
            alarm = app.find(check.stack, config.get("AlarmIdentifier", {}).get("Name", ""))
            holds: Holder | None = "primary" if alarm and _is_about_the_latch(alarm) else None
        case "HTTPS" if config.get("ResourcePath") == latch_path():
            holds = "dr"
        case "CALCULATED" if len(children := _children(app, check)) == 1:
            inner = held_by(app, children[0])
            return inner if inner in (None, "control") or config.get("Inverted") is not True else _other(inner)
        case _:
            return None
    return _other(holds) if holds and config.get("Inverted") is True else holds


def _needs(app: Assembly, check: Resource, holder: Holder) -> bool:
    """Whether a check is healthy only while a region holds the traffic, whatever else it asks."""
    if held_by(app, check) in (holder, "control"):
        return True
    config = _config(check)
    children = _children(app, check)
    if config.get("Type") != "CALCULATED" or config.get("HealthThreshold") != len(children) or config.get("Inverted"):
        return False
    return any(_needs(app, child, holder) for child in children)


def _other(holder: Holder | Literal["control"]) -> Holder:
    return "dr" if holder == "primary" else "primary"


def _controls(app: Assembly, check: Resource) -> set[str]:
    """The routing controls a check is about, by ARN."""
    own = {str(_config(check)["RoutingControlArn"])} if "RoutingControlArn" in _config(check) else set()
    return own.union(*(_controls(app, child) for child in _children(app, check)))


def _is_about_the_latch(alarm: Resource) -> bool:
    return alarm.type == _ALARM and alarm.properties.get("MetricName") == _HOLDS


def _children(app: Assembly, check: Resource) -> list[Resource]:
    named = [app.find(check.stack, _id_of(each)) for each in _config(check).get("ChildHealthChecks", [])]
    return [child for child in named if child]


def _config(check: Resource) -> Mapping[str, Any]:
    config: Mapping[str, Any] = check.properties.get("HealthCheckConfig", {})
    return config


def _id_of(value: Any) -> Any:
    """A reference to a health check, whose id is an attribute too."""
    match value:
        case {"Fn::GetAtt": [name, "HealthCheckId"]}:
            return {"Ref": name}
        case _:
            return value


def _is_everybody(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any(_is_everybody(each) for each in principal.values())
    if isinstance(principal, list):
        return any(_is_everybody(each) for each in principal)
    return bool(principal == "*")
