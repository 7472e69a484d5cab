"""`MirroredDatabase`: two failover members and an arbiter, each in a zone and a stack of its own."""

from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MemberVolumes, VolumeSpec
from stacks.deployment_app import make_app
from tests.infra.mirror_app import IMAGE, TOPIC, ZONES, Templates, define, full_templates, network, templates_of
from tests.infra.templates import by_id, only, resources, tags


@pytest.fixture(scope="module")
def default() -> Templates:
    return templates_of()


@pytest.fixture(scope="module")
def full() -> Templates:
    return full_templates()


def _instance(templates: Templates, member: str) -> dict[str, Any]:
    return only(templates[f"trak-{member}"], "EC2::Instance")


# Stacks and places.


def test_each_host_has_a_stack_of_its_own(default: Templates) -> None:
    assert set(default) == {"trak", "trak-a", "trak-b", "trak-arbiter"}
    assert resources(default["trak"], "EC2::Instance") == []


def test_each_host_is_in_a_zone_of_its_own_with_a_fixed_address(default: Templates) -> None:
    places = {}
    for member in ("a", "b", "arbiter"):
        instance = _instance(default, member)
        (interface,) = instance["NetworkInterfaces"]
        places[member] = (instance["AvailabilityZone"], interface["SubnetId"], interface["PrivateIpAddress"])
    assert places == {
        "a": ("eu-west-2a", "subnet-data0", "10.9.20.17"),
        "b": ("eu-west-2b", "subnet-data1", "10.9.21.17"),
        "arbiter": ("eu-west-2c", "subnet-arbiter2", "10.9.32.17"),
    }


def test_the_number_decides_zones_and_addresses() -> None:
    database = define(number=2)
    assert dict(database.addresses) == {"a": "10.9.21.18", "b": "10.9.22.18", "arbiter": "10.9.30.18"}


def test_addresses_can_be_chosen() -> None:
    assert define(addresses={"a": "10.9.20.99"}).addresses["a"] == "10.9.20.99"


def test_the_members_stacks_are_below_the_construct_by_default() -> None:
    app = make_app()
    define(app, member_stacks_scope=None)
    assert {stack.stack_name for stack in app.synth().stacks} == {"trak", "trak-a", "trak-b", "trak-arbiter"}


def test_stacks_and_hosts_are_protected_until_told() -> None:
    for protected in (True, False):
        app = make_app()
        define(app, termination_protection=protected)
        assembly = app.synth()
        hosts = [stack for stack in assembly.stacks if stack.stack_name != "trak"]
        assert [stack.termination_protection for stack in hosts] == [protected] * 3
        assert [only(stack.template, "EC2::Instance")["DisableApiTermination"] for stack in hosts] == [protected] * 3


# Hosts.


@pytest.mark.parametrize("member", ["a", "b", "arbiter"])
def test_a_host_is_private_pinned_and_watched(default: Templates, member: str) -> None:
    instance = _instance(default, member)
    assert instance["ImageId"] == IMAGE
    assert instance["EbsOptimized"] is True
    assert instance["Monitoring"] is True
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert "KeyName" not in instance
    (interface,) = instance["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False
    (root,) = instance["BlockDeviceMappings"]
    assert root["Ebs"]["Encrypted"] is True
    assert "KmsKeyId" in root["Ebs"]


def test_the_arbiter_is_small_and_of_the_members_architecture(default: Templates) -> None:
    assert _instance(default, "arbiter")["InstanceType"] == "t3.small"
    graviton = templates_of(instance_type=ec2.InstanceType("r8g.xlarge"))
    assert _instance(graviton, "arbiter")["InstanceType"] == "t4g.small"
    chosen = templates_of(arbiter_instance_type=ec2.InstanceType("t3.medium"))
    assert _instance(chosen, "arbiter")["InstanceType"] == "t3.medium"


def test_the_hosts_run_the_user_data(full: Templates) -> None:
    for member in ("a", "b", "arbiter"):
        assert _instance(full, member)["UserData"] == {"Fn::Base64": "#!/bin/bash\necho hello"}


def test_a_host_whose_status_check_fails_raises_an_alarm(default: Templates, full: Templates) -> None:
    for member in ("a", "b", "arbiter"):
        alarm = only(full[f"trak-{member}"], "CloudWatch::Alarm")
        assert alarm["MetricName"] == "StatusCheckFailed"
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
        assert "AlarmActions" not in only(default[f"trak-{member}"], "CloudWatch::Alarm")


def test_a_dedicated_instance_shares_no_hardware() -> None:
    templates = templates_of(tenancy="dedicated-instance")
    assert _instance(templates, "a")["Tenancy"] == "dedicated"
    assert "Tenancy" not in _instance(templates, "arbiter")


def test_a_dedicated_host_is_the_members_own() -> None:
    templates = templates_of(tenancy="dedicated-host")
    for member, zone in (("a", "eu-west-2a"), ("b", "eu-west-2b")):
        ((host, properties),) = by_id(templates[f"trak-{member}"], "EC2::Host")
        assert properties["AvailabilityZone"] == zone
        assert properties["AutoPlacement"] == "off"
        instance = _instance(templates, member)
        assert instance["Tenancy"] == "host"
        assert instance["HostId"] == {"Fn::GetAtt": [host, "HostId"]}


def test_a_reservation_keeps_each_members_place() -> None:
    templates = templates_of(purchase="capacity-reservation", capacity_platform="Red Hat Enterprise Linux")
    for member, zone in (("a", "eu-west-2a"), ("b", "eu-west-2b")):
        ((reservation, properties),) = by_id(templates[f"trak-{member}"], "EC2::CapacityReservation")
        assert (properties["AvailabilityZone"], properties["InstanceType"]) == (zone, "r7i.4xlarge")
        assert properties["InstancePlatform"] == "Red Hat Enterprise Linux"
        (instance,) = (r for r in templates[f"trak-{member}"]["Resources"].values() if r["Type"] == "AWS::EC2::Instance")
        assert reservation in instance["DependsOn"]


# Volumes.


def test_a_member_has_its_volumes_encrypted_and_retained(default: Templates) -> None:
    for member, zone in (("a", "eu-west-2a"), ("b", "eu-west-2b")):
        volumes = [r for r in default[f"trak-{member}"]["Resources"].values() if r["Type"] == "AWS::EC2::Volume"]
        assert [tags(volume["Properties"])["cdk-intersystems:volume"] for volume in volumes] == [
            "installation",
            "data",
            "wij",
            "journal",
            "alternate-journal",
        ]
        for volume in volumes:
            # Those of a creation that failed are empty, and would be found beside the next attempt's by their tags.
            assert volume["DeletionPolicy"] == "RetainExceptOnCreate"
            assert volume["UpdateReplacePolicy"] == "Retain"
            assert volume["Properties"]["Encrypted"] is True
            assert volume["Properties"]["AvailabilityZone"] == zone


def test_data_can_be_striped_over_volumes_with_the_limits_of_today(full: Templates) -> None:
    striped = {
        logical_id: properties
        for logical_id, properties in by_id(full["trak-a"], "EC2::Volume")
        if tags(properties)["cdk-intersystems:volume"] == "data"
    }
    # 800 IOPS for each GiB: more than the CDK's own check would let pass.
    assert [(volume["VolumeType"], volume["Size"], volume["Iops"]) for volume in striped.values()] == [("io2", 100, 80_000)] * 3


def test_a_further_stripe_renames_no_volume(default: Templates, full: Templates) -> None:
    before = {logical_id for logical_id, _ in by_id(default["trak-a"], "EC2::Volume")}
    after = {logical_id for logical_id, _ in by_id(full["trak-a"], "EC2::Volume")}
    assert before < after


def test_no_template_attaches_a_volume(full: Templates) -> None:
    for template in full.values():
        assert resources(template, "EC2::VolumeAttachment") == []
        assert not any("Volumes" in instance for instance in resources(template, "EC2::Instance"))


def test_hosts_and_volumes_are_found_by_tags(default: Templates) -> None:
    for member in ("a", "b"):
        for kind in ("EC2::Instance", "EC2::Volume"):
            for properties in resources(default[f"trak-{member}"], kind):
                own = {key: value for key, value in tags(properties).items() if key.startswith("cdk-intersystems:")}
                assert (
                    own.items()
                    >= {
                        "cdk-intersystems:deployment": "one",
                        "cdk-intersystems:mirror-set": "TRAK",
                        "cdk-intersystems:member": member,
                    }.items()
                )


def test_an_absent_members_volumes_stay() -> None:
    app = make_app()
    database = define(app, absent_member="b")
    assert set(database.members) == {"a"}
    templates = {stack.stack_name: stack.template for stack in app.synth().stacks}
    assert resources(templates["trak-b"], "EC2::Instance") == []
    assert len(resources(templates["trak-b"], "EC2::Volume")) == 5
    group = only(templates["trak"], "ElasticLoadBalancingV2::TargetGroup")
    assert len(group["Targets"]) == 2, "its address stays in the endpoint"


# What is refused.


def test_the_sum_of_ecp_clients_is_held_below_the_ceiling() -> None:
    database = define(ecp_client_ceiling=24)
    database.admit_ecp_clients("app", 8)
    with pytest.raises(ValueError, match="ecp_client_ceiling of TRAK is 24"):
        database.admit_ecp_clients("print", 5)
    database.admit_ecp_clients("print", 4)
    database.admit_ecp_clients("app", 7)
    database.admit_ecp_clients("print", 5)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"mirror_name": "trak"}, "upper-case"),
        ({"mirror_name": "T" * 16}, "upper-case"),
        ({"number": 0}, "1 to 15"),
        ({"number": 16}, "1 to 15"),
        ({"absent_member": "arbiter"}, "only failover member a or b"),
        ({"ports": {"hl7": 22}}, "SSH"),
        ({"volumes": MemberVolumes(data=VolumeSpec(type="io2", size_gib=4, iops=9000))}, "data.iops"),
        ({"machine_image": ec2.MachineImage.latest_amazon_linux2023()}, "pin the machine image"),
        ({"tenancy": "dedicated-host", "purchase": "capacity-reservation"}, "holds its capacity already"),
        ({"ecp_client_ceiling": 255}, "254"),
    ],
)
def test_the_impossible_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        define(**arguments)


def test_other_than_three_subnets_are_refused() -> None:
    app = make_app()
    existing = network(Stack(app, "network", env=Environment(region="eu-west-2")))
    with pytest.raises(ValueError, match="supply three data subnets"):
        define(app, data_subnets=existing.subnets("data")[:2])


def test_two_subnets_in_one_zone_are_refused() -> None:
    app = make_app()
    first, second, _ = network(Stack(app, "network", env=Environment(region="eu-west-2"))).subnets("data")
    with pytest.raises(ValueError, match="each in its own availability zone"):
        define(app, data_subnets=[first, second, second])


def test_unknown_ranges_need_addresses() -> None:
    app = make_app()
    stack = Stack(app, "network", env=Environment(region="eu-west-2"))
    bare = [
        ec2.Subnet.from_subnet_attributes(stack, zone, subnet_id=f"subnet-{zone}", availability_zone=zone) for zone in ZONES
    ]
    with pytest.raises(ValueError, match="supply addresses"):
        define(app, data_subnets=bare)
