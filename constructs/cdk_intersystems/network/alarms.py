"""Alarms on what connects a network with networks outside AWS; each names the runbook that stands behind it."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.monitoring.runbook_alarm import AT_MOST, BELOW, alarm_with_runbook

#: Both services aggregate what they tell of a state over so long. Sources: Direct Connect User Guide, "Monitor with Amazon
#: CloudWatch"; for a VPN the period of the recommended alarm, CloudWatch User Guide, "Recommended alarms".
PERIOD: Final = Duration.minutes(5)

# AWS replaces one end of a tunnel at a time, and the device outside has to come up again with it. Source: as above.
_TUNNEL_PERIODS = 3


def tunnel_state(vpn_id: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """The state of a VPN connection's tunnels, 1 for up.

    Without the dimension of one tunnel's address, which only AWS knows, it is of both tunnels together. A value between 0 and 1
    says that one is down: whether both are has to be asked by a maximum of 0, and whether one is by a minimum below 1. Source:
    Site-to-Site VPN User Guide, "VPN metrics and dimensions".

    Args:
        vpn_id: Id of the connection.
        statistic: The statistic.
        period: Over how long.
    """
    return cloudwatch.Metric(
        namespace="AWS/VPN",
        metric_name="TunnelState",
        dimensions_map={"VpnId": vpn_id},
        statistic=statistic,
        period=period,
    )


def alarm_on_tunnels(scope: Construct, vpn_id: str, topic: sns.ITopic | None) -> tuple[cloudwatch.Alarm, cloudwatch.Alarm]:
    """Define the alarm on a tunnel that is down, for fifteen minutes, and that on both, at once.

    Args:
        scope: The construct they belong to.
        vpn_id: Id of the VPN connection.
        topic: Where they are sent. None: nowhere.
    """
    name = scope.node.path
    one = alarm_with_runbook(
        scope,
        "TunnelDown",
        name=name,
        says="a tunnel of the VPN is down",
        runbook="vpn-tunnel-down",
        metric=tunnel_state(vpn_id, statistic="Minimum", period=PERIOD),
        topic=topic,
        comparison=BELOW,
        periods=_TUNNEL_PERIODS,
        # That nothing is told is the other alarm's.
        missing=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    both = alarm_with_runbook(
        scope,
        "Down",
        name=name,
        says="both tunnels of the VPN are down",
        runbook="vpn-down",
        metric=tunnel_state(vpn_id, statistic="Maximum", period=PERIOD),
        topic=topic,
        threshold=0,
        comparison=AT_MOST,
        # A connection that tells nothing is none: somebody has deleted it.
        missing=cloudwatch.TreatMissingData.BREACHING,
    )
    return one, both


def line_state(connection: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """The state of a Direct Connect connection, 1 for up. Source: Direct Connect User Guide, "Monitor with Amazon CloudWatch".

    Args:
        connection: Id of the connection.
        statistic: The statistic.
        period: Over how long.
    """
    return cloudwatch.Metric(
        namespace="AWS/DX",
        metric_name="ConnectionState",
        dimensions_map={"ConnectionId": connection},
        statistic=statistic,
        period=period,
    )


def alarm_on_line(scope: Construct, id: str, connection: str, topic: sns.ITopic | None) -> cloudwatch.Alarm:
    """Define the alarm on a Direct Connect connection that is down.

    Args:
        scope: The construct it belongs to.
        id: Its id within the scope.
        connection: Id of the connection.
        topic: Where it is sent. None: nowhere.
    """
    return alarm_with_runbook(
        scope,
        id,
        name=scope.node.path,
        says=f"the Direct Connect connection {connection} is down",
        runbook="direct-connect-down",
        metric=line_state(connection, statistic="Minimum", period=PERIOD),
        topic=topic,
        comparison=BELOW,
        # Told in this region only of a connection whose location belongs to it. Elsewhere the alarm would never be quiet, so
        # that somebody hears it on the first day, and not that nobody does on the last.
        missing=cloudwatch.TreatMissingData.BREACHING,
    )
