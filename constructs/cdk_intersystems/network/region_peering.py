"""`RegionPeering`: how the members of a mirror reach those of another region."""

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.network.network import Network
from cdk_intersystems.network.routes import exact_ranges, require_own_vpc, route_id, tier_route_tables
from cdk_intersystems.network.transit import TransitGatewayAttachment

#: By tier: the tiers of the other region that its route tables lead to. Members reach members and the other arbiter, and answer
#: what asks them for their role from the other region's application subnets. Nothing else of a VPC is reached from another.
LED_TO: Mapping[str, Sequence[str]] = {
    "data": ("application", "data", "arbiter"),
    "arbiter": ("data",),
    "application": ("data",),
}


class RegionPeering(Construct):
    """Peers a VPC with that of another region, and leads there what a mirror needs.

    The regions share no reference: the other VPC and its ranges are given as they are. One region requests the connection
    (`peer_vpc`), and CloudFormation accepts it, which takes both regions once; the other region only leads its routes to the
    connection (`peering_connection`). AWS encrypts traffic between regions; the mirror's own is encrypted by TLS besides.

    Example:
        ```python
        RegionPeering(
            stack,
            "Peering",
            network=network,
            peer_vpc="vpc-0123456789abcdef0",
            peer_region="eu-west-2",
            peer_subnets={"data": ["10.20.144.0/20"], "application": ["10.20.96.0/20"], "arbiter": ["10.20.192.0/20"]},
        )
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: Network,
        peer_subnets: Mapping[str, Sequence[str]],
        peer_vpc: str | None = None,
        peer_region: str | None = None,
        peering_connection: str | None = None,
    ) -> None:
        """Define the connection, or use one, and the routes to it.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            network: This region's network, with a VPC made here.
            peer_subnets: The ranges of the other region's subnets by tier (`application`, `data`, `arbiter`).
            peer_vpc: Id of the other region's VPC, of the same account, to request a connection with.
            peer_region: Its region, needed with `peer_vpc`.
            peering_connection: Id of a connection that exists, instead of `peer_vpc`.

        Raises:
            ValueError: If not exactly one of `peer_vpc` and `peering_connection` is given, the first has no region, or this VPC
                is not one made here.
        """
        super().__init__(scope, id)
        if (peer_vpc is None) == (peering_connection is None):
            raise ValueError(f"supply either peer_vpc or peering_connection, got {peer_vpc!r} and {peering_connection!r}")
        vpc = require_own_vpc(network, "peering with another region")
        if peer_vpc is not None:
            if peer_region is None:
                raise ValueError(f"supply the region of {peer_vpc} as peer_region")
            requested = ec2.CfnVPCPeeringConnection(
                self,
                "Connection",
                vpc_id=vpc.vpc_id,
                peer_vpc_id=peer_vpc,
                peer_region=peer_region,
                peer_owner_id=Stack.of(self).account,
            )
            peering_connection = requested.ref
        for tier, others in LED_TO.items():
            for table, table_id in tier_route_tables(network, (tier,)).items():
                for cidr in exact_ranges(cidr for other in others for cidr in peer_subnets.get(other, ())):
                    ec2.CfnRoute(
                        self,
                        route_id(table, cidr),
                        route_table_id=table_id,
                        destination_cidr_block=cidr,
                        vpc_peering_connection_id=peering_connection,
                    )


def lead_to_other_region(attachment: TransitGatewayAttachment, peer_subnets: Mapping[str, Sequence[str]]) -> None:
    """Lead what a mirror needs of another region to a transit gateway.

    Args:
        attachment: The attachment of this region's VPC.
        peer_subnets: The ranges of the other region's subnets by tier.
    """
    for tier, others in LED_TO.items():
        attachment.lead([cidr for other in others for cidr in peer_subnets.get(other, ())], (tier,))
