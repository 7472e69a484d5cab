"""The function: an event in, a result out. See `core.py` for what it decides, and `run.py` for how it is done.

It is woken by members through a queue, each minute by a schedule, when a stack of the deployment was updated, and by hand with
`{"kind": "reconcile"}`; it does the same each time.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import findings, mirror_status
from .epochs import Epochs
from .errors import RoutingError
from .instances import Instances
from .listeners import Listeners
from .messages import Message, read_message
from .patience import Patience
from .route_tables import RouteTables
from .run import Outcome, Places, run
from .settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = Logger(service="mirror-router")
# Without a service, which would be one more dimension of every metric.
metrics = Metrics()

# The run repeats by itself, with an eye on its time; a call that hangs costs a second.
_PATIENT = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
#: How long a run waits for the member that clients are led to now to say that it is primary: it opens for users meanwhile.
#: The next message of the mirror waits as long, which may be the next failover: so no longer than opening usually takes.
_SERVING_SECONDS = 2.0
_SERVING_EVERY_SECONDS = 0.25


@cache
def client(service: str) -> Any:
    """The client of a service, kept while the function is warm.

    Args:
        service: As boto3 names it.
    """
    return boto3.client(service, config=_PATIENT)


@cache
def instances() -> Instances:
    """The members' instances, kept while the function is warm."""
    return Instances(client("ec2"), settings())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Leads clients to the member that holds the newest route epoch.

    Args:
        event: A batch of SQS, an event of EventBridge, or `{"kind": "reconcile"}`.
        context: Lambda's.

    Returns:
        For a batch, the messages that are to come again; otherwise what was found.

    Raises:
        RoutingError: It couldn't be done now, and there is no message that would come again.
    """
    try:
        return _handle(event, context)
    finally:
        # Of canaries alone there is nothing to be told but each member's own metric.
        if metrics.metric_set:
            metrics.flush_metrics()
        metrics.clear_metrics()


def _handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    now = settings()
    metrics.add_dimension(name="deployment", value=now.deployment)
    metrics.add_dimension(name="mirror_set", value=now.mirror_set)
    patience = Patience(lambda: context.get_remaining_time_in_millis() / 1000)
    if "Records" in event:
        return {"batchItemFailures": [{"itemIdentifier": each} for each in _batch(event["Records"], now, patience)]}
    return _reconcile(now, patience, str(event.get("detail-type") or event.get("kind") or "unknown"))


def _batch(records: Sequence[Mapping[str, Any]], now: Settings, patience: Patience) -> list[str]:
    """Works on a batch, and tells which messages are to come again, in their order."""
    again: list[str] = []
    claims: list[tuple[str, Message]] = []
    for record in records:
        message = read_message(record["body"], now)
        if message.kind == "canary":
            _canary(message, now)
        elif message.kind == "rejected":
            if not _park(record, message.why, now):
                again.append(record["messageId"])
        else:
            claims.append((record["messageId"], message))
    if claims and not _route(claims, now, patience):
        # Of a group no later message may be done before an earlier one: all claims are of one group.
        again += [identifier for identifier, _ in claims]
    return again


def _route(claims: list[tuple[str, Message]], now: Settings, patience: Patience) -> bool:
    """Routes once for all claims of a batch. Whether that was done."""
    received, outcome = time.time(), Outcome()
    taken = _seconds_of(claims[-1][1].sent_at)
    if taken is not None:
        metrics.add_metric("ClaimToReceived", MetricUnit.Milliseconds, max(0.0, 1000 * (received - taken)))
    try:
        _run(now, patience, outcome)
    except (RoutingError, ClientError, BotoCoreError) as error:
        _failed(error, outcome)
        return False
    _tell(outcome, now, "routed")
    if taken is not None and outcome.is_new and outcome.claim is not None:
        for name, stage in (("ClaimToRouted", "point"), ("ClaimToConfirmed", "confirm")):
            if stage in outcome.stages:
                metrics.add_metric(name, MetricUnit.Milliseconds, max(0.0, 1000 * (received + outcome.stages[stage] - taken)))
    for identifier, message in claims:
        if outcome.claim is None or message.epoch > outcome.claim.epoch:
            known = outcome.claim.epoch if outcome.claim else 0
            # Members send after they have written, and the table is read consistently.
            record = {"messageId": identifier, "body": f"claim of {message.member}, epoch {message.epoch}"}
            if not _park(record, f"it tells of epoch {message.epoch}, and the newest one is {known}", now):
                return False
    if outcome.claim is not None and outcome.is_new:
        _await_serving(outcome, now, patience)
    return True


def _reconcile(now: Settings, patience: Patience, why: str) -> dict[str, Any]:
    """The same without a message; all members are asked for their status."""
    outcome = Outcome()
    try:
        instances().look(patience)
        _run(now, patience, outcome)
    except (RoutingError, ClientError, BotoCoreError) as error:
        _failed(error, outcome)
        raise
    answers = mirror_status.ask_all(now, now.members)
    for name, value in findings.of_members(outcome.claim, answers).items():
        metrics.add_metric(name, MetricUnit.Count, value)
    _tell(outcome, now, "reconciled", members=answers, on=why)
    return {
        "claim": asdict(outcome.claim) if outcome.claim else None,
        "confirmed_before": asdict(outcome.before) if outcome.before else None,
        "written": outcome.written,
        "members": answers,
    }


def _run(now: Settings, patience: Patience, outcome: Outcome) -> None:
    gateways: list[Places] = []
    if now.route_vip:
        gateways.append(RouteTables(client("ec2"), now.route_vip, now.deployment, patience))
    if now.listeners:
        gateways.append(Listeners(client("elbv2"), now.listeners, patience))
    run(Epochs(client("dynamodb"), now, patience), gateways, lambda claim: instances().check(claim, patience), outcome)


def _await_serving(outcome: Outcome, now: Settings, patience: Patience) -> None:
    """Sees whether the member that clients are led to serves them. It changes no route whatever the answer is."""
    assert outcome.claim is not None
    until = time.monotonic() + _SERVING_SECONDS
    while (answer := mirror_status.ask(now, outcome.claim.member)) != mirror_status.PRIMARY:
        if time.monotonic() >= until or patience.is_over():
            break
        time.sleep(_SERVING_EVERY_SECONDS)
    serves = answer == mirror_status.PRIMARY
    metrics.add_metric("RoutedMemberNotPrimary", MetricUnit.Count, float(not serves))
    say = logger.info if serves else logger.warning
    say("the routed member", decision="asked", epoch=outcome.claim.epoch, member=outcome.claim.member, why=f"it is {answer}")


def _tell(outcome: Outcome, now: Settings, decision: str, **more: Any) -> None:
    """One line and the metrics of a run that came to its end."""
    for name, value in findings.of_run(outcome, tuple(now.members)).items():
        metrics.add_metric(name, MetricUnit.Count, value)
    claim = outcome.claim
    why = "no member has taken an epoch yet" if claim is None else "newer epoch" if outcome.is_new else "already confirmed"
    logger.info(
        "clients are led",
        decision=decision,
        epoch=claim.epoch if claim else 0,
        member=claim.member if claim else "",
        why=why,
        places=outcome.written,
        stages={name: round(seconds, 3) for name, seconds in outcome.stages.items()},
        **more,
    )


def _failed(error: Exception, outcome: Outcome) -> None:
    metrics.add_metric("RoutingFailed", MetricUnit.Count, 1)
    claim = outcome.claim
    logger.error(
        "clients are not led",
        decision="failed",
        epoch=claim.epoch if claim else 0,
        member=claim.member if claim else "",
        why=f"{type(error).__name__}: {error}",
        places=outcome.written,
    )


def _canary(message: Message, now: Settings) -> None:
    """Notes that a member's way to the router is open."""
    dimensions = {"deployment": now.deployment, "mirror_set": now.mirror_set, "member": message.member}
    with single_metric(name="CallOutCanary", unit=MetricUnit.Count, value=1) as metric:
        for name, value in dimensions.items():
            metric.add_dimension(name=name, value=value)


def _park(record: Mapping[str, Any], why: str, now: Settings) -> bool:
    """Puts a message that nothing can be done with where a person finds it. Whether that was possible."""
    metrics.add_metric("MessagesParked", MetricUnit.Count, 1)
    logger.error("a message is parked", decision="parked", epoch=0, member="", why=why, message_id=record["messageId"])
    try:
        client("sqs").send_message(
            QueueUrl=now.dead_letter_queue,
            MessageBody=record["body"] or "(empty)",
            MessageGroupId="parked",
            MessageDeduplicationId=record["messageId"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": why}},
        )
    except (ClientError, BotoCoreError) as error:
        logger.error(
            "a message stays in the queue", decision="kept", epoch=0, member="", why=f"{type(error).__name__}: {error}"
        )
        return False
    return True


def _seconds_of(said: str) -> float | None:
    """A time as a member wrote it; None if it can't be read."""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else at.replace(tzinfo=UTC).timestamp()
