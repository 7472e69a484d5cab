"""Ways to break what the rules about the workflow and the names of two regions hold."""

from collections.abc import Callable
from typing import Any

from tests.policy.mutations.templates import (
    MIRROR,
    WEB,
    Mutation,
    Mutations,
    Templates,
    add,
    admit,
    first,
    set_body,
    set_property,
)

REGION = "trakcare-dr-trak-region"

_RECORD = "AWS::Route53::RecordSet"
_CHECK = "AWS::Route53::HealthCheck"
_MACHINE = "AWS::StepFunctions::StateMachine"


def _record(templates: Templates, failover: str) -> dict[str, Any]:
    for body in templates[REGION]["Resources"].values():
        if body["Type"] == _RECORD and body["Properties"].get("Failover") == failover:
            found: dict[str, Any] = body["Properties"]
            return found
    raise LookupError(failover)


def _of_record(failover: str, change: Callable[[dict[str, Any]], object]) -> Mutation:
    return lambda templates: change(_record(templates, failover))


def _same_check(failover: str, other: str) -> Mutation:
    """Give a record the health check of the other one."""

    def mutate(templates: Templates) -> None:
        _record(templates, failover)["HealthCheckId"] = _record(templates, other)["HealthCheckId"]

    return mutate


def _config(templates: Templates, failover: str) -> dict[str, Any]:
    name = _record(templates, failover)["HealthCheckId"]["Fn::GetAtt"][0]
    config: dict[str, Any] = templates[REGION]["Resources"][name]["Properties"]["HealthCheckConfig"]
    return config


def _one_of_two(templates: Templates) -> None:
    """The primary region's record is healthy if it serves, whoever holds the latch."""
    _config(templates, "PRIMARY")["HealthThreshold"] = 1


def _primary_alone(templates: Templates) -> None:
    config = _config(templates, "PRIMARY")
    config["ChildHealthChecks"] = [each for each in config["ChildHealthChecks"] if "Latch" not in each["Fn::GetAtt"][0]]
    config["HealthThreshold"] = 1


def _not_inverted(templates: Templates) -> None:
    _config(templates, "SECONDARY")["Inverted"] = False


def _serves_too(templates: Templates) -> None:
    """The DR region's record wants the region to serve, so that its own failover gives the clients back."""
    own = _record(templates, "SECONDARY")["HealthCheckId"]
    config = {"Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": [own, _of(templates, "PrimaryServes")]}
    templates[REGION]["Resources"]["Added"] = {"Type": _CHECK, "Properties": {"HealthCheckConfig": config}}
    _record(templates, "SECONDARY")["HealthCheckId"] = {"Fn::GetAtt": ["Added", "HealthCheckId"]}


def _of(templates: Templates, name: str) -> dict[str, Any]:
    found = next(k for k, v in templates[REGION]["Resources"].items() if v["Type"] == _CHECK and name in k)
    return {"Fn::GetAtt": [found, "HealthCheckId"]}


def _another_alarm(templates: Templates) -> None:
    """What the latch's alarm is about is another metric."""
    for body in templates[REGION]["Resources"].values():
        if body["Type"] == "AWS::CloudWatch::Alarm" and body["Properties"].get("MetricName") == "DrHoldsTraffic":
            body["Properties"]["MetricName"] = "DrRegionServes"


def _forgets(templates: Templates) -> None:
    for body in templates[REGION]["Resources"].values():
        if body["Type"] == _CHECK and body["Properties"]["HealthCheckConfig"]["Type"] == "CLOUDWATCH_METRIC":
            body["Properties"]["HealthCheckConfig"]["InsufficientDataHealthStatus"] = "Healthy"


def _one_record(templates: Templates) -> None:
    record = _record(templates, "SECONDARY")
    record["Name"] = "other.trakcare.example.org."


def _definition(*changes: tuple[str, str]) -> Mutation:
    """Change the text of the workflow's definition."""

    def mutate(templates: Templates) -> None:
        parts = first(templates, REGION, _MACHINE)["Properties"]["DefinitionString"]["Fn::Join"][1]
        for old, new in changes:
            assert any(old in part for part in parts if isinstance(part, str)), old
            parts[:] = [part.replace(old, new) if isinstance(part, str) else part for part in parts]

    return mutate


def _may_write(stack: str, name: str = "", resource: str = "") -> Mutation:
    """One statement more in a policy of a role."""
    table = resource or "arn:aws:dynamodb:eu-west-1:111122223333:table/trakcare-TRAK-region-state"

    def mutate(templates: Templates) -> None:
        document = first(templates, stack, "AWS::IAM::ManagedPolicy", name)["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": table})

    return mutate


def _public(templates: Templates) -> None:
    bucket = first(templates, WEB, "AWS::S3::Bucket")["Properties"]
    bucket["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"] = False


def _for_everybody(templates: Templates) -> None:
    statements = first(templates, WEB, "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    statements.append({"Effect": "Allow", "Action": "s3:GetObject", "Principal": {"AWS": "*"}, "Resource": "*"})


MUTATIONS: Mutations = {
    "DR region's record without a health check": (
        {"IRIS-34"},
        _of_record("SECONDARY", lambda record: record.pop("HealthCheckId")),
    ),
    "primary region's record without a health check": (
        {"IRIS-34"},
        _of_record("PRIMARY", lambda record: record.pop("HealthCheckId")),
    ),
    "primary region's record with the DR region's check": ({"IRIS-34"}, _same_check("PRIMARY", "SECONDARY")),
    "DR region's record with the primary region's check": ({"IRIS-34"}, _same_check("SECONDARY", "PRIMARY")),
    "primary region that needs one check of two": ({"IRIS-34"}, _one_of_two),
    "primary region without the latch": ({"IRIS-34"}, _primary_alone),
    "DR region while the primary region holds the latch": ({"IRIS-34"}, _not_inverted),
    "DR region that gives its clients back": ({"IRIS-34"}, _serves_too),
    "latch on another metric": ({"IRIS-34"}, _another_alarm),
    "latch that is forgotten": ({"IRIS-34"}, _forgets),
    "record that is kept for an hour": ({"IRIS-34"}, _of_record("PRIMARY", lambda record: record.update(TTL="3600"))),
    "record without its counterpart": ({"IRIS-34"}, _one_record),
    "workflow that commits first": ({"IRIS-35"}, _definition(('"StartAt":"preflight"', '"StartAt":"commit"'))),
    "workflow that waits for nobody": (
        {"IRIS-35"},
        _definition((":states:::lambda:invoke.waitForTaskToken", ":states:::lambda:invoke")),
    ),
    "workflow that goes on when a look fails": (
        {"IRIS-35"},
        _definition(('"ResultPath":"$.refused","Next":"refuse"', '"ResultPath":"$.refused","Next":"latch"')),
    ),
    "state of the regions that can't be restored": (
        {"IRIS-29"},
        set_property(REGION, "AWS::DynamoDB::Table", "PointInTimeRecoverySpecification", None),
    ),
    "state of the regions deleted with its stack": (
        {"IRIS-29"},
        set_body(REGION, "AWS::DynamoDB::Table", "DeletionPolicy", "Delete"),
    ),
    "member that writes which region holds the mirror": ({"IRIS-38"}, _may_write("trakcare-primary-trak-a")),
    "router that writes every table": ({"IRIS-30", "IRIS-38"}, _may_write(MIRROR, "FailoverRole", "*")),
    "bucket that is a little public": ({"IRIS-36"}, _public),
    "bucket for everybody": ({"IRIS-36"}, _for_everybody),
    "bucket with nothing blocked": ({"IRIS-36"}, add(MIRROR, "AWS::S3::Bucket", {})),
}

CONTROL_MUTATIONS: Mutations = {
    "one control for both regions": (
        {"IRIS-34"},
        lambda templates: _config(templates, "SECONDARY").update(
            RoutingControlArn="arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef0123456789abcdef"
            "/routingcontrol/0123456789abcdef"
        ),
    ),
}
"""Of a deployment whose latch is a pair of routing controls."""

STATIC_MUTATIONS: Mutations = {
    "a network that nothing leads to": ({"IRIS-37"}, admit(MIRROR, "EndpointSecurityGroup", 6661, 6661, "172.16.0.0/12")),
    "routes that lead elsewhere": (
        {"IRIS-37"},
        set_property("trakcare-primary-network", "AWS::EC2::VPNConnectionRoute", "DestinationCidrBlock", "192.168.0.0/24"),
    ),
}
"""Of a deployment whose VPN has static routes."""
