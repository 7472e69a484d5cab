"""`DrRegion`: the workflow, the watch and the names of one mirror, composed as a library user does."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import aws_cdk.aws_ec2 as ec2
import pytest

import cdk_intersystems
from cdk_intersystems import ClusterEndpoint, DrRegion, Latch
from cdk_intersystems.dr_region.checks import check_latch
from cdk_intersystems.dr_region.dr_region import NEEDED_ENDPOINTS
from cdk_intersystems.model.host_description import RegionStateAt
from cdk_intersystems.model.region_capacity import TierCapacity
from tests.infra.dr_app import ACCOUNT, DR, OTHERS, PRIMARY, DrApp
from tests.infra.dr_region_app import MANAGERS, OPERATORS, define_region, region_templates
from tests.infra.templates import by_id, only, resources

_STATE = "one-TRAK-region-state"


@pytest.fixture(scope="module")
def templates() -> Mapping[str, Any]:
    return region_templates(fallback_types=[ec2.InstanceType("r7i.8xlarge")], certificates=[_CERTIFICATE])


_CERTIFICATE = f"arn:aws:acm:{DR}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"


def _told(template: Any, variable: str) -> dict[str, Any]:
    """What a function is told by an environment variable; what only CloudFormation knows is a question mark."""
    (value,) = (
        variables[variable]
        for function in resources(template, "Lambda::Function")
        if variable in (variables := function.get("Environment", {}).get("Variables", {}))
    )
    text = value if isinstance(value, str) else "".join(part if isinstance(part, str) else "?" for part in value["Fn::Join"][1])
    told: dict[str, Any] = json.loads(text)
    return told


def test_the_example_in_its_documentation_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DrRegion.__doc__ or "", re.DOTALL)
    base = DrApp()
    names = {
        **{name: getattr(cdk_intersystems, name) for name in cdk_intersystems.__all__},
        "ec2": ec2,
        "network": base.network,
        "database_stack": base.stack("records"),
        "stack": base.stack("region"),
    }
    exec(textwrap.dedent(example), names)
    template = base.templates()["region"]
    assert only(template, "DynamoDB::Table")["TableName"] == "trakcare-TRAK-region-state"
    assert len(resources(template, "Route53::RecordSet")) == 2


def test_the_table_is_the_one_that_members_of_both_places_ask(templates: Mapping[str, Any]) -> None:
    assert only(templates["region"], "DynamoDB::Table")["TableName"] == _STATE
    assert _STATE in json.dumps(templates["trak-a"])


def test_the_watch_asks_the_members_of_both_places(templates: Mapping[str, Any]) -> None:
    told = _told(templates["region"], "WATCH")
    assert told["members"] == {"a": "10.30.48.17", "b": "10.30.49.17"}
    assert told["others"] == OTHERS
    assert told["latch"] == {"kind": "metric"}


def test_members_on_premises_are_not_asked() -> None:
    made = region_templates({"other_region": ""}, home_role="on_premises", old_region=None)
    assert _told(made["region"], "WATCH")["others"] == {}
    assert _told(made["region"], "READINESS")["old_region"] == ""


def test_readiness_knows_what_the_region_is_at_its_full_size(templates: Mapping[str, Any]) -> None:
    told = _told(templates["region"], "READINESS")
    assert told["instances"] == {"r7i.4xlarge": 2, "m7i.4xlarge": 6}
    assert told["full_type"] == "r7i.4xlarge"
    assert told["fallback_types"] == ["r7i.8xlarge"]
    assert told["old_region"] == PRIMARY
    assert told["certificates"] == [_CERTIFICATE]
    assert (told["approvers"], told["requesters"]) == ([MANAGERS], [OPERATORS])
    assert [each.rsplit("/", 2)[1] for each in told["parameters"]] == ["TRAK", "app"]
    assert len(told["secrets"]) == 3


def test_one_member_is_counted_once() -> None:
    made = region_templates({"member_count": 1})
    assert _told(made["region"], "READINESS")["instances"] == {"r7i.4xlarge": 1, "m7i.4xlarge": 6}
    assert _told(made["region"], "WATCH")["members"] == {"a": "10.30.48.17"}


def test_nothing_is_referred_to_but_the_regions_own_stacks(templates: Mapping[str, Any]) -> None:
    imported = {str(value).partition(":")[0] for value in _imports(templates["region"])}
    assert imported == {"trak"}
    for name in ("trak", "trak-a", "trak-b", "app"):
        assert "region" not in {str(value).partition(":")[0] for value in _imports(templates[name])}, name


def _imports(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Fn::ImportValue":
                yield inner
            else:
                yield from _imports(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _imports(inner)


def test_a_name_follows_the_latch() -> None:
    base = DrApp()
    region = define_region(base)
    routing = region.add_name("web", zone_id="Z0123456789ABCDEFGHIJ", zone="hospital.example", name="one", private=False)
    region.add_name("clinical", zone_id="Z0123456789ABCDEFGHIJ", zone="hospital.example", name="one")
    assert routing.domain_name == "web.one.hospital.example"
    template = base.templates()["region"]
    records = resources(template, "Route53::RecordSet")
    assert {(each["Name"], each["Failover"], each["ResourceRecords"][0]) for each in records} == {
        (f"{label}.one.hospital.example.", failover, f"{label}-{role}.one.hospital.example")
        for label in ("web", "clinical")
        for failover, role in (("PRIMARY", "primary"), ("SECONDARY", "dr"))
    }
    asked = [each["HealthCheckConfig"].get("FullyQualifiedDomainName") for each in resources(template, "Route53::HealthCheck")]
    assert [name for name in asked if name] == ["web-primary.one.hospital.example"]


def test_what_it_defines_is_at_hand() -> None:
    base = DrApp()
    region = define_region(base)
    assert region.database is base.database
    assert region.table.table_name == region.failover.table.table_name
    assert region.api_url == region.failover.api_url
    assert region.state_machine.state_machine_arn == region.failover.state_machine.state_machine_arn
    assert region.watch.function.function_arn != region.readiness.function.function_arn


def test_the_services_that_must_be_reached_are_those_of_a_network_without_internet() -> None:
    from aws_cdk import Environment, Stack
    from aws_cdk import aws_logs as logs

    from cdk_intersystems import Network
    from stacks.deployment_app import make_app

    app = make_app()
    stack = Stack(app, "network", env=Environment(account=ACCOUNT, region=DR))
    Network(
        stack,
        "Network",
        cidr="10.30.0.0/16",
        availability_zones=[f"{DR}{letter}" for letter in "abc"],
        flow_log_group=logs.LogGroup(stack, "Logs"),
    )
    template = app.synth().get_stack_by_name("network").template
    services = {str(each["ServiceName"]).rpartition(".")[2] for _, each in by_id(template, "EC2::VPCEndpoint")}
    assert set(NEEDED_ENDPOINTS) <= services


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"old_region": DR}, "old_region is another one than the DR region, got eu-west-1 for both"),
        ({"old_region": None}, "supply old_region"),
        ({"old_region": "eu-west-9"}, "old_region is an AWS region, got 'eu-west-9'"),
        ({"old_region": "cn-north-1"}, "no role reaches from one to the other"),
        ({"home_role": "on_premises"}, "has no old_region, got 'eu-west-2'"),
        ({"home_role": "dr"}, "home_role is primary or on_premises, got 'dr'"),
        ({"approvers": []}, "supply approvers"),
        ({"requesters": []}, "supply requesters"),
        ({"approvers": ["duty-managers"]}, "approvers: needs an ARN like arn:aws:iam"),
        ({"approvers": [f"arn:aws:iam::{ACCOUNT}:user/eve"]}, "approvers: needs an ARN like arn:aws:iam"),
        ({"lag_limit_seconds": 0}, "lag_limit_seconds is at least 1, got 0"),
        ({"approval_minutes": 0}, "approval_minutes is 1 to 1440, got 0"),
        ({"fallback_types": [ec2.InstanceType("r8g.4xlarge")]}, "have different architectures"),
        ({"fallback_types": [ec2.InstanceType("r7i.4xlarge")]}, "fallback_types has r7i.4xlarge twice"),
        ({"tiers": [TierCapacity(name="app", min=1, max=1, warm_min=0, warm_max=0)] * 2}, "tiers has app twice"),
    ],
)
def test_what_cannot_be_is_refused(more: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        define_region(DrApp(), **more)


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        (
            {"region_state": RegionStateAt(table="states", region=DR)},
            "region_state of TRAK is the table states in eu-west-1, and this DrRegion has one-TRAK-region-state",
        ),
        (
            {"region_state": RegionStateAt(table=_STATE, region=PRIMARY)},
            "region_state of TRAK is the table one-TRAK-region-state in eu-west-2",
        ),
        ({"role": "primary"}, "supply a MirroredDatabase with role='dr' and region_state, got TRAK with role='primary'"),
    ],
)
def test_a_database_that_is_not_the_regions_own_is_refused(mirror: Mapping[str, Any], message: str) -> None:
    base = DrApp(**mirror, others=OTHERS if mirror.get("role") != "primary" else {"TRAKC": "10.9.20.17"})
    with pytest.raises(ValueError, match=re.escape(message)):
        define_region(base)


_CONTROL = "arn:aws:route53-recovery-control::111122223333:controlpanel/abc/routingcontrol"
_CONTROLS = Latch(
    kind="routing_control",
    primary=f"{_CONTROL}/one",
    dr=f"{_CONTROL}/two",
    endpoints=tuple(
        ClusterEndpoint(region=region, url=f"https://abc.route53-recovery-cluster.{region}.amazonaws.com/v1")
        for region in ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")
    ),
)


def test_a_latch_that_needs_the_internet_is_refused_without_it() -> None:
    with pytest.raises(ValueError, match="routing_control is set at endpoints of five regions"):
        define_region(DrApp(), latch=_CONTROLS)


def test_a_latch_that_is_not_there_in_a_partition_is_refused() -> None:
    check_latch(_CONTROLS, "eu-west-1")
    with pytest.raises(ValueError, match="routing control exists in the partition aws alone"):
        check_latch(_CONTROLS, "cn-north-1")
