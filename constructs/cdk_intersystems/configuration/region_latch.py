"""`regions.dr.latch`: how Route 53 learns which region may take traffic."""

from typing import Annotated

from cdk_intersystems.model import region_latch as model
from cdk_intersystems.model.region_latch import CLUSTER_ENDPOINTS, LatchKind

from .section import Section, Switch, Text, arn, checked, key, region_problem


class ClusterEndpoint(Section):
    """An endpoint of the cluster that keeps the routing controls."""

    region: Annotated[Text, checked(region_problem)] = key("Its region.", example="eu-west-1")
    url: Text = key("Its address.", example="https://aaaaaaaa.route53-recovery-cluster.eu-west-1.amazonaws.com/v1")


class LatchConfig(Section):
    """Which region may take traffic, as Route 53 sees it: set by automation, and never by a recovered region."""

    kind: LatchKind = key(
        "`metric`: a CloudWatch metric of this region behind a health check, private, seen after one to two minutes. "
        "`s3_object`: an object of a bucket of its own that Route 53's checkers read, faster, but readable by everybody. "
        "`routing_control`: of Application Recovery Controller, in the partition `aws` only; its cluster is billed hourly.",
        default="metric",
        example="metric",
    )
    public: Switch = key(
        "With `s3_object`, `true` says that you know the object is readable by everybody; it says nothing but that this "
        "region holds the traffic.",
        default=False,
        example=False,
    )
    primary: Annotated[Text, arn("routing-control")] | None = key(
        "ARN of the routing control that is on while the primary region takes traffic.",
        default=None,
        default_text="none; needed with `routing_control`",
        example="arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef0123456789abcdef/"
        "routingcontrol/0123456789abcdef",
    )
    dr: Annotated[Text, arn("routing-control")] | None = key(
        "ARN of the routing control that is on while this region does.",
        default=None,
        default_text="none; needed with `routing_control`",
        example="arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef0123456789abcdef/"
        "routingcontrol/fedcba9876543210",
    )
    endpoints: tuple[ClusterEndpoint, ...] = key(
        f"The {CLUSTER_ENDPOINTS} endpoints of the routing controls' cluster.",
        default=(),
        default_text="none; needed with `routing_control`",
        example=[],
    )

    def cluster_endpoints(self) -> tuple[model.ClusterEndpoint, ...]:
        """The endpoints as the model has them."""
        return tuple(model.ClusterEndpoint(region=each.region, url=each.url) for each in self.endpoints)
