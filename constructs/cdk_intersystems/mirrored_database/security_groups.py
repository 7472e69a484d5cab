"""Who may talk to whom inside a mirror."""

from collections.abc import Mapping, Sequence

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.model import tags
from cdk_intersystems.model.ports import ISCAGENT_PORT, MIRROR_STATUS_PORT, SUPERSERVER_PORT

_HTTPS = ec2.Port.tcp(443)


class MirrorSecurityGroups(Construct):
    """Defines the failover members' and the arbiter's security groups, with the rules between them.

    Members reach each other's superserver (mirror data) and ISCAgent and may ping each other, which a mirror's members do, and
    ask each other for their role. They reach the arbiter's ISCAgent; the arbiter reaches nobody in the mirror.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        mirror_name: str,
        service_endpoints: ec2.ISecurityGroup | None,
        internet: bool,
    ) -> None:
        """Define the groups and their rules; the arguments are those of `MirroredDatabase`."""
        super().__init__(scope, id)
        self.members = ec2.SecurityGroup(
            self,
            "Members",
            vpc=vpc,
            description=f"Failover members of mirror {mirror_name}",
            allow_all_outbound=False,
        )
        self.arbiter = ec2.SecurityGroup(
            self, "Arbiter", vpc=vpc, description=f"Arbiter of mirror {mirror_name}", allow_all_outbound=False
        )
        within = self.members.connections
        within.allow_internally(ec2.Port.tcp(SUPERSERVER_PORT), "mirror data between the members")
        within.allow_internally(ec2.Port.tcp(ISCAGENT_PORT), "ISCAgent of the other member")
        within.allow_internally(ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status of the other member")
        within.allow_internally(ec2.Port.icmp_ping(), "members ping each other")
        within.allow_to(self.arbiter, ec2.Port.tcp(ISCAGENT_PORT), "arbiter, dialled by the members")
        for group in (self.members, self.arbiter):
            admit_to_services(group, service_endpoints, internet=internet)

    def admit_others(
        self, members: Mapping[str, str], *, arbiter: str, probe_cidrs: Sequence[str], answer: bool = False
    ) -> None:
        """Admit the mirror's members in another place, each by its one address, and whoever asks from there who is primary.

        A group of another region, or on premises, can't be named: what is fixed is the members' addresses.

        Args:
            members: System name -> address of the members elsewhere.
            arbiter: Address of the arbiter there, which a member that was promoted with a partner dials. Empty: there is none.
            probe_cidrs: Ranges from which the members are asked for their mirror status.
            answer: Whether the members elsewhere answer and ask for the mirror status too, as this library's hosts do: who
                joins the mirror asks who is primary. On premises nobody answers. Default: they don't.
        """
        known = {**members, **({"arbiter": arbiter} if arbiter else {})}
        if known:
            # What policy holds the rules to: who is meant by an address stands nowhere else in a template.
            stated = " ".join(f"{name}={address}" for name, address in sorted(known.items()))
            for group in (self.members, self.arbiter):
                Tags.of(group).add(tags.ELSEWHERE, stated)
        if probe_cidrs:
            Tags.of(self.members).add(tags.PROBED_FROM, " ".join(sorted(probe_cidrs)))
        for name, address in members.items():
            peer = ec2.Peer.ipv4(f"{address}/32")
            for port, what in (
                (ec2.Port.tcp(SUPERSERVER_PORT), "mirror data"),
                (ec2.Port.tcp(ISCAGENT_PORT), "ISCAgent"),
                (ec2.Port.icmp_ping(), "ping"),
                *([(ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status")] if answer else []),
            ):
                self.members.add_ingress_rule(peer, port, f"{what}, from member {name} elsewhere")
                self.members.add_egress_rule(peer, port, f"{what}, to member {name} elsewhere")
            self.arbiter.add_ingress_rule(peer, ec2.Port.tcp(ISCAGENT_PORT), f"arbiter, dialled by member {name} elsewhere")
        if arbiter:
            self.members.add_egress_rule(ec2.Peer.ipv4(f"{arbiter}/32"), ec2.Port.tcp(ISCAGENT_PORT), "arbiter elsewhere")
        for cidr in probe_cidrs:
            self.members.add_ingress_rule(
                ec2.Peer.ipv4(cidr), ec2.Port.tcp(MIRROR_STATUS_PORT), "mirror status, asked by the watch of the DR region"
            )


def admit_to_services(group: ec2.SecurityGroup, service_endpoints: ec2.ISecurityGroup | None, *, internet: bool) -> None:
    """Let instances of a group use AWS's services: through the VPC's interface endpoints, and the Internet where it is wanted.

    The rule on the endpoints' group is defined in the instances' stack, so that the network's never depends on it.
    """
    if service_endpoints is not None:
        group.connections.allow_to(service_endpoints, _HTTPS, "AWS services, through interface endpoints")
    if internet:
        group.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "HTTPS to the Internet, through the NAT gateways")
