"""`MirrorEndpoint`: the address that leads clients which are not mirror-aware to the primary."""

from collections.abc import Mapping, Sequence

import jsii
from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from constructs import Construct

from cdk_intersystems.model.ports import (
    MIRROR_STATUS_PATH,
    MIRROR_STATUS_PORT,
    service_port_problems,
)
from cdk_intersystems.model.ports import (
    target_port as target_port_of,
)
from cdk_intersystems.policy.acknowledge import acknowledge

# The shortest interval and the lowest thresholds a Network Load Balancer takes: a failover is noticed after 5 to 10 s.
# Source: ELB API, CreateTargetGroup (interval 5-300 s, timeout 2-120 s, thresholds 2-10).
_HEALTH_CHECK_INTERVAL = Duration.seconds(5)
_HEALTH_CHECK_TIMEOUT = Duration.seconds(4)
_HEALTH_CHECK_THRESHOLD = 2


@jsii.implements(ec2.IConnectable)
class MirrorEndpoint(Construct):
    """Defines the `polling` endpoint of a mirror set: an internal Network Load Balancer that asks each member for its role.

    One listener and one target group per service port, every group holding both failover members. The health check asks
    each member's mirror status responder, which answers 200 only on the primary. Traffic arrives at the members on target
    ports of its own (service port + 10000), so that it can be told from mirror, ECP and mirror-aware traffic.

    A load balancer none of whose targets is healthy sends traffic to all of them, and this can't be switched off: while a
    mirror fails over, a member that isn't primary sees connections, and must refuse them itself.

    Example:
        ```python
        database.endpoint.connections.allow_default_port_from(interface_engine)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        member_addresses: Sequence[str],
        member_security_group: ec2.ISecurityGroup,
        ports: Mapping[str, int],
        client_cidrs: Sequence[str] = (),
        deletion_protection: bool = True,
    ) -> None:
        """Define the endpoint.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            vpc: The VPC the members are in.
            subnets: Where the load balancer has its addresses, one subnet per zone.
            member_addresses: The fixed addresses of the failover members.
            member_security_group: The members' security group; it gets the rules that admit the load balancer.
            ports: The services, name to port, e.g. `{"superserver": 1972, "hl7": 6661}`.
            client_cidrs: Ranges outside AWS whose clients may connect to every service. Default: none.
            deletion_protection: Whether the load balancer is protected from deletion. Default: it is.

        Raises:
            ValueError: If there is no port, or one that isn't possible.
        """
        super().__init__(scope, id)
        if not ports:
            raise ValueError("supply at least one service port for the mirror endpoint, got none")
        if problems := service_port_problems(ports):
            raise ValueError("; ".join(f"port {name}={ports[name]}: {problem}" for name, problem in problems))
        self._ports = dict(ports)
        self._security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, description="Mirror endpoint", allow_all_outbound=False
        )
        self._connections = ec2.Connections(
            security_groups=[self._security_group],
            default_port=ec2.Port.tcp(self._ports.get("superserver", next(iter(self._ports.values())))),
        )
        self.load_balancer = elbv2.NetworkLoadBalancer(
            self,
            "LoadBalancer",
            vpc=vpc,
            internet_facing=False,
            vpc_subnets=ec2.SubnetSelection(subnets=list(subnets)),
            security_groups=[self._security_group],
            # With one healthy target there must be a way to it from every zone.
            cross_zone_enabled=True,
            deletion_protection=deletion_protection,
        )
        acknowledge(
            self.load_balancer,
            {
                "AwsSolutions-ELB2": _NO_ACCESS_LOG,
                "HIPAA.Security-ELBLoggingEnabled": _NO_ACCESS_LOG,
                "NIST.800.53.R5-ELBLoggingEnabled": _NO_ACCESS_LOG,
            },
        )
        self.target_groups = {
            name: self._add_service(name, port, vpc, member_addresses, member_security_group)
            for name, port in self._ports.items()
        }
        self._security_group.connections.allow_to(
            member_security_group, ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status, asked by the mirror endpoint"
        )
        for cidr in client_cidrs:
            for name, port in self._ports.items():
                self._security_group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(port), f"{name}, clients outside AWS")

    @property
    def connections(self) -> ec2.Connections:
        """Who may connect; the default port is the superserver's, or the first one where there is none."""
        return self._connections

    @property
    def dns_name(self) -> str:
        """The name clients connect to."""
        return self.load_balancer.load_balancer_dns_name

    def _add_service(
        self,
        name: str,
        port: int,
        vpc: ec2.IVpc,
        member_addresses: Sequence[str],
        member_security_group: ec2.ISecurityGroup,
    ) -> elbv2.NetworkTargetGroup:
        target_port = target_port_of(port)
        pascal = "".join(part.capitalize() for part in name.replace("_", "-").split("-"))
        group = elbv2.NetworkTargetGroup(
            self,
            f"{pascal}Targets",
            vpc=vpc,
            port=target_port,
            protocol=elbv2.Protocol.TCP,
            target_type=elbv2.TargetType.IP,
            targets=[targets.IpTarget(address, target_port) for address in member_addresses],
            # IRIS's audit and the interface engine's allow-lists see the client and not the load balancer.
            preserve_client_ip=True,
            deregistration_delay=Duration.seconds(0),
            connection_termination=True,
            health_check=elbv2.HealthCheck(
                protocol=elbv2.Protocol.HTTP,
                port=str(MIRROR_STATUS_PORT),
                path=MIRROR_STATUS_PATH,
                healthy_http_codes="200",
                interval=_HEALTH_CHECK_INTERVAL,
                timeout=_HEALTH_CHECK_TIMEOUT,
                healthy_threshold_count=_HEALTH_CHECK_THRESHOLD,
                unhealthy_threshold_count=_HEALTH_CHECK_THRESHOLD,
            ),
        )
        # A client of the old primary gets a reset instead of waiting some 15 minutes for its own retransmissions to end.
        group.set_attribute("target_health_state.unhealthy.connection_termination.enabled", "true")
        listener = self.load_balancer.add_listener(
            f"{pascal}Listener", port=port, protocol=elbv2.Protocol.TCP, default_target_groups=[group]
        )
        acknowledge(
            listener,
            {
                "HIPAA.Security-ELBv2ACMCertificateRequired": _TLS_ENDS_IN_IRIS,
                "NIST.800.53.R5-ELBv2ACMCertificateRequired": _TLS_ENDS_IN_IRIS,
            },
        )
        self._security_group.connections.allow_to(
            member_security_group, ec2.Port.tcp(target_port), f"{name}, by the mirror endpoint"
        )
        return group


_NO_ACCESS_LOG = (
    "a Network Load Balancer writes access logs for TLS listeners only, and these are TCP; "
    "the VPC's flow logs, in an existing VPC its owner's, hold every connection with the client's own address"
)
_TLS_ENDS_IN_IRIS = (
    "the listener passes TLS through untouched, to be ended by IRIS with the member's own certificate, so that nothing between "
    "client and database sees the data; members take TLS, and whether a client has to use it is a setting of their superserver"
)
