"""`FailoverAutomation`: has clients follow the primary of a mirror, within seconds of a failover."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_intersystems.failover_automation.alarms import FailoverAlarms
from cdk_intersystems.failover_automation.grants import Records, member_statements
from cdk_intersystems.failover_automation.records import define_queues, define_route_epochs
from cdk_intersystems.failover_automation.router import define_router, wake_router
from cdk_intersystems.mirrored_database.security_groups import admit_to_services
from cdk_intersystems.model.host_settings import CallOut
from cdk_intersystems.model.ports import MIRROR_STATUS_PATH, MIRROR_STATUS_PORT
from cdk_intersystems.model.powertools import powertools_layer as public_layer
from cdk_intersystems.model.regions import partition
from cdk_intersystems.model.topology import FAILOVER_MEMBERS, AwsRole


@jsii.implements(ec2.IConnectable)
class FailoverAutomation(Construct):
    """Defines what leads clients to the member that became primary, and looks each minute whether they still are.

    A member that is about to become primary takes the next route epoch, by one conditional write to a table, and sends a
    message to a queue. It wakes the router function, which leads the endpoint's route tables and listeners to the member with
    the newest epoch, until the table confirms that it is still the newest. Messages only wake it: it goes by the table alone.
    The function also runs each minute and after each update of the deployment's stacks.

    `MirroredDatabase` defines one for itself. With polling alone it moves nothing, and still watches the members.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        member_addresses: Mapping[str, str],
        member_security_group: ec2.ISecurityGroup,
        encryption_key: kms.IKey,
        vip: str | None = None,
        route_tables: Sequence[str] = (),
        listeners: Mapping[str, Mapping[str, str]] | None = None,
        target_groups: Sequence[elbv2.NetworkTargetGroup] = (),
        calling_members: Sequence[str] = FAILOVER_MEMBERS,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
        role: AwsRole = "primary",
    ) -> None:
        """Define the automation.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment; its members and route tables carry it as a tag.
            mirror_set: Name of the mirror set.
            vpc: The VPC.
            subnets: Where the function has its network interfaces, which need a way to AWS's services.
            member_addresses: The address of each failover member, which the function asks for its role.
            member_security_group: The members' security group; it gets the rule that admits the function's questions.
            encryption_key: The key for table, queues and logs.
            vip: The address that routes are to lead to the primary. Default: none is.
            route_tables: Ids of the route tables that lead it. Default: those of the VPC with the tag
                `cdk-intersystems:deployment` of this deployment.
            listeners: ARN of each listener that is moved, with the ARN of each member's target group. Default: none is.
            target_groups: The endpoint's target groups of one service, one with both members or one for each: an alarm tells
                when none is healthy, and the load balancer sends clients to all members. Default: there is no load balancer.
            calling_members: The failover members whose call-out is expected to be there. Default: both.
            service_endpoints: The security group of the VPC's interface endpoints, through which the function reaches
                DynamoDB, SQS, EC2 and Elastic Load Balancing. Default: it reaches them only with `internet`.
            internet: Whether the function may open connections to port 443 anywhere, where there are no endpoints. Default:
                it may not.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python, for accounts that may not use the public
                one. Default: the public layer of the region.
            log_retention: How long the function's log is kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.
            role: The role of the region, `primary` or `dr`. In `dr` no member need be primary while the region doesn't hold the
                traffic, which `RegionWatch` tells by the metric `DrHoldsTraffic`. Default: the primary region.

        Raises:
            ValueError: If there is no public layer in the region, or its region isn't known.
        """
        super().__init__(scope, id)
        queue, parked = define_queues(self, encryption_key)
        self._table = define_route_epochs(self, "RouteEpochs", encryption_key)
        self._queue, self._parked = queue, parked
        self._records = Records(mirror_set=mirror_set, table=self._table, queue=queue, parked=parked, key=encryption_key)
        security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, description=f"Router of mirror {mirror_set}", allow_all_outbound=False
        )
        self._connections = ec2.Connections(security_groups=[security_group])
        admit_to_services(security_group, service_endpoints, internet=internet and service_endpoints is None)
        security_group.connections.allow_to(
            member_security_group, ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status, asked by the router"
        )
        settings: dict[str, Any] = {
            "deployment": deployment,
            "mirror_set": mirror_set,
            "members": dict(member_addresses),
            "status_port": MIRROR_STATUS_PORT,
            "status_path": MIRROR_STATUS_PATH,
            # Empty and not None, which the CDK would leave out.
            "route_vip": {},
            "listeners": {arn: dict(groups) for arn, groups in (listeners or {}).items()},
        }
        if vip is not None:
            settings["route_vip"] = {"vip": vip, "vpc": vpc.vpc_id, "route_tables": list(route_tables)}
        self._function, self._log_group = define_router(
            self,
            records=self._records,
            deployment=deployment,
            settings=settings,
            vpc=vpc,
            subnets=subnets,
            security_group=security_group,
            route_tables=None if vip is None else list(route_tables),
            listeners=list(listeners or ()),
            powertools_layer=powertools_layer or _public_layer(Stack.of(self)),
            key=encryption_key,
            log_retention=log_retention,
        )
        wake_router(self, self._function, self._records, deployment)
        FailoverAlarms(
            self,
            "Alarms",
            deployment=deployment,
            mirror_set=mirror_set,
            function=self._function,
            parked=parked,
            calling_members=calling_members,
            target_groups=target_groups,
            topic=alarm_topic,
            role=role,
        )

    @property
    def connections(self) -> ec2.Connections:
        """Whom the function may connect to."""
        return self._connections

    @property
    def table(self) -> dynamodb.ITable:
        """The table with the route epochs."""
        return self._table

    @property
    def queue(self) -> sqs.IQueue:
        """The queue that wakes the router."""
        return self._queue

    @property
    def parked_messages(self) -> sqs.IQueue:
        """The dead-letter queue: messages that nothing could be done with."""
        return self._parked

    @property
    def function(self) -> lambda_.IFunction:
        """The router function."""
        return self._function

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the router function."""
        return self._log_group

    @property
    def call_out(self) -> CallOut:
        """What the members' hosts are told of table and queue."""
        return CallOut(table=self._table.table_name, queue=self._queue.queue_url)

    def member_access(self, scope: Construct) -> list[iam.PolicyStatement]:
        """The statements that let a failover member raise the route epoch and tell the router.

        Args:
            scope: A construct of a stack in the region.
        """
        return member_statements(scope, self._records)


def _public_layer(stack: Stack) -> str:
    if Token.is_unresolved(stack.region):
        raise ValueError("the failover automation needs a stack with a concrete region, or powertools_layer")
    return public_layer(stack.region, partition(stack.region))
