"""`InstanceGroup`: the servers of a tier under Auto Scaling, over three zones."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.host_bundle.host_bundle import await_signals
from cdk_intersystems.identity.instance_role import define_instance_role
from cdk_intersystems.instance_group.bootstrap import GroupBootstrap
from cdk_intersystems.instance_group.capacity import CapacityApproval
from cdk_intersystems.instance_group.capacity_reservations import reserve_capacity
from cdk_intersystems.instance_group.launch_template import Purchase, Tenancy, define_launch_template
from cdk_intersystems.mirrored_database.security_groups import admit_to_services
from cdk_intersystems.model import tags
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.monitoring.group_alarms import alarm_on_missing_servers
from cdk_intersystems.policy.acknowledge import acknowledge

# A server is replaced by launching the new one first, and by about one at a time: of 10 or fewer, one; of 20, two.
_MIN_HEALTHY_PERCENTAGE = 100
_MAX_HEALTHY_PERCENTAGE = 110


class InstanceGroup(Construct):
    """Defines an Auto Scaling group with its launch template, security group, role and alarm.

    How many servers there are beyond the minimum is run-time state: the template has no desired capacity, and CloudFormation
    leaves the group's sizes alone that the template doesn't change, so that no deployment takes back what scaling, a promotion
    or an operator raised. A changed launch template replaces the servers by an instance
    refresh, new ones first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        machine_image: ec2.IMachineImage,
        instance_type: ec2.InstanceType,
        capacity: TierCapacity,
        waits: bool,
        tenancy: Tenancy,
        purchase: Purchase,
        capacity_platform: str,
        root_volume_gib: int,
        encryption_key: kms.IKey,
        log_group: logs.ILogGroup | None,
        log_retention: logs.RetentionDays,
        role: iam.IRole | None,
        statements: Sequence[iam.PolicyStatement],
        user_data: ec2.UserData | None,
        bootstrap: GroupBootstrap | None,
        service_endpoints: ec2.ISecurityGroup | None,
        internet: bool,
        health_checks: autoscaling.HealthChecks,
        start_time: Duration,
        alarm_topic: sns.ITopic | None,
    ) -> None:
        """Define the group. What isn't explained here is an argument of the tiers.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            description: Which servers these are, in words that are unique in an account and region.
            vpc: The VPC.
            subnets: The servers' subnets, one per zone, three in all.
            machine_image: The servers' image.
            instance_type: The servers' type.
            capacity: How many servers. The template has those of a region that waits, which are all if it doesn't.
            waits: Whether the region is the DR region. Then another capacity has to be approved, since it takes back what a
                promotion raised.
            tenancy: Whose hardware they share.
            purchase: How their capacity is bought.
            capacity_platform: How EC2 bills the image, which a capacity reservation has to match.
            root_volume_gib: Size of the root volume in GiB.
            encryption_key: The key of root volumes and logs.
            log_group: The log group to use. None: a new one.
            log_retention: How long a new log group keeps its logs.
            role: The role to use as it is. None: a new one.
            statements: What a new role may do beside what every instance may.
            user_data: What the servers run at their first start, without `bootstrap`.
            bootstrap: With what the servers set themselves up. Another bundle replaces them, as another image does, and
                CloudFormation waits for the first ones to serve. None: they don't.
            service_endpoints: The security group of the VPC's interface endpoints.
            internet: Whether the servers may open connections to port 443 anywhere.
            health_checks: What makes Auto Scaling replace a server, beside EC2's own checks.
            start_time: How long a server may take from its launch until it serves; a refresh waits so long after each.
            alarm_topic: Where alarms and failed launches are sent. None: nowhere.

        Raises:
            ValueError: If the subnets, capacities, tenancy or purchase are not possible.
        """
        super().__init__(scope, id)
        _check(subnets, tenancy)
        self.security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, description=description, allow_all_outbound=False
        )
        admit_to_services(self.security_group, service_endpoints, internet=internet)
        self.log_group: logs.ILogGroup = log_group or logs.LogGroup(
            self, "Logs", encryption_key=encryption_key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN
        )
        bundle = bootstrap.define_bundle(self, self.log_group) if bootstrap else None
        self.role: iam.IRole = role or define_instance_role(
            self,
            "Role",
            description=description,
            log_group=self.log_group,
            statements=[
                *statements,
                *(bootstrap.statements(self, bundle) if bootstrap and bundle else []),
            ],
            wildcards=bootstrap.wildcards(self) if bootstrap else None,
        )
        launch_template = define_launch_template(
            self,
            machine_image=machine_image,
            instance_type=instance_type,
            security_group=self.security_group,
            role=self.role,
            encryption_key=encryption_key,
            root_volume_gib=root_volume_gib,
            tenancy=tenancy,
            purchase=purchase,
            user_data=bundle.user_data() if bundle else user_data,
        )
        if bundle:
            # In the launch template, so that another version is another launch template.
            Tags.of(launch_template).add(tags.BUNDLE, bundle.version)
        self.auto_scaling_group = autoscaling.AutoScalingGroup(
            self,
            "AutoScalingGroup",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=list(subnets)),
            launch_template=launch_template,
            min_capacity=capacity.warm_min,
            max_capacity=capacity.warm_max,
            min_healthy_percentage=_MIN_HEALTHY_PERCENTAGE,
            max_healthy_percentage=_MAX_HEALTHY_PERCENTAGE,
            default_instance_warmup=start_time,
            health_checks=health_checks,
            group_metrics=[autoscaling.GroupMetrics.all()],
            # After evening out the zones, which always comes first.
            termination_policies=[
                autoscaling.TerminationPolicy.OLDEST_LAUNCH_TEMPLATE,
                autoscaling.TerminationPolicy.OLDEST_INSTANCE,
            ],
            # Launches the replacement when AWS announces that it may take a spot instance back.
            capacity_rebalance=True if purchase == "spot" else None,
            notifications=(
                [autoscaling.NotificationConfiguration(topic=alarm_topic, scaling_events=autoscaling.ScalingEvents.ERRORS)]
                if alarm_topic is not None
                else None
            ),
            update_policy=autoscaling.UpdatePolicy.instance_refresh(
                strategy=autoscaling.InstanceRefreshStrategy.ROLLING,
                min_healthy_percentage=_MIN_HEALTHY_PERCENTAGE,
                max_healthy_percentage=_MAX_HEALTHY_PERCENTAGE,
                instance_warmup=start_time,
            ),
        )
        if bundle and bootstrap:
            # The servers look for it as soon as they start.
            self.auto_scaling_group.node.add_dependency(bundle)
            group = self.auto_scaling_group.node.default_child
            assert isinstance(group, autoscaling.CfnAutoScalingGroup)
            if capacity.warm_min:
                # In a region that waits servers say so when they are ready to, which is all they can be.
                await_signals(group, capacity.warm_min)
            bootstrap.add_hook(self.auto_scaling_group)
        acknowledge(
            self.auto_scaling_group,
            {"AwsSolutions-AS3": _NO_TOPIC if alarm_topic is None else _ONLY_ERRORS},
        )
        if purchase == "capacity-reservation":
            reservations = reserve_capacity(
                self,
                subnets=subnets,
                instance_type=instance_type,
                min_capacity=capacity.warm_min,
                tenancy=tenancy,
                platform=capacity_platform,
            )
            self.auto_scaling_group.node.add_dependency(*reservations)
        if waits:
            CapacityApproval(self, "CapacityApproval", capacity=capacity)
        self.missing_servers_alarm: cloudwatch.Alarm = alarm_on_missing_servers(
            self, self.auto_scaling_group, description, alarm_topic
        )


def _check(subnets: Sequence[ec2.ISubnet], tenancy: str) -> None:
    zones = [subnet.availability_zone for subnet in subnets]
    if len(zones) != 3 or len(set(zones)) != 3:
        raise ValueError(f"supply three subnets, one in each of three availability zones, got {zones}")
    if tenancy not in ("default", "dedicated-instance"):
        raise ValueError(f"tenancy is default or dedicated-instance, got {tenancy!r}")


_ONLY_ERRORS = (
    "launches and terminations that fail are sent to the alarm topic; those that succeed are no alarm and stand in the "
    "group's activity history and in CloudTrail"
)
_NO_TOPIC = (
    "no alarm topic was given to the construct; launches and terminations stand in the group's activity history and in "
    "CloudTrail, and an alarm tells when servers are missing"
)
