"""A mirror, as its members and those who work with it need it: from this `host_description` and the merge files are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from .topology import FAILOVER_MEMBERS, MEMBERS, AwsRole, FailoverMemberId, MemberId, system_name

#: Policy, see docs/adr/0011: how long a takeover waits for the route epoch at most. The longest is less than the quality of
#: service timeout of the mirror (8 s), so that the wait never becomes what an outage consists of.
TAKEOVER_WAIT_SECONDS: Final = 1
LONGEST_TAKEOVER_WAIT_SECONDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A member of the mirror that stands elsewhere: in the deployment's other region, or on premises.

    Args:
        address: Its fixed address.
        subject: The distinguished name of its certificate, as IRIS shows it (`CN=TRAKC,OU=TRAK,O=trakcare`). Empty: the one
            that this deployment gives a member of that name.
        member_type: What it is as long as nobody has promoted it: `failover`, or `dr`.
    """

    address: str
    subject: str = ""
    member_type: Literal["failover", "dr"] = "failover"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionStateAt:
    """The table that says which region holds the mirror.

    Args:
        table: Its name.
        region: Its region, which is the DR region.
    """

    table: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorFacts:
    """A mirror, as its members and those who work with it need it.

    Args:
        deployment: Name of the deployment.
        name: Name of the mirror.
        number: Number of the mirror set.
        addresses: The fixed address of each member.
        databases: Names of the mirrored databases.
        ecp_clients: Whether application servers may connect.
        service_ports: Ports of the mirror endpoint.
        private_ca_arn: ARN of the AWS Private CA that issues the hosts' certificates. Empty: an authority in a secret.
        vip: The address outside the VPC's range that routes lead to the primary. Empty: there is none.
        takeover_wait_seconds: How long a takeover waits for the member's route epoch at most, 0 to 5 seconds.
        role: The role of the region the hosts stand in. In the DR region both members wait as members for disaster recovery.
        others: System name -> member that stands elsewhere. Default: the mirror has none.
        other_arbiter: Address of the arbiter there. Empty: there is none, or nobody here is to reach it.
        region_state: What members ask, before IRIS starts, which region holds the mirror. None: the mirror has one region.
        other_region: The AWS region that `others` stand in, where hosts read the certificate of its certificate authority.
            Empty: they trust their own authority alone, which then has to be the one of all members.
    """

    deployment: str
    name: str
    number: int
    addresses: Mapping[MemberId, str]
    databases: tuple[str, ...]
    ecp_clients: bool
    service_ports: tuple[int, ...]
    private_ca_arn: str = ""
    vip: str = ""
    takeover_wait_seconds: int = TAKEOVER_WAIT_SECONDS
    role: AwsRole = "primary"
    others: Mapping[str, Other] = field(default_factory=dict)
    other_arbiter: str = ""
    region_state: RegionStateAt | None = None
    other_region: str = ""

    def __post_init__(self) -> None:
        """Refuse a wait that holds up takeovers, and members that nobody could tell apart or join.

        Raises:
            ValueError: `takeover_wait_seconds` is out of bounds, a member elsewhere has the name or address of one here, or the
                DR region has no mirror to join.
        """
        if self.takeover_wait_seconds not in range(LONGEST_TAKEOVER_WAIT_SECONDS + 1):
            given = f"takeover_wait_seconds of {self.name} is {self.takeover_wait_seconds}"
            raise ValueError(f"{given}: give 0 to {LONGEST_TAKEOVER_WAIT_SECONDS}")
        if self.role == "dr" and not self.others:
            raise ValueError(f"members of {self.name} in the DR region join a mirror: give others, its members elsewhere")
        here = {self.system_name(each): self.addresses[each] for each in FAILOVER_MEMBERS}
        for name, other in self.others.items():
            if name in here or other.address in self.addresses.values():
                raise ValueError(f"{name} ({other.address}) of {self.name} is in others, and in this region too: {here}")

    def system_name(self, member: FailoverMemberId) -> str:
        """The name of a failover member inside the mirror, which is its host's name too."""
        return system_name(self.name, self.number, member, self.role)

    def host_name(self, member: MemberId) -> str:
        """The name of a member's host."""
        return f"{self.name.lower()}-arbiter" if member == "arbiter" else self.system_name(member)

    def hosts(self) -> dict[str, str]:
        """Name -> address of the mirror's hosts: of the region's, and of the members elsewhere."""
        elsewhere = {name: other.address for name, other in self.others.items()}
        return {self.host_name(member): self.addresses[member] for member in MEMBERS} | elsewhere
