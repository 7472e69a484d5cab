"""`MirrorEndpoint`: the address that leads clients which are not mirror-aware to the primary."""

from collections.abc import Mapping, Sequence

import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from cdk_intersystems.mirror_endpoint.checks import Strategy, check_ports, check_strategies, check_vip_outside
from cdk_intersystems.mirror_endpoint.listener import define_moved_listeners
from cdk_intersystems.mirror_endpoint.load_balancer import define_load_balancer, first_service
from cdk_intersystems.mirror_endpoint.polling import define_polling
from cdk_intersystems.model.ports import MIRROR_STATUS_PORT, target_port
from cdk_intersystems.model.topology import FAILOVER_MEMBERS

_LOAD_BALANCED = frozenset({"polling", "listener"})


@jsii.implements(ec2.IConnectable)
class MirrorEndpoint(Construct):
    """Defines the endpoint of a mirror set, by one strategy or two.

    - `polling`: an internal Network Load Balancer with one target group per service that holds both failover members. Its
      health check asks each member's mirror status responder, which answers 200 only on the primary. It finds the primary
      with nobody's help, some 10 s later.
    - `route_vip`: an address outside the range of the VPC, which a route in each of its route tables leads to the primary. The
      routes are made and moved by the router (`FailoverAutomation`) and stand in no template. It reaches clients in the VPC
      alone, not those behind VPN, Direct Connect or peering.
    - `listener`: the same load balancer with a target group per member and service, and listeners whose weights are moved by
      the router; the idle member's group stays in them, with weight 0, so that it is health-checked.

    `route_vip` may stand beside either of the others, which exclude each other. Traffic of the load balancer arrives at the
    members on target ports of its own (service port + 10000), and that of the VIP on the service ports, for an address of its
    own, so that both can be told from mirror, ECP and mirror-aware traffic.

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
        strategies: Sequence[Strategy] = ("polling",),
        vip: str | None = None,
        client_cidrs: Sequence[str] = (),
        client_security_groups: Sequence[ec2.ISecurityGroup] = (),
        deletion_protection: bool = True,
    ) -> None:
        """Define the endpoint.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            vpc: The VPC the members are in.
            subnets: Where the load balancer has its addresses, one subnet per zone.
            member_addresses: The fixed addresses of failover members a and b.
            member_security_group: The members' security group; it gets the rules that admit the load balancer and, with
                `route_vip`, those who may connect.
            ports: The services, name to port, e.g. `{"superserver": 1972, "hl7": 6661}`.
            strategies: How the primary is found: one or two of `polling`, `route_vip` and `listener`. Default: by polling.
            vip: The address that routes lead to the primary, outside the range of the VPC and of every network it is
                connected to; needed with `route_vip`. Default: there is none.
            client_cidrs: Ranges outside AWS whose clients may connect to every service, at the load balancer. Default: none.
            client_security_groups: Security groups of the VPC whose instances may connect to every service, by each strategy.
                Default: none.
            deletion_protection: Whether the load balancer is protected from deletion. Default: it is.

        Raises:
            ValueError: If there is no port or one that isn't possible, or strategies, address and clients don't fit each other.
        """
        super().__init__(scope, id)
        check_ports(ports)
        check_strategies(strategies, vip=vip, client_cidrs=client_cidrs)
        if vip is not None:
            check_vip_outside(vip, vpc)
        self._ports = dict(ports)
        self._strategies = tuple(strategies)
        self._vip = vip
        self._members = member_security_group
        self._load_balancer: elbv2.NetworkLoadBalancer | None = None
        self._target_groups: dict[str, list[elbv2.NetworkTargetGroup]] = {}
        self._moved: dict[str, dict[str, str]] = {}
        groups: list[ec2.ISecurityGroup] = []
        if _LOAD_BALANCED & set(strategies):
            balancer_group = ec2.SecurityGroup(
                self, "SecurityGroup", vpc=vpc, description="Mirror endpoint", allow_all_outbound=False
            )
            groups.append(balancer_group)
            self._load_balancer = define_load_balancer(
                self, vpc=vpc, subnets=subnets, security_group=balancer_group, deletion_protection=deletion_protection
            )
            members: dict[str, str] = dict(zip(FAILOVER_MEMBERS, member_addresses, strict=True))
            self._add_services(self._load_balancer, vpc, members)
            self._admit_load_balancer(balancer_group, client_cidrs)
        if vip is not None:
            # What comes by a route arrives at the member as it was sent.
            groups.append(member_security_group)
        self._connections = ec2.Connections(
            security_groups=groups, default_port=ec2.Port.tcp(self._ports[first_service(self._ports)])
        )
        for client in client_security_groups:
            for name, port in self._ports.items():
                self._connections.allow_from(client, ec2.Port.tcp(port), f"{name}, clients in the VPC")

    @property
    def connections(self) -> ec2.Connections:
        """Who may connect, by every strategy; the default port is the superserver's, or the first one where there is none.

        With `route_vip` the members' security group is among what is opened, for it is the members that clients then reach.
        """
        return self._connections

    @property
    def strategies(self) -> Sequence[Strategy]:
        """How the primary is found."""
        return self._strategies

    @property
    def load_balancer(self) -> elbv2.NetworkLoadBalancer | None:
        """The load balancer; None with `route_vip` alone."""
        return self._load_balancer

    @property
    def vip(self) -> str | None:
        """The address that routes lead to the primary; None without `route_vip`."""
        return self._vip

    @property
    def dns_name(self) -> str:
        """What clients connect to: the load balancer's name or, without one, the VIP."""
        if self._load_balancer is not None:
            return self._load_balancer.load_balancer_dns_name
        assert self._vip is not None
        return self._vip

    @property
    def target_groups(self) -> Mapping[str, Sequence[elbv2.NetworkTargetGroup]]:
        """The target groups of each service: with `polling` one, with `listener` one for each member, else none."""
        return {name: list(groups) for name, groups in self._target_groups.items()}

    @property
    def moved_listeners(self) -> Mapping[str, Mapping[str, str]]:
        """The listeners that the router moves: by their ARN that of each member's target group. Only with `listener`."""
        return {listener: dict(groups) for listener, groups in self._moved.items()}

    def _add_services(self, balancer: elbv2.NetworkLoadBalancer, vpc: ec2.IVpc, members: Mapping[str, str]) -> None:
        if "polling" in self._strategies:
            polled = define_polling(self, balancer, vpc=vpc, ports=self._ports, members=members)
            self._target_groups = {name: [group] for name, group in polled.items()}
        else:
            groups, self._moved = define_moved_listeners(self, balancer, vpc=vpc, ports=self._ports, members=members)
            self._target_groups = {name: list(by_member.values()) for name, by_member in groups.items()}

    def _admit_load_balancer(self, balancer: ec2.SecurityGroup, client_cidrs: Sequence[str]) -> None:
        for name, port in self._ports.items():
            balancer.connections.allow_to(self._members, ec2.Port.tcp(target_port(port)), f"{name}, by the mirror endpoint")
        balancer.connections.allow_to(
            self._members, ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status, asked by the mirror endpoint"
        )
        for cidr in client_cidrs:
            for name, port in self._ports.items():
                balancer.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(port), f"{name}, clients outside AWS")
