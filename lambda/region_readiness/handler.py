"""The function: an event in, a report out.

It is woken by a schedule with `{"kind": "check"}` and, more often, `{"kind": "lag"}`, and by a person's request. It looks, and
changes nothing but its own report. Nothing that it meets ends it: what could not be looked at is `unknown`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from . import hosts, member_checks, region_checks, report
from .result import OK, Result, guarded, is_ready, worst
from .settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .hosts import Member, Status

logger = Logger(service="region-readiness")
# Without a service, which would be one more dimension of every metric.
metrics = Metrics()

_PATIENT = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
#: The primary region may be gone: what isn't answered at once isn't answered.
_IMPATIENT = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
_HOLDS = Result(OK, "the DR region holds the mirror itself")


@cache
def client(service: str, region: str | None = None) -> Any:
    """The client of a service, kept while the function is warm.

    Args:
        service: As boto3 names it.
        region: Another region than this one. Default: this one.
    """
    return boto3.client(service, region_name=region, config=_IMPATIENT if region else _PATIENT)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Looks whether the DR region could take over.

    Args:
        event: `{"kind": "lag"}`: looks at the journals alone. Otherwise: at everything.
        context: Lambda's.

    Returns:
        The report: whether it is ready, and what each check says.
    """
    del context
    now = settings()
    metrics.add_dimension(name="deployment", value=now.deployment)
    metrics.add_dimension(name="mirror_set", value=now.mirror_set)
    try:
        return _lag(now) if event.get("kind") == "lag" else _check(now)
    finally:
        if metrics.metric_set:
            metrics.flush_metrics()
        metrics.clear_metrics()


def _lag(now: Settings) -> dict[str, Any]:
    statuses = _statuses(now, _members(now, None))
    _tell_lag(statuses)
    result = member_checks.lag(statuses, now.lag_limit_seconds)
    logger.info("the journals", decision="asked", result=result.result, says=result.says)
    return {"lag": {"result": result.result, "says": result.says}}


def _check(now: Settings) -> dict[str, Any]:
    at = datetime.now(UTC)
    own, other = _members(now, None), _members(now, now.old_region) if now.old_region else []
    statuses = _statuses(now, own)
    items = _items(now)
    checks = {name: guarded(check) for name, check in _checks(now, at, own, other, statuses, items).items()}
    ready = is_ready(checks)
    # With the DR region holding the mirror there is no lag that could be told.
    _tell_lag(statuses)
    metrics.add_metric("Readiness", MetricUnit.Count, float(ready))
    said = {name: {"result": each.result, "says": each.says} for name, each in checks.items()}
    try:
        report.write(client("dynamodb"), now, checks, ready=ready, at=at)
    except Exception as error:
        logger.error("the report", decision="not written", why=str(error))
    if ready:
        logger.info("readiness", decision="ready", checks=said)
    else:
        logger.warning("readiness", decision="not ready", checks=said)
    return {"ready": ready, "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "checks": said}


def _checks(  # noqa: PLR0917 (what was found, once for all checks)
    now: Settings,
    at: datetime,
    own: Sequence[Member],
    other: Sequence[Member],
    statuses: Sequence[Status],
    items: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, Callable[[], Result]]:
    """Each check by its name. None looks before it is called."""
    there, ec2 = now.old_region or None, client("ec2")
    holds = items is not None and report.serves_itself(items)
    return {
        "lag": lambda: _HOLDS if holds else member_checks.lag(statuses, now.lag_limit_seconds),
        "agents": lambda: member_checks.agents(statuses),
        "certificates": lambda: worst(
            [
                member_checks.member_certificates(statuses, at),
                guarded(lambda: region_checks.tier_certificates(client("acm"), now, at)),
            ]
        ),
        "image": lambda: region_checks.images(ec2, client("ec2", there) if there else None, own, other),
        "quotas": lambda: region_checks.quotas(ec2, client("service-quotas"), now),
        "capacity": lambda: region_checks.capacity(ec2, now, own),
        "endpoints": lambda: region_checks.endpoints(ec2, now, ec2.meta.region_name),
        "approvers": lambda: region_checks.approvers(client("iam"), now),
        "drill_age": lambda: report.drill_age(_known(items), at),
        "bundle": lambda: region_checks.bundles(client("ssm"), client("ssm", there) if there else None, now),
        "secrets": lambda: region_checks.secrets(client("secretsmanager"), now),
    }


def _known(items: Mapping[str, Mapping[str, Any]] | None) -> Mapping[str, Mapping[str, Any]]:
    if items is None:
        raise LookupError("the table of the regions' state can't be read")
    return items


def _items(now: Settings) -> Mapping[str, Mapping[str, Any]] | None:
    try:
        return report.read(client("dynamodb"), now)
    except Exception as error:
        logger.error("the regions' state", decision="not read", why=str(error))
        return None


def _members(now: Settings, region: str | None) -> list[Member]:
    """The members' instances in a region; none if EC2 doesn't say."""
    try:
        return hosts.members(client("ec2", region), now)
    except Exception as error:
        logger.error("the members", decision="not found", region=region or "dr", why=str(error))
        return []


def _statuses(now: Settings, own: Sequence[Member]) -> list[Status]:
    try:
        return hosts.ask(client("ssm"), now, own)
    except Exception as error:
        logger.error("the members", decision="not asked", why=str(error))
        return []


def _tell_lag(statuses: Sequence[Status]) -> None:
    behind = member_checks.lag_of(statuses)
    if behind is not None:
        metrics.add_metric("JournalLagSeconds", MetricUnit.Seconds, behind)
