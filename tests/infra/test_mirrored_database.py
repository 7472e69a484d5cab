"""`MirroredDatabase`: two failover members and an arbiter, each in a zone and a stack of its own."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdk_intersystems import MemberVolumes, MirroredDatabase, Network, VolumeSpec
from stacks.deployment_app import make_app
from tests.infra.templates import by_id, only, resources, tags

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
IMAGE = "ami-0123456789abcdef0"
ENDPOINTS = "sg-0123456789abcdef0"
TOPIC = "arn:aws:sns:eu-west-2:111122223333:alarms"
KIT_KEY = "arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555"
BLOCKS = {"application": 1, "data": 2, "arbiter": 3}

Templates = Mapping[str, Any]


def _network(stack: Stack) -> Network:
    return Network.from_existing(
        stack,
        "Network",
        vpc_id="vpc-1",
        cidr="10.9.0.0/16",
        availability_zones=ZONES,
        subnets={
            tier: [
                ec2.SubnetAttributes(
                    subnet_id=f"subnet-{tier}{number}",
                    availability_zone=zone,
                    ipv4_cidr_block=f"10.9.{block}{number}.0/24",
                    route_table_id="rtb-1",
                )
                for number, zone in enumerate(ZONES)
            ]
            for tier, block in BLOCKS.items()
        },
        endpoints_security_group_id=ENDPOINTS,
    )


def _define(app: App | None = None, **more: Any) -> MirroredDatabase:
    app = app or make_app()
    stack = Stack(app, "trak", env=Environment(region="eu-west-2"))
    network = _network(stack)
    arguments: dict[str, Any] = {
        "deployment": "one",
        "mirror_name": "TRAK",
        "vpc": network.vpc,
        "data_subnets": network.subnets("data"),
        "arbiter_subnets": network.subnets("arbiter"),
        "machine_image": ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
        "instance_type": ec2.InstanceType("r7i.4xlarge"),
        "member_stacks_scope": app,
    }
    return MirroredDatabase(stack, "Database", **{**arguments, **more})


def _templates(**more: Any) -> Templates:
    app = make_app()
    _define(app, **more)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


@pytest.fixture(scope="module")
def default() -> Templates:
    return _templates()


@pytest.fixture(scope="module")
def full() -> Templates:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    _define(
        app,
        service_endpoints=ec2.SecurityGroup.from_security_group_id(outside, "Endpoints", ENDPOINTS),
        internet=True,
        kit_uri="s3://kits/iris.tar.gz",
        kit_key_arn=KIT_KEY,
        license_secret=secretsmanager.Secret.from_secret_name_v2(outside, "License", "iris/key"),
        alarm_topic=sns.Topic.from_topic_arn(outside, "Alarms", TOPIC),
        encryption_key=kms.Key.from_key_arn(outside, "Key", KIT_KEY),
        log_retention=logs.RetentionDays.ONE_MONTH,
        user_data=ec2.UserData.custom("#!/bin/bash\necho hello"),
        endpoint_subnets=_network(outside).subnets("application"),
        volumes=MemberVolumes(data=VolumeSpec(type="io2", size_gib=100, iops=80_000, count=3)),
    )
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


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
    database = _define(number=2)
    assert dict(database.addresses) == {"a": "10.9.21.18", "b": "10.9.22.18", "arbiter": "10.9.30.18"}


def test_addresses_can_be_chosen() -> None:
    assert _define(addresses={"a": "10.9.20.99"}).addresses["a"] == "10.9.20.99"


def test_the_members_stacks_are_below_the_construct_by_default() -> None:
    app = make_app()
    _define(app, member_stacks_scope=None)
    assert {stack.stack_name for stack in app.synth().stacks} == {"trak", "trak-a", "trak-b", "trak-arbiter"}


def test_stacks_and_hosts_are_protected_until_told() -> None:
    for protected in (True, False):
        app = make_app()
        _define(app, termination_protection=protected)
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
    graviton = _templates(instance_type=ec2.InstanceType("r8g.xlarge"))
    assert _instance(graviton, "arbiter")["InstanceType"] == "t4g.small"
    chosen = _templates(arbiter_instance_type=ec2.InstanceType("t3.medium"))
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
    templates = _templates(tenancy="dedicated-instance")
    assert _instance(templates, "a")["Tenancy"] == "dedicated"
    assert "Tenancy" not in _instance(templates, "arbiter")


def test_a_dedicated_host_is_the_members_own() -> None:
    templates = _templates(tenancy="dedicated-host")
    for member, zone in (("a", "eu-west-2a"), ("b", "eu-west-2b")):
        ((host, properties),) = by_id(templates[f"trak-{member}"], "EC2::Host")
        assert properties["AvailabilityZone"] == zone
        assert properties["AutoPlacement"] == "off"
        instance = _instance(templates, member)
        assert instance["Tenancy"] == "host"
        assert instance["HostId"] == {"Fn::GetAtt": [host, "HostId"]}


def test_a_reservation_keeps_each_members_place() -> None:
    templates = _templates(purchase="capacity-reservation", capacity_platform="Red Hat Enterprise Linux")
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
    database = _define(app, absent_member="b")
    assert set(database.members) == {"a"}
    templates = {stack.stack_name: stack.template for stack in app.synth().stacks}
    assert resources(templates["trak-b"], "EC2::Instance") == []
    assert len(resources(templates["trak-b"], "EC2::Volume")) == 5
    group = only(templates["trak"], "ElasticLoadBalancingV2::TargetGroup")
    assert len(group["Targets"]) == 2, "its address stays in the endpoint"


# Permissions.


def _statements(template: Any) -> list[dict[str, Any]]:
    policy = only(template, "IAM::ManagedPolicy")
    return list(policy["PolicyDocument"]["Statement"])


def _actions(statement: Mapping[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def test_a_member_may_attach_its_own_volumes_to_itself_alone(full: Templates) -> None:
    statements = [s for s in _statements(full["trak-b"]) if _actions(s) == {"ec2:AttachVolume"}]
    to_itself, volumes = sorted(statements, key=lambda s: "Condition" not in s)
    assert to_itself["Condition"]["StringEquals"] == {
        "aws:ResourceTag/cdk-intersystems:deployment": "one",
        "aws:ResourceTag/cdk-intersystems:mirror-set": "TRAK",
        "aws:ResourceTag/cdk-intersystems:member": "b",
    }
    own = {logical_id for logical_id, _ in by_id(full["trak-b"], "EC2::Volume")}
    assert {arn["Fn::Join"][1][-1]["Ref"] for arn in volumes["Resource"]} == own
    assert not any("ec2:DetachVolume" in _actions(s) for s in _statements(full["trak-b"]))


def test_the_arbiter_may_touch_no_volume_secret_or_kit(full: Templates) -> None:
    services = {action.partition(":")[0] for s in _statements(full["trak-arbiter"]) for action in _actions(s)}
    assert services == {"ssm", "ssmmessages", "cloudwatch", "logs"}


def test_a_member_may_read_its_secrets_and_kit(full: Templates, default: Templates) -> None:
    statements = _statements(full["trak-a"])
    (kit,) = (s for s in statements if "s3:GetObject" in _actions(s))
    assert "kits/iris.tar.gz" in str(kit["Resource"])
    assert sum("secretsmanager:GetSecretValue" in _actions(s) for s in statements) >= 1
    assert "iris/key" in str(statements)
    assert any(_actions(s) == {"kms:Decrypt"} and KIT_KEY in str(s["Resource"]) for s in statements)
    assert not any("s3:GetObject" in _actions(s) for s in _statements(default["trak-a"]))


def test_roles_can_be_brought() -> None:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    _define(
        app,
        member_role=iam.Role.from_role_name(outside, "Members", "members", mutable=False),
        arbiter_role=iam.Role.from_role_name(outside, "Arbiter", "arbiter", mutable=False),
    )
    templates = {stack.stack_name: stack.template for stack in app.synth().stacks}
    for member, name in (("a", "members"), ("b", "members"), ("arbiter", "arbiter")):
        template = templates[f"trak-{member}"]
        assert only(template, "IAM::InstanceProfile")["Roles"] == [name]
        assert resources(template, "IAM::Role") == resources(template, "IAM::ManagedPolicy") == []


# What members share.


def _rules(template: Any, group: str) -> set[tuple[str, int, int]]:
    """The rules of a group that let another group in, as protocol and ports."""
    (logical_id,) = (i for i, p in by_id(template, "EC2::SecurityGroup") if p["GroupDescription"] == group)
    return {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"])
        for rule in resources(template, "EC2::SecurityGroupIngress")
        if rule["GroupId"] == {"Fn::GetAtt": [logical_id, "GroupId"]}
    }


def test_members_talk_to_each_other_and_to_the_arbiter(default: Templates) -> None:
    members = _rules(default["trak"], "Failover members of mirror TRAK")
    assert members == {("tcp", 1972, 1972), ("tcp", 2188, 2188), ("icmp", 8, -1), ("tcp", 11972, 11972), ("tcp", 2189, 2189)}
    assert _rules(default["trak"], "Arbiter of mirror TRAK") == {("tcp", 2188, 2188)}


def test_without_endpoints_or_internet_hosts_reach_nothing_else(default: Templates) -> None:
    assert not any(
        rule["CidrIp"] != "255.255.255.255/32"
        for group in resources(default["trak"], "EC2::SecurityGroup")
        for rule in group.get("SecurityGroupEgress", [])
    )
    assert 443 not in {rule["FromPort"] for rule in resources(default["trak"], "EC2::SecurityGroupEgress")}


def test_with_them_hosts_reach_https(full: Templates) -> None:
    to_endpoints = [r for r in resources(full["trak"], "EC2::SecurityGroupIngress") if r["GroupId"] == ENDPOINTS]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in to_endpoints] == [(443, 443)] * 2
    anywhere = [
        (rule["CidrIp"], rule["FromPort"])
        for group in resources(full["trak"], "EC2::SecurityGroup")
        for rule in group.get("SecurityGroupEgress", [])
        if rule["CidrIp"] == "0.0.0.0/0"
    ]
    assert anywhere == [("0.0.0.0/0", 443)] * 2


def test_the_endpoint_stands_where_it_was_told(default: Templates, full: Templates) -> None:
    assert only(default["trak"], "ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == [f"subnet-data{n}" for n in range(3)]
    assert only(full["trak"], "ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == [f"subnet-application{n}" for n in range(3)]


def test_a_key_is_made_unless_one_is_brought(default: Templates, full: Templates) -> None:
    key = only(default["trak"], "KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert resources(full["trak"], "KMS::Key") == []
    assert only(full["trak"], "Logs::LogGroup")["KmsKeyId"] == KIT_KEY


def test_logs_and_password_outlive_the_stack(default: Templates, full: Templates) -> None:
    for kind in ("AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"):
        (kept,) = (r for r in default["trak"]["Resources"].values() if r["Type"] == kind)
        assert kept["DeletionPolicy"] == "Retain"
    assert only(default["trak"], "Logs::LogGroup")["RetentionInDays"] == 365
    assert only(full["trak"], "Logs::LogGroup")["RetentionInDays"] == 30


def test_the_default_port_of_its_connections_is_the_superservers() -> None:
    app = make_app()
    database = _define(app)
    database.connections.allow_default_port_from(ec2.Peer.ipv4("192.168.0.0/16"))
    template = app.synth().get_stack_by_name("trak").template
    (group,) = (g for g in resources(template, "EC2::SecurityGroup") if "Failover" in g["GroupDescription"])
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]] == [("192.168.0.0/16", 1972)]


# What is refused.


def test_the_sum_of_ecp_clients_is_held_below_the_ceiling() -> None:
    database = _define(ecp_client_ceiling=24)
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
        _define(**arguments)


def test_other_than_three_subnets_are_refused() -> None:
    app = make_app()
    network = _network(Stack(app, "network", env=Environment(region="eu-west-2")))
    with pytest.raises(ValueError, match="supply three data subnets"):
        _define(app, data_subnets=network.subnets("data")[:2])


def test_two_subnets_in_one_zone_are_refused() -> None:
    app = make_app()
    first, second, _ = _network(Stack(app, "network", env=Environment(region="eu-west-2"))).subnets("data")
    with pytest.raises(ValueError, match="each in its own availability zone"):
        _define(app, data_subnets=[first, second, second])


def test_unknown_ranges_need_addresses() -> None:
    app = make_app()
    stack = Stack(app, "network", env=Environment(region="eu-west-2"))
    bare = [
        ec2.Subnet.from_subnet_attributes(stack, zone, subnet_id=f"subnet-{zone}", availability_zone=zone) for zone in ZONES
    ]
    with pytest.raises(ValueError, match="supply addresses"):
        _define(app, data_subnets=bare)
