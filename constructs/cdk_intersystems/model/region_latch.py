"""The region latch: what keeps a region from being given traffic, and what carries it to Route 53's health checks.

The table of the regions' state is the authority; the carrier is what Route 53's health checkers can see of it.
See `docs/adr/0012-the-region-latch.md` for the kinds and the limits of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from cdk_intersystems.model.names import checked_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LatchKind = Literal["metric", "s3_object", "routing_control"]
"""What carries the latch: a CloudWatch metric, an object that anybody may read, or routing controls of ARC."""

#: The one object of the latch's bucket. It is there exactly while the DR region holds the traffic.
LATCH_OBJECT: Final = "held-by-dr"

#: An ARC cluster has an endpoint in each of five regions. Source: ARC Developer Guide, Routing control components.
CLUSTER_ENDPOINTS: Final = 5
#: ARC's routing control exists in the commercial partition alone. Source: ARC Developer Guide, Region availability.
ROUTING_CONTROL_PARTITION: Final = "aws"

#: Source: Service Authorization Reference, Route 53 Application Recovery Controller - Recovery Controls.
_ROUTING_CONTROL: Final = re.compile(
    r"arn:aws:route53-recovery-control::[0-9]{12}:controlpanel/[0-9a-zA-Z]{1,64}/routingcontrol/[0-9a-zA-Z]{1,64}"
)
#: What `DescribeCluster` answers, such as `https://aaaaaaaa.route53-recovery-cluster.us-west-2.amazonaws.com/v1`.
_ENDPOINT: Final = re.compile(r"https://[0-9a-z-]{1,63}\.route53-recovery-cluster\.([a-z0-9-]{1,30})\.amazonaws\.com(/v1)?/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEndpoint:
    """One of the five endpoints of an ARC cluster, by which routing controls are set.

    Args:
        region: Its region.
        url: Its address.
    """

    region: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """What carries the latch of a mirror set.

    Args:
        kind: What it is. Default: a metric in the DR region, which needs nothing besides and is read by nobody else.
        public: Whether it is agreed that one object, without content, may be read by anybody; `s3_object` needs that.
        primary: ARN of the routing control of the primary region; with `routing_control` alone.
        dr: ARN of the routing control of the DR region; with `routing_control` alone.
        endpoints: The endpoints of the cluster; with `routing_control` alone.
    """

    kind: LatchKind = "metric"
    public: bool = False
    primary: str = ""
    dr: str = ""
    endpoints: tuple[ClusterEndpoint, ...] = ()

    def __post_init__(self) -> None:
        found = latch_problems(kind=self.kind, public=self.public, primary=self.primary, dr=self.dr, endpoints=self.endpoints)
        for key, problem in found:
            raise ValueError(f"latch: {key}: {problem}")


def latch_problems(
    *,
    kind: str = "metric",
    public: bool = False,
    primary: str = "",
    dr: str = "",
    endpoints: Sequence[ClusterEndpoint] = (),
    partition: str = ROUTING_CONTROL_PARTITION,
) -> Iterator[tuple[str, str]]:
    """Says what is wrong with a latch, and with which of its settings.

    Args:
        kind: What it is.
        public: Whether it is agreed that one object may be read by anybody.
        primary: ARN of the routing control of the primary region.
        dr: ARN of the routing control of the DR region.
        endpoints: The endpoints of the cluster.
        partition: The partition of the deployment.
    """
    if kind not in get_args(LatchKind):
        yield "kind", f"needs one of {', '.join(get_args(LatchKind))}"
        return
    if kind == "s3_object" and not public:
        yield (
            "public",
            "anybody can read the object of this latch, and so see which region holds the traffic: say true if they may",
        )
    if kind != "s3_object" and public:
        yield "public", "nothing of this kind of latch is public: leave it out, or take s3_object"
    if kind == "routing_control":
        yield from _control_problems(primary, dr, endpoints, partition)
        return
    for key, given in (("primary", primary), ("dr", dr), ("endpoints", endpoints)):
        if given:
            yield key, "only routing_control has it: leave it out, or take that kind"


def _control_problems(primary: str, dr: str, endpoints: Sequence[ClusterEndpoint], partition: str) -> Iterator[tuple[str, str]]:
    if partition != ROUTING_CONTROL_PARTITION:
        yield "kind", f"ARC's routing control exists in the partition {ROUTING_CONTROL_PARTITION} alone: take metric"
        return
    for key, arn in (("primary", primary), ("dr", dr)):
        if not _ROUTING_CONTROL.fullmatch(arn):
            example = "arn:aws:route53-recovery-control::<account>:controlpanel/<id>/routingcontrol/<id>"
            yield key, f"needs the ARN of a routing control, like {example}"
    if primary and primary == dr:
        yield "dr", "each region needs a routing control of its own, and this is the primary region's"
    for endpoint in endpoints:
        found = _ENDPOINT.fullmatch(endpoint.url)
        if not found or found[1] != endpoint.region:
            told = "describe-cluster tells them, with their regions"
            yield "endpoints", f"{endpoint.url} is no endpoint of a cluster in {endpoint.region}; {told}"
            return
    if len(endpoints) != CLUSTER_ENDPOINTS or len({endpoint.region for endpoint in endpoints}) != CLUSTER_ENDPOINTS:
        yield "endpoints", f"needs the {CLUSTER_ENDPOINTS} endpoints of the cluster, each in a region of its own"


def watch_function_name(deployment: str, mirror_set: str) -> str:
    """The name of the function that watches both regions and carries the latch.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
    """
    return f"{checked_name(deployment)}-{checked_name(mirror_set)}-region-watch"


def readiness_function_name(deployment: str, mirror_set: str) -> str:
    """The name of the function that looks whether the DR region could take over.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
    """
    return f"{checked_name(deployment)}-{checked_name(mirror_set)}-region-readiness"


def latch_path() -> str:
    """The path at which Route 53's checkers ask for the object of the latch, in its bucket."""
    return f"/{LATCH_OBJECT}"
