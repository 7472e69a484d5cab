"""A small CDK app with the resource types a deployment uses, to hold the embedded AWS to: there is no IRIS in it.

Three stacks: a network, a database pair with its load balancer and a rule over a parameter, and a tier of servers
behind an application load balancer. `-c deployment=broken` asks for something EC2 refuses.
"""

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2

ENVIRONMENT = cdk.Environment(account="111122223333", region="eu-west-2")
ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
IMAGE = "ami-0123456789abcdef0"


class Network(cdk.Stack):
    """A VPC with endpoints, flow logs, a NAT gateway, a reserved address range, and a key."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id, env=ENVIRONMENT, termination_protection=True)
        self.key = kms.Key(self, "Key", enable_key_rotation=True, description="fixture")
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/16"),
            availability_zones=ZONES,
            nat_gateways=1,
            restrict_default_security_group=False,
        )
        self.vpc.add_interface_endpoint("Ssm", service=ec2.InterfaceVpcEndpointAwsService.SSM)
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        log_group = logs.LogGroup(self, "Flows", retention=logs.RetentionDays.ONE_MONTH, encryption_key=self.key)
        self.vpc.add_flow_log("Flow", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group))
        ec2.CfnSubnetCidrReservation(
            self,
            "Fixed",
            subnet_id=self.vpc.private_subnets[0].subnet_id,
            cidr=cdk.Fn.join("", [cdk.Fn.select(0, cdk.Fn.split("/", self.vpc.private_subnets[0].ipv4_cidr_block)), "/28"]),
            reservation_type="explicit",
        )
        self.topic = sns.Topic(self, "Alarms", master_key=self.key)


class Pair(cdk.Stack):
    """Two members with a volume each behind a network load balancer, and a change that needs an approval."""

    def __init__(self, scope: cdk.App, id: str, network: Network) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        approval = cdk.CfnParameter(self, "Approval", default="approved")
        cdk.CfnRule(
            self,
            "Approved",
            assertions=[
                cdk.CfnRuleAssertion(
                    assert_=cdk.Fn.condition_equals(approval.value_as_string, "approved"),
                    assert_description="set Approval to the code of this change",
                )
            ],
        )
        group = ec2.SecurityGroup(self, "Group", vpc=network.vpc, allow_all_outbound=False)
        group.add_ingress_rule(group, ec2.Port.tcp(2188))
        group.add_egress_rule(group, ec2.Port.tcp(2188))
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self._role().role_name])
        members = []
        for number, name in enumerate("ab"):
            subnet = network.vpc.private_subnets[number]
            member = ec2.CfnInstance(
                self,
                f"Member{name.upper()}",
                image_id=IMAGE,
                instance_type="r7i.large",
                subnet_id=subnet.subnet_id,
                security_group_ids=[group.security_group_id],
                iam_instance_profile=profile.ref,
                disable_api_termination=True,
                ebs_optimized=True,
                monitoring=True,
                metadata_options=ec2.CfnInstance.MetadataOptionsProperty(http_tokens="required"),
                private_ip_address="10.99.0.10" if self.node.try_get_context("deployment") == "broken" else None,
                user_data=cdk.Fn.base64("#!/bin/sh\n"),
                tags=_tags(name),
            )
            volume = ec2.CfnVolume(
                self,
                f"Data{name.upper()}",
                availability_zone=ZONES[number],
                size=100,
                volume_type="gp3",
                iops=4000,
                throughput=250,
                encrypted=True,
                kms_key_id=network.key.key_arn,
                tags=[*_tags(name), cdk.CfnTag(key="cdk-intersystems:volume", value="data")],
            )
            volume.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
            members.append(member)
        ec2.CfnVolumeAttachment(
            self, "Attached", device="/dev/sdf", instance_id=members[0].ref, volume_id=volume_ref(self, "DataA")
        )
        self._endpoint(network, members)
        cloudwatch.CfnCompositeAlarm(self, "Both", alarm_rule=f'ALARM("{self._alarm(network, members[0]).ref}")')
        ssm.CfnDocument(self, "Document", content={"schemaVersion": "0.3"}, document_type="Automation")
        cdk.CfnOutput(self, "AddressA", value=members[0].attr_private_ip, export_name="fixture-address-a")

    def _role(self) -> iam.Role:
        return iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))

    def _alarm(self, network: Network, member: ec2.CfnInstance) -> cloudwatch.CfnAlarm:
        return cloudwatch.CfnAlarm(
            self,
            "Status",
            namespace="AWS/EC2",
            metric_name="StatusCheckFailed",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="InstanceId", value=member.ref)],
            statistic="Maximum",
            period=60,
            evaluation_periods=2,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            alarm_actions=[network.topic.topic_arn],
        )

    def _endpoint(self, network: Network, members: list[ec2.CfnInstance]) -> None:
        balancer = elbv2.NetworkLoadBalancer(
            self, "Endpoint", vpc=network.vpc, cross_zone_enabled=True, disable_security_groups=True
        )
        listener = balancer.add_listener("Superserver", port=1972)
        listener.add_targets(
            "Members",
            port=11972,
            targets=[targets.InstanceIdTarget(member.ref) for member in members],
            health_check=elbv2.HealthCheck(
                protocol=elbv2.Protocol.HTTP, path="/csp/mirror_status.cxw", interval=cdk.Duration.seconds(5)
            ),
        )


def _tags(member: str) -> list[cdk.CfnTag]:
    """The tags by which a member and its volumes are found."""
    values = {"deployment": "fixture", "mirror-set": "PAIR", "member": member}
    return [cdk.CfnTag(key=f"cdk-intersystems:{key}", value=value) for key, value in values.items()]


def volume_ref(stack: cdk.Stack, id: str) -> str:
    """The id of one of the stack's volumes."""
    volume = stack.node.find_child(id)
    assert isinstance(volume, ec2.CfnVolume)
    return volume.ref


class Tier(cdk.Stack):
    """An Auto Scaling group behind an application load balancer with a web ACL."""

    def __init__(self, scope: cdk.App, id: str, network: Network) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        group = autoscaling.AutoScalingGroup(
            self,
            "Servers",
            vpc=network.vpc,
            min_capacity=3,
            max_capacity=6,
            launch_template=ec2.LaunchTemplate(
                self,
                "Template",
                machine_image=ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
                instance_type=ec2.InstanceType("m7i.large"),
                security_group=ec2.SecurityGroup(self, "ServersGroup", vpc=network.vpc),
                require_imdsv2=True,
                user_data=ec2.UserData.for_linux(),
            ),
        )
        cdk.Tags.of(group).add("cdk-intersystems:tier", "web")
        balancer = elbv2.ApplicationLoadBalancer(self, "Front", vpc=network.vpc, internet_facing=True)
        listener = balancer.add_listener("Http", port=80, open=True)
        listener.add_targets("Servers", port=8080, targets=[group], stickiness_cookie_duration=cdk.Duration.hours(8))
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                cloud_watch_metrics_enabled=True, metric_name="acl", sampled_requests_enabled=True
            ),
        )
        wafv2.CfnWebACLAssociation(self, "AclAssociation", resource_arn=balancer.load_balancer_arn, web_acl_arn=acl.attr_arn)
        s3.Bucket(self, "Logs", block_public_access=s3.BlockPublicAccess.BLOCK_ALL, enforce_ssl=True)
        # A type that nothing emulates: it must be told, and must not stop the deployment.
        cdk.CfnResource(self, "Unknown", type="AWS::NetworkManager::GlobalNetwork", properties={"Description": "x"})


app = cdk.App()
network = Network(app, "fixture-network")
Pair(app, "fixture-pair", network)
Tier(app, "fixture-tier", network)
app.synth()
