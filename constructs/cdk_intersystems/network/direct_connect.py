"""`DirectConnect`: a network's place behind a Direct Connect gateway that exists."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_directconnect as directconnect
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.network.alarms import PERIOD, alarm_on_line, line_state
from cdk_intersystems.network.connectivity import private_gateway
from cdk_intersystems.network.network import Network
from cdk_intersystems.network.routes import require_own_vpc


class DirectConnect(Construct):
    """Associates the VPC with a Direct Connect gateway that exists, by a virtual private gateway.

    The connection itself, its virtual interfaces and the gateway belong to whoever runs the line. Routes reach the tiers' route
    tables by propagation; the gateway is told the VPC's prefixes.

    Of lines that are named there is an alarm. It is on the line alone: a BGP session can be down on one that is up.

    Attributes:
        alarms_down: The alarms on the connections, in their order.

    Example:
        ```python
        DirectConnect(
            stack,
            "DirectConnect",
            network=network,
            gateway="11112222-3333-4444-5555-666677778888",
            allowed_prefixes=["10.20.0.0/16"],
        )
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: Network,
        gateway: str,
        allowed_prefixes: Sequence[str],
        asn: int | None = None,
        connections: Sequence[str] = (),
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define the association.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            network: The network to connect, with a VPC made here.
            gateway: Id of the Direct Connect gateway, of the same account.
            allowed_prefixes: The VPC's ranges that are told to the other side.
            asn: AWS's number in BGP at the virtual private gateway. Default: AWS's own choice, 64512.
            connections: Ids of the Direct Connect connections (`dxcon-...`) to have alarms on: CloudWatch tells of a connection
                only in the region that its location belongs to. Default: none; the lines are watched by who runs them.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If no prefix is given, a connection is named twice or the VPC is not one made here.
        """
        super().__init__(scope, id)
        if not allowed_prefixes:
            raise ValueError("supply the ranges of the VPC that the Direct Connect gateway may tell the other side")
        if len({*connections}) < len(connections):
            raise ValueError(f"name each Direct Connect connection once, got {', '.join(connections)}")
        vpc = require_own_vpc(network, "a Direct Connect gateway's association")
        own, attachment = private_gateway(self, vpc, network, asn=asn)
        association = directconnect.CfnDirectConnectGatewayAssociation(
            self,
            "Association",
            associated_gateway_id=own,
            direct_connect_gateway_id=gateway,
            allowed_prefixes_to_direct_connect_gateway=list(allowed_prefixes),
        )
        association.node.add_dependency(attachment)
        self.alarms_down = [
            alarm_on_line(self, f"Down{number}", connection, alarm_topic)
            for number, connection in enumerate(connections, start=1)
        ]

    @staticmethod
    def metric_connection_state(
        connection: str, *, statistic: str = "Minimum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """The state of a Direct Connect connection: 1 for up, 0 for down.

        Args:
            connection: Its id.
            statistic: The statistic.
            period: Over how long. Default: five minutes.
        """
        return line_state(connection, statistic=statistic, period=period or PERIOD)
