"""`TransitGatewayAttachment`: a network's place at a transit gateway that exists."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.network.network import Network
from cdk_intersystems.network.routes import exact_ranges, require_own_vpc, route_id, tier_route_tables


class TransitGatewayAttachment(Construct):
    """Attaches a VPC to a transit gateway, and leads ranges there from the tiers that need them.

    What stands in the transit gateway's own route tables belongs to its owner.

    Example:
        ```python
        attachment = TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway="tgw-0123456789abcdef0")
        attachment.lead(["10.21.144.0/20"], ["data"])
        ```
    """

    def __init__(self, scope: Construct, id: str, *, network: Network, transit_gateway: str) -> None:
        """Define the attachment.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            network: The network to attach, with a VPC made here. The gateway gets an address in each of its application
                subnets: in those of members they are fixed.
            transit_gateway: Id of the transit gateway, in the same region.

        Raises:
            ValueError: If the VPC is not one made here.
        """
        super().__init__(scope, id)
        self._network = network
        self.transit_gateway_id = transit_gateway
        self._attachment = ec2.CfnTransitGatewayAttachment(
            self,
            "Attachment",
            vpc_id=require_own_vpc(network, "an attachment to a transit gateway").vpc_id,
            transit_gateway_id=transit_gateway,
            subnet_ids=[subnet.subnet_id for subnet in network.subnets(network.endpoint_tier)],
        )

    def lead(self, cidrs: Sequence[str], tiers: Sequence[str]) -> None:
        """Lead ranges to the transit gateway.

        Args:
            cidrs: The ranges. Those that touch become one, where that adds no address.
            tiers: The tiers whose route tables lead there.
        """
        for table, table_id in tier_route_tables(self._network, tiers).items():
            for cidr in exact_ranges(cidrs):
                route = ec2.CfnRoute(
                    self,
                    route_id(table, cidr),
                    route_table_id=table_id,
                    destination_cidr_block=cidr,
                    transit_gateway_id=self.transit_gateway_id,
                )
                # EC2 refuses a route to a transit gateway that the VPC isn't attached to.
                route.add_dependency(self._attachment)

    def request_peering(self, *, transit_gateway: str, region: str) -> None:
        """Request that the transit gateway is peered with one of another region; its owner accepts there.

        Args:
            transit_gateway: Id of the other transit gateway, of the same account.
            region: Its region.
        """
        ec2.CfnTransitGatewayPeeringAttachment(
            self,
            "Peering",
            transit_gateway_id=self.transit_gateway_id,
            peer_transit_gateway_id=transit_gateway,
            peer_region=region,
            peer_account_id=Stack.of(self).account,
        )
