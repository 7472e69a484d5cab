"""The region latch: what may carry it, and what is refused in words that say what to do."""

from typing import Any

import pytest

from cdk_intersystems.model.region_latch import (
    ClusterEndpoint,
    Latch,
    latch_problems,
    readiness_function_name,
    watch_function_name,
)

CONTROL = "arn:aws:route53-recovery-control::123456789012:controlpanel/abc0/routingcontrol"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")


def _endpoint(region: str, name: str = "3f7a4f22") -> ClusterEndpoint:
    return ClusterEndpoint(region=region, url=f"https://{name}.route53-recovery-cluster.{region}.amazonaws.com/v1")


ENDPOINTS = tuple(_endpoint(region) for region in REGIONS)
CONTROLS: dict[str, Any] = {"kind": "routing_control", "primary": f"{CONTROL}/1", "dr": f"{CONTROL}/2", "endpoints": ENDPOINTS}


@pytest.mark.parametrize("given", [{}, {"kind": "metric"}, {"kind": "s3_object", "public": True}, CONTROLS])
def test_what_may_carry_it(given: dict[str, Any]) -> None:
    assert list(latch_problems(**given)) == []
    Latch(**given)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "dns"}, "kind", "metric, s3_object, routing_control"),
    ({"kind": "s3_object"}, "public", "say true if they may"),
    ({"kind": "metric", "public": True}, "public", "leave it out"),
    ({"kind": "metric", "primary": f"{CONTROL}/1"}, "primary", "leave it out"),
    ({**CONTROLS, "public": True}, "public", "leave it out"),
    ({**CONTROLS, "primary": "arn:aws:iam::1:role/x"}, "primary", "ARN of a routing control"),
    ({**CONTROLS, "dr": f"{CONTROL}/1"}, "dr", "of its own"),
    ({**CONTROLS, "endpoints": ENDPOINTS[:4]}, "endpoints", "the 5 endpoints"),
    ({**CONTROLS, "endpoints": (*ENDPOINTS[:4], ENDPOINTS[0])}, "endpoints", "each in a region of its own"),
    (
        {**CONTROLS, "endpoints": (*ENDPOINTS[:4], ClusterEndpoint(region="eu-west-1", url="https://evil.example/"))},
        "endpoints",
        "evil",
    ),
    (
        {**CONTROLS, "endpoints": (*ENDPOINTS[:4], ClusterEndpoint(region="eu-west-2", url=ENDPOINTS[0].url))},
        "endpoints",
        "eu-west-2",
    ),
]


@pytest.mark.parametrize(("given", "key", "says"), REFUSED)
def test_what_is_refused(given: dict[str, Any], key: str, says: str) -> None:
    ((found, problem), *others) = latch_problems(**given)
    assert (found, others) == (key, [])
    assert says in problem
    with pytest.raises(ValueError, match=f"latch: {key}: "):
        Latch(**given)


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_routing_controls_exist_in_one_partition(partition: str) -> None:
    ((key, problem),) = latch_problems(**CONTROLS, partition=partition)
    assert key == "kind"
    assert "take metric" in problem


def test_names_of_the_longest_deployment_are_names_of_functions() -> None:
    """Source: Lambda API, FunctionName: up to 64 characters."""
    for name in (watch_function_name, readiness_function_name):
        assert len(name("d" * 20, "M" * 15)) <= 64
