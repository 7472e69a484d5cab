"""`Network`: the VPC of one region, laid out by the fixed address plan, or an existing VPC taken as it is."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network

from aws_cdk import Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_intersystems.model import tags
from cdk_intersystems.model.addresses import TIERS, subnet_cidr
from cdk_intersystems.network.endpoints import add_service_endpoints
from cdk_intersystems.policy.acknowledge import acknowledge


class Network(Construct):
    """Defines the network of one region: subnets per tier over three zones, service endpoints and flow logs.

    Five tiers, each with one subnet in every zone: `public` (only where something faces the Internet), `web`,
    `application`, `data` and `arbiter`. No subnet gives public addresses. What an instance needs of AWS is reached through
    interface endpoints, so that every tier works with no route to the Internet. Put nothing into the data and arbiter subnets
    but mirror members, whose addresses are fixed: to anything else AWS may give one of them.

    Example:
        ```python
        network = Network(
            stack,
            "Network",
            cidr="10.20.0.0/16",
            availability_zones=["eu-west-2a", "eu-west-2b", "eu-west-2c"],
            flow_log_group=log_group,
        )
        MirroredDatabase(stack, "Database", vpc=network.vpc, data_subnets=network.subnets("data"), ...)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cidr: str,
        availability_zones: Sequence[str],
        flow_log_group: logs.ILogGroup,
        internet: bool = False,
        public_subnets: bool | None = None,
        private_ca: bool = False,
        load_balancing: bool = False,
        image_builder: bool = False,
    ) -> None:
        """Define a new VPC.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            cidr: The VPC's IPv4 range, /16 to /22. It is cut into 16 equal blocks, one per tier and zone.
            availability_zones: The names of exactly three zones, in the order members are placed in them.
            flow_log_group: Where the flow logs of all traffic go. Its resource policy must admit VPC flow logs only through
                the role made here.
            internet: Whether instances may reach the Internet by NAT gateways, one per zone. Default: they may not.
            public_subnets: Whether there are subnets with a route from the Internet, for Internet-facing load balancers.
                Default: only if `internet`, whose NAT gateways stand in them.
            private_ca: Whether hosts reach AWS Private CA, which is to issue their certificates. Default: they don't.
            load_balancing: Whether the router of a mirror set moves listeners here (strategy `listener`). Default: none does.
            image_builder: Whether machines become images here (`GoldenImage`), which fetch Image Builder's own program from S3.
                Default: they don't.

        Raises:
            ValueError: If the range or the zones don't fit the address plan.
        """
        super().__init__(scope, id)
        zones = list(availability_zones)
        if len(set(zones)) != 3 or len(zones) != 3:
            raise ValueError(f"supply exactly three distinct availability zones, got {zones}")
        network = IPv4Network(cidr)
        block = subnet_cidr(network, "public", 0)
        with_public = internet if public_subnets is None else public_subnets
        if internet and not with_public:
            raise ValueError("internet=True needs public subnets for its NAT gateways; leave out public_subnets=False")

        private_type = ec2.SubnetType.PRIVATE_WITH_EGRESS if internet else ec2.SubnetType.PRIVATE_ISOLATED
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(str(network)),
            availability_zones=zones,
            nat_gateways=len(zones) if internet else 0,
            create_internet_gateway=with_public,
            # CloudFormation can empty the default group only by a custom resource; IrisChecks holds that nothing uses it.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name=tier,
                    subnet_type=ec2.SubnetType.PUBLIC if tier == "public" else private_type,
                    cidr_mask=block.prefixlen,
                    # A reserved tier keeps its place in the address plan, so that adding it later moves nothing.
                    reserved=tier == "public" and not with_public,
                    map_public_ip_on_launch=False if tier == "public" else None,
                )
                for tier in TIERS
            ],
        )
        self._vpc: ec2.IVpc = vpc
        self._subnets: dict[str, list[ec2.ISubnet]] = {
            tier: list(vpc.select_subnets(subnet_group_name=tier).subnets) for tier in TIERS if with_public or tier != "public"
        }
        self._add_flow_logs(vpc, flow_log_group)
        endpoints = ec2.SecurityGroup(
            self,
            "ServiceEndpoints",
            vpc=vpc,
            description="Interface endpoints of AWS services",
            allow_all_outbound=False,
        )
        self._endpoints_security_group: ec2.ISecurityGroup | None = endpoints
        add_service_endpoints(
            self,
            vpc,
            endpoints,
            self._subnets["application"],
            private_ca=private_ca,
            load_balancing=load_balancing,
            image_builder=image_builder,
        )
        for tier, subnets in self._subnets.items():
            for subnet in subnets:
                Tags.of(subnet).add(tags.SUBNETS, tier, include_resource_types=["AWS::EC2::RouteTable"])
        acknowledge(
            vpc,
            {
                "HIPAA.Security-VPCDefaultSecurityGroupClosed": _DEFAULT_GROUP,
                "NIST.800.53.R5-VPCDefaultSecurityGroupClosed": _DEFAULT_GROUP,
            },
        )
        if with_public:
            self._acknowledge_public_routes()

    @classmethod
    def from_existing(
        cls,
        scope: Construct,
        id: str,
        *,
        vpc_id: str,
        cidr: str,
        availability_zones: Sequence[str],
        subnets: Mapping[str, Sequence[ec2.SubnetAttributes]],
        endpoints_security_group_id: str | None = None,
    ) -> "Network":
        """Refer to a VPC that exists, as it is: nothing in it is changed and nothing is looked up.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            vpc_id: The id of the VPC.
            cidr: Its IPv4 range.
            availability_zones: Its three zones, in the order members are placed in them.
            subnets: Per tier the subnets, one per zone in the order of the zones, each with id, zone, range and route table.
            endpoints_security_group_id: The security group of its interface endpoints, to which the instances' groups get
                access on port 443. Default: no such access is given; the instances reach AWS's services by other means.
        """
        network = cls.__new__(cls)
        Construct.__init__(network, scope, id)
        network._vpc = ec2.Vpc.from_vpc_attributes(
            network, "Vpc", vpc_id=vpc_id, availability_zones=list(availability_zones), vpc_cidr_block=cidr
        )
        network._subnets = {
            tier: [
                ec2.Subnet.from_subnet_attributes(
                    network,
                    f"{tier}{number}",
                    subnet_id=attributes.subnet_id,
                    availability_zone=attributes.availability_zone,
                    ipv4_cidr_block=attributes.ipv4_cidr_block,
                    route_table_id=attributes.route_table_id,
                )
                for number, attributes in enumerate(in_tier, start=1)
            ]
            for tier, in_tier in subnets.items()
        }
        network._endpoints_security_group = (
            ec2.SecurityGroup.from_security_group_id(network, "ServiceEndpoints", endpoints_security_group_id)
            if endpoints_security_group_id
            else None
        )
        return network

    @property
    def vpc(self) -> ec2.IVpc:
        """The VPC."""
        return self._vpc

    @property
    def endpoints_security_group(self) -> ec2.ISecurityGroup | None:
        """The security group of the interface endpoints; None in an existing VPC for which none was named."""
        return self._endpoints_security_group

    @property
    def endpoint_tier(self) -> str:
        """The tier for what AWS gives addresses to, such as the mirror endpoint: not the members', if there is another."""
        return next(tier for tier in ("application", "web", "data") if tier in self._subnets)

    def subnets(self, tier: str) -> list[ec2.ISubnet]:
        """The subnets of a tier, one per zone, in the order of the zones.

        Raises:
            ValueError: If this network has no such tier.
        """
        if tier not in self._subnets:
            raise ValueError(f"this network has no {tier!r} subnets; it has {', '.join(self._subnets)}")
        return self._subnets[tier]

    def _add_flow_logs(self, vpc: ec2.Vpc, log_group: logs.ILogGroup) -> None:
        stack = Stack.of(self)
        role = iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com",
                # Only for flow logs of this account and region. Source: VPC User Guide, "Confused deputy prevention".
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")},
                },
            ),
            description="Lets VPC flow logs write to their log group",
        )
        iam.ManagedPolicy(
            self,
            "FlowLogsPolicy",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    resources=[log_group.log_group_arn],
                )
            ],
        )
        # Without policy updates: the L2 would add the same permissions again, as an inline policy.
        ec2.FlowLog(
            self,
            "FlowLog",
            resource_type=ec2.FlowLogResourceType.from_vpc(vpc),
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, role.without_policy_updates()),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )

    def _acknowledge_public_routes(self) -> None:
        for subnet in self._subnets["public"]:
            acknowledge(
                subnet.node.find_child("DefaultRoute"),
                {
                    "HIPAA.Security-VPCNoUnrestrictedRouteToIGW": _PUBLIC_ROUTE,
                    "NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW": _PUBLIC_ROUTE,
                },
            )


_DEFAULT_GROUP = (
    "CloudFormation can empty the default security group only through a custom resource, which we do without; "
    "IrisChecks holds that nothing in the application uses the group"
)
_PUBLIC_ROUTE = (
    "an Internet-facing load balancer and the NAT gateways need this route; only they stand in the public subnets, "
    "no instance does and no subnet gives public addresses"
)
