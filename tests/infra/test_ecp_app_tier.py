"""What `EcpAppTier` promises."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

from cdk_intersystems import EcpAppTier
from tests.infra.tier_app import ENDPOINTS, IMAGE, TierApp, descriptions, of_type, only, rules

GROUP = "AWS::AutoScaling::AutoScalingGroup"
TEMPLATE = "AWS::EC2::LaunchTemplate"
MEMBERS = "trak:ExportsOutputFnGetAttDatabaseNetworkMembers97003895GroupIdB530F738"
# Source: EC2 API, IpRange and UserIdGroupPair.
ALLOWED_IN_DESCRIPTIONS = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=;{}!$*]{1,255}")


class Tiers:
    """A tier as it is by default, one with every option, and who uses the first."""

    def __init__(self) -> None:
        base = TierApp(ecp_client_ceiling=24)
        self.base = base
        self.app_stack, self.print_stack = base.stack("app"), base.stack("print")
        self.tier = define(base, self.app_stack)
        client = ec2.SecurityGroup(self.app_stack, "Client", vpc=base.network.vpc, allow_all_outbound=False)
        self.tier.connections.allow_default_port_from(client)
        stack = self.print_stack
        self.key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-2:111122223333:key/tier")
        self.print = define(
            base,
            stack,
            name="print",
            min_capacity=4,
            max_capacity=6,
            tenancy="dedicated-instance",
            purchase="capacity-reservation",
            root_volume_gib=250,
            internet=True,
            encryption_key=self.key,
            license_secret=secretsmanager.Secret.from_secret_complete_arn(
                stack, "License", "arn:aws:secretsmanager:eu-west-2:111122223333:secret:iris-key-abcdef"
            ),
            user_data=ec2.UserData.custom("#!/bin/sh\ntrue"),
            log_retention=logs.RetentionDays.ONE_MONTH,
            alarm_topic=sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-2:111122223333:alarms"),
        )
        self.app_template = Template.from_stack(self.app_stack)
        self.print_template = Template.from_stack(stack)
        self.database_template = Template.from_stack(base.database_stack)


def define(base: TierApp, stack: Any, **changes: Any) -> EcpAppTier:
    arguments: dict[str, Any] = {
        "deployment": "t",
        "name": "app",
        "database": base.database,
        "subnets": base.network.subnets("application"),
        "machine_image": base.image,
        "instance_type": ec2.InstanceType("m7i.4xlarge"),
        "min_capacity": 3,
        "max_capacity": 6,
        "service_endpoints": base.network.endpoints_security_group,
    }
    return EcpAppTier(stack, "Tier", **{**arguments, **changes})


@pytest.fixture(scope="module")
def tiers() -> Tiers:
    return Tiers()


@pytest.fixture(scope="module")
def spare() -> TierApp:
    """An app that is never synthesized, for tiers that are refused."""
    return TierApp(ecp_client_ceiling=24)


def launch_data(template: Template) -> dict[str, Any]:
    data: dict[str, Any] = only(template.to_json(), TEMPLATE)["LaunchTemplateData"]
    return data


class TestServers:
    def test_are_launched_private_and_imdsv2_only(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource_properties(
            TEMPLATE,
            {
                "LaunchTemplateData": {
                    "ImageId": IMAGE,
                    "InstanceType": "m7i.4xlarge",
                    "EbsOptimized": True,
                    "Monitoring": {"Enabled": True},
                    "MetadataOptions": {
                        "HttpEndpoint": "enabled",
                        "HttpTokens": "required",
                        "HttpPutResponseHopLimit": 1,
                        "InstanceMetadataTags": "enabled",
                    },
                    "NetworkInterfaces": [Match.object_like({"AssociatePublicIpAddress": False, "DeviceIndex": 0})],
                    "KeyName": Match.absent(),
                    "InstanceMarketOptions": Match.absent(),
                    "Placement": Match.absent(),
                }
            },
        )

    def test_have_a_root_volume_encrypted_with_a_new_key_that_rotates(self, tiers: Tiers) -> None:
        template = tiers.app_template.to_json()
        ((key, properties),) = of_type(template, "AWS::KMS::Key").items()
        assert properties["EnableKeyRotation"] is True
        assert launch_data(tiers.app_template)["BlockDeviceMappings"] == [
            {
                "DeviceName": "/dev/sda1",
                "Ebs": {
                    "Encrypted": True,
                    "KmsKeyId": {"Fn::GetAtt": [key, "Arn"]},
                    "VolumeSize": 100,
                    "VolumeType": "gp3",
                    "DeleteOnTermination": True,
                },
            }
        ]

    def test_use_the_key_size_and_user_data_they_are_given(self, tiers: Tiers) -> None:
        data = launch_data(tiers.print_template)
        (device,) = data["BlockDeviceMappings"]
        assert device["Ebs"]["KmsKeyId"] == tiers.key.key_arn
        assert device["Ebs"]["VolumeSize"] == 250
        assert data["UserData"] == {"Fn::Base64": "#!/bin/sh\ntrue"}
        tiers.print_template.resource_count_is("AWS::KMS::Key", 0)

    def test_have_hardware_of_their_own_if_dedicated(self, tiers: Tiers) -> None:
        assert launch_data(tiers.print_template)["Placement"] == {"Tenancy": "dedicated"}

    def test_and_their_volumes_carry_deployment_and_tier(self, tiers: Tiers) -> None:
        wanted = {"cdk-intersystems:deployment": "t", "cdk-intersystems:tier": "app"}
        for specification in launch_data(tiers.app_template)["TagSpecifications"]:
            tags = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
            assert wanted.items() <= tags.items(), specification["ResourceType"]
        launched = {
            tag["Key"]: tag["Value"] for tag in only(tiers.app_template.to_json(), GROUP)["Tags"] if tag["PropagateAtLaunch"]
        }
        assert wanted.items() <= launched.items()


class TestGroup:
    def test_leaves_the_desired_capacity_to_run_time(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource_properties(GROUP, {"MinSize": "3", "MaxSize": "6", "DesiredCapacity": Match.absent()})

    def test_spans_the_three_zones(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource_properties(
            GROUP, {"VPCZoneIdentifier": ["subnet-application1", "subnet-application2", "subnet-application3"]}
        )

    def test_replaces_servers_by_launching_new_ones_first(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource(
            GROUP,
            {
                "Properties": {"InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}},
                "UpdatePolicy": {
                    "AutoScalingInstanceRefresh": {
                        "Strategy": "Rolling",
                        "Preferences": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "InstanceWarmup": 600},
                    },
                    "AutoScalingRollingUpdate": Match.absent(),
                    "AutoScalingReplacingUpdate": Match.absent(),
                },
            },
        )

    def test_notices_a_changed_launch_template(self, tiers: Tiers) -> None:
        ((template, _),) = of_type(tiers.app_template.to_json(), TEMPLATE).items()
        tiers.app_template.has_resource_properties(
            GROUP,
            {
                "LaunchTemplate": {
                    "LaunchTemplateId": {"Ref": template},
                    "Version": {"Fn::GetAtt": [template, "LatestVersionNumber"]},
                }
            },
        )

    def test_watches_its_servers(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource_properties(
            GROUP,
            {
                "HealthCheckType": "EBS",
                "HealthCheckGracePeriod": 600,
                "DefaultInstanceWarmup": 600,
                "MetricsCollection": [{"Granularity": "1Minute"}],
                "TerminationPolicies": ["OldestLaunchTemplate", "OldestInstance"],
                "CapacityRebalance": Match.absent(),
            },
        )

    def test_reserves_a_third_of_the_minimum_in_each_zone(self, tiers: Tiers) -> None:
        reservations = of_type(tiers.print_template.to_json(), "AWS::EC2::CapacityReservation")
        assert [each["AvailabilityZone"] for each in reservations.values()] == ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
        for each in reservations.values():
            assert each["InstanceCount"] == 2  # 4 servers in 3 zones
            assert each["InstanceMatchCriteria"] == "open"
            assert each["InstanceType"] == "m7i.4xlarge"
            assert each["Tenancy"] == "dedicated"
        tiers.print_template.has_resource(GROUP, {"DependsOn": Match.array_with(sorted(reservations))})

    def test_reserves_nothing_on_demand(self, tiers: Tiers) -> None:
        tiers.app_template.resource_count_is("AWS::EC2::CapacityReservation", 0)


class TestReach:
    def test_servers_reach_the_members_and_service_endpoints_and_nothing_else(self, tiers: Tiers) -> None:
        template = tiers.app_template.to_json()
        servers, client = _group(template, "Application servers t/app"), _group(template, "app/Client")
        assert rules(template) == {
            ("out", servers, MEMBERS, 1972),
            ("in", MEMBERS, servers, 1972),
            # Which of them is the primary.
            ("out", servers, MEMBERS, 2189),
            ("in", MEMBERS, servers, 2189),
            ("out", servers, ENDPOINTS, 443),
            ("in", ENDPOINTS, servers, 443),
            # By the default port of the tier's connections.
            ("in", servers, client, 1972),
            ("out", client, servers, 1972),
        }

    def test_internet_adds_https_and_nothing_else(self, tiers: Tiers) -> None:
        template = tiers.print_template.to_json()
        servers = _group(template, "Application servers t/print")
        assert rules(template) == {
            ("out", servers, MEMBERS, 1972),
            ("in", MEMBERS, servers, 1972),
            # Which of them is the primary.
            ("out", servers, MEMBERS, 2189),
            ("in", MEMBERS, servers, 2189),
            ("out", servers, ENDPOINTS, 443),
            ("in", ENDPOINTS, servers, 443),
            ("out", servers, "0.0.0.0/0", 443),
        }

    def test_the_mirrors_stack_depends_on_no_tier(self, tiers: Tiers) -> None:
        assert tiers.app_stack not in tiers.base.database_stack.dependencies
        assert tiers.base.database_stack in tiers.app_stack.dependencies
        imported = re.findall(r'"Fn::ImportValue": "([^:]+):', json.dumps(tiers.database_template.to_json()))
        assert not {"app", "print"} & set(imported)

    def test_ec2_takes_the_descriptions_of_all_groups_and_rules(self, tiers: Tiers) -> None:
        texts = descriptions(tiers.app_template.to_json()) | descriptions(tiers.print_template.to_json())
        assert [text for text in texts if not ALLOWED_IN_DESCRIPTIONS.fullmatch(text)] == []


class TestRole:
    def test_may_be_reached_by_session_manager_and_write_its_logs_and_metrics_and_no_more(self, tiers: Tiers) -> None:
        template = tiers.app_template.to_json()
        ((log_group, _),) = of_type(template, "AWS::Logs::LogGroup").items()
        allowed = _allowed(template)
        assert set(allowed) == {
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
            "cloudwatch:PutMetricData",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        }
        assert allowed["logs:PutLogEvents"] == [{"Fn::GetAtt": [log_group, "Arn"]}]

    def test_may_read_the_license_it_is_given(self, tiers: Tiers) -> None:
        allowed = _allowed(tiers.print_template.to_json())
        assert allowed["secretsmanager:GetSecretValue"] == [
            "arn:aws:secretsmanager:eu-west-2:111122223333:secret:iris-key-abcdef"
        ]

    def test_has_no_inline_policy(self, tiers: Tiers) -> None:
        for template in (tiers.app_template, tiers.print_template):
            template.resource_count_is("AWS::IAM::Policy", 0)
            template.has_resource_properties("AWS::IAM::Role", {"Policies": Match.absent()})

    def test_and_log_group_may_be_ones_own(self) -> None:
        base = TierApp()
        stack = base.stack("app")
        tier = define(
            base,
            stack,
            role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/app-servers"),
            log_group=logs.LogGroup.from_log_group_name(stack, "Logs", "/app"),
        )
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::IAM::Role", 0)
        template.resource_count_is("AWS::IAM::ManagedPolicy", 0)
        template.resource_count_is("AWS::Logs::LogGroup", 0)
        template.has_resource_properties("AWS::IAM::InstanceProfile", {"Roles": ["app-servers"]})
        assert tier.role.role_arn == "arn:aws:iam::111122223333:role/app-servers"
        assert stack.resolve(tier.log_group.log_group_name) == "/app"


class TestLogsAndAlarms:
    def test_logs_are_encrypted_and_kept(self, tiers: Tiers) -> None:
        ((key, _),) = of_type(tiers.app_template.to_json(), "AWS::KMS::Key").items()
        tiers.app_template.has_resource(
            "AWS::Logs::LogGroup",
            {
                "Properties": {"RetentionInDays": 365, "KmsKeyId": {"Fn::GetAtt": [key, "Arn"]}},
                "DeletionPolicy": "Retain",
            },
        )
        tiers.print_template.has_resource_properties(
            "AWS::Logs::LogGroup", {"RetentionInDays": 30, "KmsKeyId": tiers.key.key_arn}
        )

    def test_an_alarm_compares_servers_in_service_with_those_desired_at_that_moment(self, tiers: Tiers) -> None:
        ((group, _),) = of_type(tiers.app_template.to_json(), GROUP).items()
        dimension = [{"Name": "AutoScalingGroupName", "Value": {"Ref": group}}]
        alarm = only(tiers.app_template.to_json(), "AWS::CloudWatch::Alarm")
        expression, *metrics = alarm["Metrics"]
        assert expression["Expression"] == "desired - inService"
        assert {each["Id"]: each["MetricStat"]["Metric"] for each in metrics} == {
            "desired": {"Namespace": "AWS/AutoScaling", "MetricName": "GroupDesiredCapacity", "Dimensions": dimension},
            "inService": {"Namespace": "AWS/AutoScaling", "MetricName": "GroupInServiceInstances", "Dimensions": dimension},
        }
        assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, 15, "breaching")
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert [tiers.app_stack.resolve(each.alarm_arn)["Fn::GetAtt"][0] for each in tiers.tier.alarms] == list(
            of_type(tiers.app_template.to_json(), "AWS::CloudWatch::Alarm")
        )

    def test_the_topic_gets_alarms_their_end_and_failed_launches(self, tiers: Tiers) -> None:
        topic = "arn:aws:sns:eu-west-2:111122223333:alarms"
        tiers.print_template.has_resource_properties("AWS::CloudWatch::Alarm", {"AlarmActions": [topic], "OKActions": [topic]})
        (configuration,) = only(tiers.print_template.to_json(), GROUP)["NotificationConfigurations"]
        assert configuration["TopicARN"] == topic
        assert set(configuration["NotificationTypes"]) == {
            "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
            "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
        }

    def test_without_a_topic_nothing_is_sent(self, tiers: Tiers) -> None:
        tiers.app_template.has_resource_properties("AWS::CloudWatch::Alarm", {"AlarmActions": Match.absent()})
        tiers.app_template.has_resource_properties(GROUP, {"NotificationConfigurations": Match.absent()})


class TestCeiling:
    def test_counts_all_tiers_of_the_mirror_twice(self) -> None:
        base = TierApp(ecp_client_ceiling=24)
        define(base, base.stack("app"), max_capacity=9)
        define(base, base.stack("print"), name="print", max_capacity=3)
        with pytest.raises(ValueError, match=r"ecp_client_ceiling of TRAK is 24: .* needs at least 26") as refused:
            define(base, base.stack("third"), name="third", min_capacity=1, max_capacity=1)
        assert "one ECP client too many restarts the data server" in str(refused.value)

    def test_a_mirror_admits_no_ecp_clients_by_default(self) -> None:
        base = TierApp(ecp_client_ceiling=0)
        with pytest.raises(ValueError, match=r"ecp_client_ceiling of TRAK is 0: .* needs at least 12"):
            define(base, base.stack("app"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"purchase": "spot"},
                "purchase of application tier app is on-demand or capacity-reservation, got 'spot': "
                "a lost ECP client takes its open transactions with it",
            ),
            ({"tenancy": "dedicated-host"}, "tenancy is default or dedicated-instance, got 'dedicated-host'"),
            ({"min_capacity": 0}, "min_capacity is at least 1, got 0"),
            ({"min_capacity": 4, "max_capacity": 3}, "max_capacity is at least min_capacity, got 3 and 4"),
        ],
        ids=["spot", "dedicated host", "no servers", "maximum below minimum"],
    )
    def test_say_what_was_got_and_what_is_possible(
        self, spare: TierApp, request: pytest.FixtureRequest, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            define(spare, spare.stack(f"refused-{re.sub('[^a-z]', '-', request.node.callspec.id)}"), **changes)

    def test_fewer_than_three_zones(self, spare: TierApp) -> None:
        subnets = spare.network.subnets("application")
        message = "supply three subnets, one in each of three availability zones, got "
        with pytest.raises(ValueError, match=re.escape(message + "['eu-west-2a', 'eu-west-2b']")):
            define(spare, spare.stack("two"), subnets=subnets[:2])
        with pytest.raises(ValueError, match=re.escape(message + "['eu-west-2a', 'eu-west-2b', 'eu-west-2b']")):
            define(spare, spare.stack("twice"), subnets=[subnets[0], subnets[1], subnets[1]])


@pytest.mark.parametrize("pack", [AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks])
def test_policy_packs_find_nothing(tiers: Tiers, pack: Any) -> None:
    for stack in (tiers.app_stack, tiers.print_stack):
        assert [violation.rule_name for violation in pack(tiers.base.app).validate_scope(stack).violations] == []


def _group(template: Mapping[str, Any], description: str) -> str:
    (found,) = [
        id for id, group in of_type(template, "AWS::EC2::SecurityGroup").items() if group["GroupDescription"] == description
    ]
    return found


def _allowed(template: Mapping[str, Any]) -> dict[str, list[Any]]:
    allowed: dict[str, list[Any]] = {}
    for statement in only(template, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in actions:
            allowed.setdefault(action, []).extend(resources)
    return allowed
