"""The load balancer of an endpoint, and what its services have in common whoever finds the primary."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from constructs import Construct

from cdk_intersystems.model.ports import MIRROR_STATUS_PORT
from cdk_intersystems.model.ports import target_port as target_port_of
from cdk_intersystems.policy.acknowledge import acknowledge

# The shortest interval and the lowest thresholds a Network Load Balancer takes: a failover is noticed after 5 to 10 s.
# Source: ELB API, CreateTargetGroup (interval 5-300 s, timeout 2-120 s, thresholds 2-10).
_INTERVAL = Duration.seconds(5)
_TIMEOUT = Duration.seconds(4)
_THRESHOLD = 2


def define_load_balancer(
    scope: Construct,
    *,
    vpc: ec2.IVpc,
    subnets: Sequence[ec2.ISubnet],
    security_group: ec2.ISecurityGroup,
    deletion_protection: bool,
) -> elbv2.NetworkLoadBalancer:
    """Define the load balancer, internal and in every zone."""
    balancer = elbv2.NetworkLoadBalancer(
        scope,
        "LoadBalancer",
        vpc=vpc,
        internet_facing=False,
        vpc_subnets=ec2.SubnetSelection(subnets=list(subnets)),
        security_groups=[security_group],
        # With one healthy target there must be a way to it from every zone.
        cross_zone_enabled=True,
        deletion_protection=deletion_protection,
    )
    acknowledge(
        balancer,
        {
            "AwsSolutions-ELB2": _NO_ACCESS_LOG,
            "HIPAA.Security-ELBLoggingEnabled": _NO_ACCESS_LOG,
            "NIST.800.53.R5-ELBLoggingEnabled": _NO_ACCESS_LOG,
        },
    )
    return balancer


def asking_members(
    protocol: elbv2.Protocol, *, path: str | None = None, healthy_http_codes: str | None = None
) -> elbv2.HealthCheck:
    """The health check that asks each member's mirror status responder, as often and as soon to be believed as can be."""
    return elbv2.HealthCheck(
        protocol=protocol,
        port=str(MIRROR_STATUS_PORT),
        path=path,
        healthy_http_codes=healthy_http_codes,
        interval=_INTERVAL,
        timeout=_TIMEOUT,
        healthy_threshold_count=_THRESHOLD,
        unhealthy_threshold_count=_THRESHOLD,
    )


def define_target_group(
    scope: Construct,
    id: str,
    *,
    vpc: ec2.IVpc,
    port: int,
    addresses: Sequence[str],
    health_check: elbv2.HealthCheck,
) -> elbv2.NetworkTargetGroup:
    """Define a target group of a service, with members by their fixed addresses on its target port."""
    target_port = target_port_of(port)
    group = elbv2.NetworkTargetGroup(
        scope,
        id,
        vpc=vpc,
        port=target_port,
        protocol=elbv2.Protocol.TCP,
        target_type=elbv2.TargetType.IP,
        targets=[targets.IpTarget(address, target_port) for address in addresses],
        # IRIS's audit and the interface engine's allow-lists see the client and not the load balancer.
        preserve_client_ip=True,
        deregistration_delay=Duration.seconds(0),
        connection_termination=True,
        health_check=health_check,
    )
    # A client of the old primary gets a reset instead of waiting some 15 minutes for its own retransmissions to end.
    group.set_attribute("target_health_state.unhealthy.connection_termination.enabled", "true")
    return group


def define_listener(
    balancer: elbv2.NetworkLoadBalancer,
    name: str,
    port: int,
    group: elbv2.NetworkTargetGroup,
    *idle: elbv2.NetworkTargetGroup,
) -> elbv2.NetworkListener:
    """Define the listener of a service.

    Args:
        balancer: The load balancer.
        name: Name of the service.
        port: Its port.
        group: The target group that gets the connections.
        idle: Target groups that get none, and are health-checked all the same.
    """
    weights = [elbv2.NetworkWeightedTargetGroup(target_group=group, weight=1)] + [
        elbv2.NetworkWeightedTargetGroup(target_group=each, weight=0) for each in idle
    ]
    action = elbv2.NetworkListenerAction.weighted_forward(weights) if idle else elbv2.NetworkListenerAction.forward([group])
    listener = balancer.add_listener(f"{pascal(name)}Listener", port=port, protocol=elbv2.Protocol.TCP, default_action=action)
    acknowledge(
        listener,
        {
            "HIPAA.Security-ELBv2ACMCertificateRequired": _TLS_ENDS_IN_IRIS,
            "NIST.800.53.R5-ELBv2ACMCertificateRequired": _TLS_ENDS_IN_IRIS,
        },
    )
    return listener


def pascal(name: str) -> str:
    """A service's name as a part of a construct's id."""
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))


def first_service(ports: Mapping[str, int]) -> str:
    """The service that stands for all of them: the superserver or, where there is none, the first."""
    return "superserver" if "superserver" in ports else next(iter(ports))


_NO_ACCESS_LOG = (
    "a Network Load Balancer writes access logs for TLS listeners only, and these are TCP; "
    "the VPC's flow logs, in an existing VPC its owner's, hold every connection with the client's own address"
)
_TLS_ENDS_IN_IRIS = (
    "the listener passes TLS through untouched, to be ended by IRIS with the member's own certificate, so that nothing between "
    "client and database sees the data; members take TLS, and whether a client has to use it is a setting of their superserver"
)
