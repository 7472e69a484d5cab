"""The function: an event in, a result out. See `core.py` for what it decides, and `run.py` for how it is done.

It is woken each minute by a schedule, by a promotion with `{"kind": "latch"}`, and by hand with `{"kind": "look"}`. It carries
the latch each time; asked by a promotion it answers as soon as that is done, else it asks all members, too, and tells for how
long a move has been under way.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from . import findings, probe
from .errors import LatchError, MoveError
from .metric import Metric
from .routing_control import RoutingControls
from .run import Carrier, Outcome, carry
from .s3_object import S3Object
from .settings import Settings, settings
from .state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .records import RegionState

logger = Logger(service="region-watch")
# Without a service, which would be one more dimension of every metric.
metrics = Metrics()

_PATIENT = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
#: One of five answers: the next one is asked rather than this one again.
_ONCE = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
#: How long a promotion waits before it asks again.
_AGAIN_SECONDS = 5


@cache
def client(service: str) -> Any:
    """The client of a service, kept while the function is warm.

    Args:
        service: As boto3 names it.
    """
    return boto3.client(service, config=_PATIENT)


@cache
def cluster_clients(endpoints: tuple[tuple[str, str], ...]) -> tuple[Any, ...]:
    """A client for each endpoint of an ARC cluster.

    Args:
        endpoints: Region and URL of each.
    """
    return tuple(
        boto3.client("route53-recovery-cluster", region_name=region, endpoint_url=url, config=_ONCE)
        for region, url in endpoints
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Carries the latch, and says what is where.

    Args:
        event: `{"kind": "latch"}`, `{"kind": "look"}`, or an event of EventBridge.
        context: Lambda's.

    Returns:
        Whether the latch was delivered, by which epoch, and what members answered.
    """
    del context
    now = settings()
    wanted = str(event.get("mirror_set") or now.mirror_set)
    if wanted != now.mirror_set:
        raise ValueError(f"this function watches {now.mirror_set}, and was asked for {wanted}")
    latch_alone = event.get("kind") == "latch"
    with _telling(now):
        answer = _watch(now, latch_alone=latch_alone)
    if not latch_alone:
        # When all else is done and told: a run that hangs here, or fails, takes nothing from that.
        _tell_move(now)
    return answer


def carrier(now: Settings) -> Carrier:
    """What carries the latch.

    Args:
        now: The function's settings.
    """
    latch = now.latch
    if latch["kind"] == "s3_object":
        return S3Object(client("s3"), latch["bucket"], latch["key"])
    if latch["kind"] == "routing_control":
        endpoints = tuple((each["region"], each["url"]) for each in latch["endpoints"])
        return RoutingControls(cluster_clients(endpoints), latch["primary"], latch["dr"])
    return Metric(client("cloudwatch"), now)


def _watch(now: Settings, *, latch_alone: bool) -> dict[str, Any]:
    table, outcome, why = StateTable(client("dynamodb"), now.table, now.mirror_set), Outcome(), ""
    try:
        carry(table, carrier(now), outcome)
    except LatchError as error:
        why = f"{type(error).__name__}: {error}"
    state = table.last
    _tell(findings.of_run(outcome, state, carrier_is_metric=now.latch["kind"] == "metric"))
    answer: dict[str, Any] = {
        "done": outcome.delivered,
        "delivered": outcome.delivered,
        "epoch": outcome.want.epoch if outcome.want else None,
        "held_by_dr": outcome.want.held_by_dr if outcome.want else None,
        "wait_seconds": 0 if outcome.delivered else _AGAIN_SECONDS,
        "why": why,
    }
    if not latch_alone:
        answer |= _look(now, state)
    if outcome.delivered:
        logger.info("the latch", decision="carried", writes=outcome.writes, **answer)
    else:
        logger.error("the latch", decision="not carried", writes=outcome.writes, **answer)
    return answer


def _look(now: Settings, state: RegionState | None) -> dict[str, Any]:
    """Asks the members of both regions at the same time."""
    here, there = ({f"{place} {name}": address for name, address in members.items()} for place, members in _places(now))
    said = probe.ask_all(here | there, now.status_port, now.status_path)
    _tell(findings.of_members(state, {name: said[name] for name in here}, {name: said[name] for name in there}))
    return {"serving": state.serving if state else None, "members": said}


def _tell_move(now: Settings) -> None:
    """Tells for how long a move has been under way since its approval, whether anything works on it or not; 0: none is."""
    try:
        since = StateTable(client("dynamodb"), now.table, now.mirror_set).approved_at()
    except MoveError as error:
        logger.error("the move", decision="not told", why=str(error))
        return
    with _telling(now):
        seconds = 0.0 if since is None else max(0.0, time.time() - since)
        metrics.add_metric("MoveSeconds", MetricUnit.Seconds, seconds)


def _places(now: Settings) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("dr", now.members), ("elsewhere", now.others)


@contextmanager
def _telling(now: Settings) -> Iterator[None]:
    """What is told within it is told at its end, whatever that is."""
    metrics.add_dimension(name="deployment", value=now.deployment)
    metrics.add_dimension(name="mirror_set", value=now.mirror_set)
    try:
        yield
    finally:
        metrics.flush_metrics()
        metrics.clear_metrics()


def _tell(found: dict[str, float]) -> None:
    for name, value in found.items():
        metrics.add_metric(name, MetricUnit.Count, value)
