"""What connects a network with networks outside AWS: `SiteToSiteVpn`, and the gateway that `DirectConnect` uses too."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.network.alarms import PERIOD, alarm_on_tunnels, tunnel_state
from cdk_intersystems.network.network import Network
from cdk_intersystems.network.routes import PRIVATE_TIERS, require_own_vpc, tier_route_tables
from cdk_intersystems.network.transit import TransitGatewayAttachment

_IPSEC = "ipsec.1"
# What a customer gateway without BGP gets, as AWS wants a number there. Source: EC2 API Reference, CreateCustomerGateway.
_NO_BGP_ASN = 65000


class SiteToSiteVpn(Construct):
    """Defines a VPN connection, which has two tunnels, to one gateway outside AWS.

    It ends at a virtual private gateway of the VPC, or at a transit gateway that exists. From the former routes are propagated
    into the route tables of all tiers but the public one; to the latter there is a route for each range. Who may come in is
    decided by security groups alone.

    AWS makes the tunnels' keys and keeps them in Secrets Manager; none is in the template.

    There is an alarm on one tunnel that is down, which costs nothing but the other's failing, and one on both. Where only one
    tunnel is configured on the other side the first burns for as long.

    Attributes:
        connection: The VPN connection.
        alarm_tunnel_down: The alarm on one tunnel.
        alarm_down: The alarm on both.

    Example:
        ```python
        SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway="203.0.113.10", static_routes=["192.168.0.0/16"])
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: Network,
        customer_gateway: str,
        asn: int | None = None,
        static_routes: Sequence[str] = (),
        transit_gateway: TransitGatewayAttachment | None = None,
        remote_cidrs: Sequence[str] = (),
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define the connection.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            network: The network to connect, with a VPC made here.
            customer_gateway: The public IPv4 address of the gateway on the other side.
            asn: Its number in BGP, by which it tells its ranges. Either this or `static_routes`.
            static_routes: The ranges behind it, where it doesn't speak BGP. Either this or `asn`.
            transit_gateway: The VPC's attachment to a transit gateway, at which the connection ends. Default: at a virtual
                private gateway of its own.
            remote_cidrs: The ranges behind the other gateway that the VPC's route tables lead to the transit gateway. Default:
                the static routes. A virtual private gateway needs none: its routes are propagated.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If neither or both of `asn` and `static_routes` are given, the VPC is not one made here, no range is
                known that a transit gateway could be asked for, or `remote_cidrs` are given without a transit gateway.
        """
        super().__init__(scope, id)
        if (asn is None) == (not static_routes):
            raise ValueError(f"a VPN has either asn or static_routes, got asn={asn} and static_routes={list(static_routes)}")
        if remote_cidrs and transit_gateway is None:
            raise ValueError("remote_cidrs are routes to a transit gateway: a virtual private gateway's are propagated")
        vpc = require_own_vpc(network, "a VPN connection")
        gateway = ec2.CfnCustomerGateway(
            self, "CustomerGateway", type=_IPSEC, ip_address=customer_gateway, bgp_asn=asn or _NO_BGP_ASN
        )
        own = None if transit_gateway else private_gateway(self, vpc, network)[0]
        self.connection = ec2.CfnVPNConnection(
            self,
            "Connection",
            type=_IPSEC,
            customer_gateway_id=gateway.ref,
            vpn_gateway_id=own,
            transit_gateway_id=None if transit_gateway is None else transit_gateway.transit_gateway_id,
            static_routes_only=asn is None,
            # Otherwise whoever may describe the connection reads its keys. Source: EC2 API Reference, CreateVpnConnection.
            pre_shared_key_storage="SecretsManager",
        )
        one, both = alarm_on_tunnels(self, self.connection.ref, alarm_topic)
        self.alarm_tunnel_down = one
        self.alarm_down = both
        if transit_gateway is not None:
            ranges = remote_cidrs or static_routes
            if not ranges:
                raise ValueError(
                    "a VPN to a transit gateway needs remote_cidrs: no route is propagated into a VPC's own tables"
                )
            transit_gateway.lead(ranges, PRIVATE_TIERS)
            return
        for number, cidr in enumerate(static_routes, start=1):
            ec2.CfnVPNConnectionRoute(
                self, f"Route{number}", vpn_connection_id=self.connection.ref, destination_cidr_block=cidr
            )

    def metric_tunnel_state(self, *, statistic: str = "Minimum", period: Duration | None = None) -> cloudwatch.Metric:
        """The state of the tunnels: 1 for up, with BGP established; 0 for down.

        Args:
            statistic: `Minimum` is below 1 with one tunnel down, `Maximum` is 0 with both.
            period: Over how long. Default: five minutes.
        """
        return tunnel_state(self.connection.ref, statistic=statistic, period=period or PERIOD)


def private_gateway(
    scope: Construct, vpc: ec2.Vpc, network: Network, *, asn: int | None = None
) -> tuple[str, ec2.CfnVPCGatewayAttachment]:
    """Define a virtual private gateway, attach it, and have its routes propagated to all tiers but the public one.

    Args:
        scope: The construct it belongs to.
        vpc: The VPC.
        network: The VPC's network.
        asn: AWS's number in BGP. Default: AWS's own choice.

    Returns:
        Its id, and what attaches it.
    """
    gateway = ec2.VpnGateway(scope, "Gateway", type=_IPSEC, amazon_side_asn=asn)
    attachment = ec2.CfnVPCGatewayAttachment(scope, "Attachment", vpc_id=vpc.vpc_id, vpn_gateway_id=gateway.gateway_id)
    propagation = ec2.CfnVPNGatewayRoutePropagation(
        scope,
        "Propagation",
        route_table_ids=list(tier_route_tables(network).values()),
        vpn_gateway_id=gateway.gateway_id,
    )
    # CloudFormation doesn't see that the gateway has to be attached first. Source: its page on the propagation's resource.
    propagation.node.add_dependency(attachment)
    return gateway.gateway_id, attachment
