"""`mirror_sets`: the IRIS mirrors of the deployment, each two failover members and an arbiter."""

from collections.abc import Mapping
from typing import Annotated, Literal

from cdk_intersystems.model.databases import database_problem
from cdk_intersystems.model.ecp import HIGHEST_MAX_SERVER_CONN
from cdk_intersystems.model.host_description import LONGEST_TAKEOVER_WAIT_SECONDS, TAKEOVER_WAIT_SECONDS
from cdk_intersystems.model.ports import (
    ENDPOINT_PORT_OFFSET,
    HIGHEST_SERVICE_PORT,
    MOST_INBOUND_RULES,
    SUPERSERVER,
    SUPERSERVER_PORT,
)
from cdk_intersystems.model.strategies import Strategy
from cdk_intersystems.model.topology import MIRROR_SET_NUMBERS, FailoverMemberId, mirror_name_problem

from .section import Address, Cidr, Number, Section, Text, checked, identifier, key, length, matching, refusing
from .volumes import Volumes

MemberPurchase = Annotated[
    Literal["on-demand", "capacity-reservation"],
    refusing({"spot": "AWS takes a spot instance back at two minutes' notice: never run a database on one"}),
]

Database = Annotated[Text, checked(database_problem)]
ServiceName = Annotated[
    Text,
    matching(
        r"(?=.{1,20}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "the name of a service has 1 to 20 of a-z, 0-9 and -, starts with a letter, and has each - between two of the others",
    ),
]


class Arbiter(Section):
    """The host of the ISCAgent that lets one failover member take over when it cannot reach the other."""

    instance_type: Text = key(
        "EC2 instance type of the arbiter.",
        default_text="`t3.small`, or `t4g.small` on arm64",
        example="t3.small",
    )


class Endpoint(Section):
    """What clients that are not mirror-aware connect to."""

    strategies: Annotated[tuple[Strategy, ...], length(1, 2)] = key(
        "How connections find the primary, one or two of: `polling`, a Network Load Balancer that asks both members for their "
        "mirror status; `route_vip`, an address that routes of the VPC lead to the primary, for clients in the VPC "
        "alone; `listener`, a Network Load Balancer whose listeners are moved. `polling` and `listener` exclude each other.",
        default=("polling",),
        example=["route_vip", "polling"],
    )
    vip: Address | None = key(
        "The virtual IP of `route_vip`, outside the range of the VPC and of every network it is connected to. Each mirror set "
        "has one of its own. Nothing in AWS keeps it free: it is only ever the destination of routes.",
        default=None,
        default_text="none; needed with `route_vip`",
        example="10.255.0.1",
    )
    takeover_wait_seconds: Number = key(
        f"How long a member that becomes primary waits at most for its route epoch, in seconds, 0 to "
        f"{LONGEST_TAKEOVER_WAIT_SECONDS}. After that it goes on becoming primary, and the call-out goes on beside it.",
        default=TAKEOVER_WAIT_SECONDS,
        example=TAKEOVER_WAIT_SECONDS,
        ge=0,
        le=LONGEST_TAKEOVER_WAIT_SECONDS,
    )
    client_security_groups: tuple[Annotated[Text, identifier("security-group")], ...] = key(
        "Ids of security groups of the VPC whose instances, such as interface engines and report servers, may use every port "
        "of the endpoint, by each strategy.",
        default=(),
        example=["sg-0123456789abcdef0"],
    )
    ports: Mapping[ServiceName, Number] = key(
        f"Name of each service -> its port, 1 to {HIGHEST_SERVICE_PORT:,} (the load balancer forwards to port + "
        f"{ENDPOINT_PORT_OFFSET:,} on the members). A name has up to 20 of a-z, 0-9 and -, and no two differ only by hyphens.",
        default={SUPERSERVER: SUPERSERVER_PORT},
        example={SUPERSERVER: SUPERSERVER_PORT, "hl7": 6661},
    )


class Addresses(Section):
    """Fixed private addresses chosen by hand, for example those of members that exist already."""

    a: Address | None = key("Address of member a.", default=None, default_text="from the address plan", example="10.20.144.17")
    b: Address | None = key("Address of member b.", default=None, default_text="from the address plan", example="10.20.160.17")
    arbiter: Address | None = key(
        "Address of the arbiter.", default=None, default_text="from the address plan", example="10.20.224.17"
    )


class MirrorSetConfig(Section):
    """One mirror: two failover members and an arbiter, each in an Availability Zone of its own."""

    name: Annotated[Text, checked(mirror_name_problem)] = key(
        "Name of the mirror, up to 15 upper-case letters and digits (Configuration Parameter File Reference, ConfigMirror). "
        "The members are named after it: `TRAK` has `TRAKA` and `TRAKB`.",
        example="TRAK",
    )
    number: Number = key(
        f"Number of the mirror set, {MIRROR_SET_NUMBERS[0]} to {MIRROR_SET_NUMBERS[-1]}. Addresses and zones follow from "
        "it, so it must stay as it is when the list is edited.",
        default_text="1 for the only mirror set; needed when there are several",
        example=1,
        ge=MIRROR_SET_NUMBERS[0],
        le=MIRROR_SET_NUMBERS[-1],
    )
    databases: Annotated[tuple[Database, ...], length(1)] = key(
        "Names of the mirrored databases, at least one.", example=["APPDATA"]
    )
    instance_type: Text = key("EC2 instance type of both failover members.", example="r7i.4xlarge")
    arbiter: Arbiter = key("The arbiter.", default_text="a small instance", example={})
    tenancy: Literal["default", "dedicated-instance", "dedicated-host"] = key(
        "Whose hardware the members share: anyone's (`default`), only this account's (`dedicated-instance`), or a Dedicated "
        "Host each, allocated with the member (`dedicated-host`), on which AWS's own RHEL images don't run. The arbiter's is "
        "the default.",
        default="default",
        example="default",
    )
    purchase: MemberPurchase = key(
        "How the members' capacity is bought. `capacity-reservation`: reserves a place for each in its zone, open to any "
        "matching instance of the account, which may take it while the member is stopped.",
        default="on-demand",
        example="on-demand",
    )
    volumes: Volumes = key("The members' volumes.", default_text="five gp3 volumes", example={})
    endpoint: Endpoint = key(
        "The mirror endpoint.", default_factory=Endpoint, default_text="polling, the superserver only", example={}
    )
    client_cidrs: tuple[Cidr, ...] = key(
        "Ranges outside AWS, such as on-premises networks, from which clients may use the mirror endpoint. Each makes one "
        f"rule for each port of the endpoint, at most {MOST_INBOUND_RULES} in all (Amazon VPC User Guide, quotas).",
        default=(),
        example=["192.168.0.0/16"],
    )
    ecp_client_ceiling: Number = key(
        f"Most ECP clients the members ever admit (`MaxServerConn`), 0 to {HIGHEST_MAX_SERVER_CONN}. At least twice the sum "
        "of the maxima of the application tiers, because old and new servers overlap while they are replaced. One client "
        "more restarts the data server, and a change of the setting needs a restart: choose it with room to grow.",
        default_text="twice the sum of the maxima; 0 without application tiers",
        example=24,
    )
    absent_members: Annotated[tuple[FailoverMemberId, ...], length(0, 1)] = key(
        "A failover member taken out on purpose, `a` or `b`, so that its host can be replaced, for example for a new AMI. "
        "Its volumes stay. At most one.",
        default=(),
        example=["b"],
    )
    addresses: Addresses = key(
        "Fixed addresses chosen by hand.", default_factory=Addresses, default_text="from the address plan", example={}
    )
