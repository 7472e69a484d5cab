"""What a mirror's security groups say of its members in another place."""

from dataclasses import dataclass, field
from ipaddress import ip_network

from cdk_intersystems.model import tags
from cdk_intersystems.model.ports import ISCAGENT_PORT, MIRROR_STATUS_PORT, SUPERSERVER_PORT
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.security_groups import GroupRule

ARBITER = "arbiter"
_PING = 8
# The mirror status too: who joins the mirror asks who is primary.
_MEMBER_PORTS = {("tcp", SUPERSERVER_PORT), ("tcp", ISCAGENT_PORT), ("tcp", MIRROR_STATUS_PORT), ("icmp", _PING)}


@dataclass(frozen=True)
class Elsewhere:
    """The members and arbiter of a mirror in another place, as its security groups name them.

    Args:
        members: System name -> address.
        arbiter: The arbiter's address; empty if nobody here dials it.
        probed_from: Ranges from which members here are asked for their mirror status.
    """

    members: dict[str, str] = field(default_factory=dict)
    arbiter: str = ""
    probed_from: tuple[str, ...] = ()

    @classmethod
    def of(cls, group: Resource | None) -> "Elsewhere":
        """What a security group says, by its tags; nothing if there is no group."""
        if group is None:
            return cls()
        named = dict(each.split("=", 1) for each in group.tags.get(tags.ELSEWHERE, "").split() if "=" in each)
        arbiter = named.pop(ARBITER, "")
        return cls(members=named, arbiter=arbiter, probed_from=tuple(group.tags.get(tags.PROBED_FROM, "").split()))

    def is_one(self, peer: str) -> bool:
        """Whether a range is the one address of a member or the arbiter."""
        return peer in {f"{address}/32" for address in (*self.members.values(), self.arbiter) if address}

    def needs(self, stated: GroupRule) -> bool:
        """Whether a mirror with members elsewhere needs a rule: one member's address and one of the mirror's own ports."""
        if stated.first != stated.last and stated.protocol != "icmp":
            return False
        port = (stated.protocol, stated.first)
        if stated.peer in {f"{address}/32" for address in self.members.values()}:
            return port in _MEMBER_PORTS
        if stated.peer == f"{self.arbiter}/32":
            return stated.direction == "egress" and port == ("tcp", ISCAGENT_PORT)
        return stated.direction == "ingress" and stated.peer in self.probed_from and port == ("tcp", MIRROR_STATUS_PORT)


def of_rule(app: Assembly, stated: GroupRule) -> Elsewhere:
    """What the group of a rule says of members elsewhere."""
    return Elsewhere.of(app.find(stated.resource.stack, stated.group))


def is_range(peer: str) -> bool:
    """Whether a peer is an IPv4 range that isn't a stand-in for nobody."""
    try:
        network = ip_network(peer)
    except ValueError:
        return False
    return network.version == 4 and peer != NOBODY


#: What the CDK states in a group that is to let nothing out.
NOBODY = "255.255.255.255/32"
