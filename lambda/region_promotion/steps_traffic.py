"""The steps that make the region's tiers ready, and give it the traffic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .context import Context, Outcome, done, wait
from .endpoints import client
from .errors import StepError
from .events import Latch
from .steps_instance import change_type

if TYPE_CHECKING:
    from .settings import Tier

# As `model/tags.py` of the library has them.
_TAG = "cdk-intersystems:"
#: How long the health check is waited for. After that the move ends, so that another one can be asked for; alarms go on.
HEALTH_CHECK_SECONDS = 900
#: How long tiers are waited for; the traffic is there already, and the rest comes by itself.
TIERS_SECONDS = 900
#: How long the DR region's own capacity is waited for when it is taken back after a fail-back.
LOWER_SECONDS = 900


def raise_tiers(context: Context) -> Outcome:
    """Gives the tiers of the DR region their full capacity; none is ever lowered by it."""
    if not context.target_is_dr:
        return done(why="the home region's tiers have their capacity")
    raised = {}
    for tier in context.settings.tiers:
        group = _group(context, tier)
        least, most = max(group["MinSize"], tier.min), max(group["MaxSize"], tier.max)
        if (least, most) != (group["MinSize"], group["MaxSize"]) or group["DesiredCapacity"] < least:
            client("autoscaling", context.settings.region).update_auto_scaling_group(
                AutoScalingGroupName=group["AutoScalingGroupName"],
                MinSize=least,
                MaxSize=most,
                DesiredCapacity=max(group["DesiredCapacity"], least),
            )
        raised[tier.name] = least
    return done(tiers=raised)


def await_tiers(context: Context) -> Outcome:
    """Waits until the tiers have the capacity that they need."""
    if not context.target_is_dr:
        return done()
    missing = {}
    for tier in context.settings.tiers:
        instances = _group(context, tier)["Instances"]
        serving = sum(each["LifecycleState"] == "InService" and each["HealthStatus"] == "Healthy" for each in instances)
        if serving < tier.min:
            missing[tier.name] = f"{serving} of {tier.min}"
    if not missing:
        return done()
    if context.waited > TIERS_SECONDS:
        return done(missing=missing, why="the rest comes by itself, or an alarm of the tier says why not")
    return wait(3, missing=missing)


def latch(context: Context) -> Outcome:
    """Lets the target have the traffic: on record first, then by what carries it to Route 53's checkers."""
    context.region, _ = context.table.change(Latch(context.move.id))
    if _is_delivered(context):
        return done()
    _ask_watch(context, "latch")
    return done() if _is_delivered(context) else wait(2, waits_for="the latch to be delivered")


def await_health_check(context: Context) -> Outcome:
    """Waits until the target's primary answers as a health checker asks it, and the latch is delivered."""
    answer = _ask_watch(context, "look")
    place = "dr " if context.target_is_dr else "elsewhere "
    members = answer.get("members") or {}
    serves = any(says == "primary" for name, says in members.items() if name.startswith(place))
    if not context.target_is_dr and not context.settings.old_region:
        # Nobody asks members on premises; the step before has seen that it is primary.
        serves = True
    if serves and _is_delivered(context):
        return done(members=members)
    if context.waited > HEALTH_CHECK_SECONDS:
        return done(members=members, why=_NOT_SEEN)
    return wait(2, members=members)


_NOT_SEEN = "the region is not seen to serve: see docs/runbooks/region-not-serving.md"


def lower(context: Context) -> Outcome:
    """Takes the DR region's capacity back after a fail-back, as far as it can. What it can't holds nothing up."""
    try:
        return _lower(context)
    except (ClientError, BotoCoreError, StepError) as error:
        if context.waited > LOWER_SECONDS:
            return done(why=f"the DR region keeps its capacity: {type(error).__name__}: {error}"[:300])
        raise


def _lower(context: Context) -> Outcome:
    settings = context.settings
    for tier in settings.tiers:
        group = _group(context, tier)
        if (group["MinSize"], group["MaxSize"]) != (tier.warm_min, tier.warm_max):
            client("autoscaling", settings.region).update_auto_scaling_group(
                AutoScalingGroupName=group["AutoScalingGroupName"],
                MinSize=tier.warm_min,
                MaxSize=tier.warm_max,
                DesiredCapacity=tier.warm_min,
            )
    larger = tuple(each for each in (settings.full_type, *settings.fallback_types) if each != settings.warm_type)
    types = {}
    for member, host in context.own.find().items():
        types[member] = host.type
        if host.type not in larger and member not in context.note:
            continue
        if host.state == "running" and host.type in larger:
            answer = context.commands.ask_all({f"status {member}": (context.own, host.instance, "status", "")}).get(
                f"status {member}"
            )
            if answer is None:
                return wait(2)
            # Who can't be asked may be it.
            if answer.data.get("is_primary") or not answer.is_good:
                types[member] = f"{host.type}: left as it is, it is primary or does not answer"
                continue
        largest = context.note.setdefault(member, {}).setdefault("was", host.type)
        context.save()
        outcome = change_type(context, context.own, host, (settings.warm_type,), largest)
        if not outcome.done:
            return outcome
    return done(types=types)


def _group(context: Context, tier: Tier) -> dict[str, Any]:
    """The Auto Scaling group of a tier, by its tags.

    Raises:
        StepError: There is none, or more than one.
    """
    filters = [
        {"Name": f"tag:{_TAG}deployment", "Values": [context.settings.deployment]},
        {"Name": f"tag:{_TAG}tier", "Values": [tier.name]},
    ]
    answer = client("autoscaling", context.settings.region).describe_auto_scaling_groups(Filters=filters)
    if len(answer["AutoScalingGroups"]) != 1:
        raise StepError(f"tier {tier.name} has {len(answer['AutoScalingGroups'])} Auto Scaling groups by its tags, needs one")
    found: dict[str, Any] = answer["AutoScalingGroups"][0]
    return found


def _is_delivered(context: Context) -> bool:
    item = context.table.item("latch") or {}
    return str(item.get("epoch", {}).get("N", "")) == str(context.move.epoch)


def _ask_watch(context: Context, kind: str) -> dict[str, Any]:
    """Has the watch work at once. If it can't, it does within a minute all the same."""
    event = json.dumps({"kind": kind, "mirror_set": context.settings.mirror_set}).encode()
    try:
        answer = client("lambda", context.settings.region, required=False).invoke(
            FunctionName=context.settings.watch, Payload=event
        )
        said = json.loads(answer["Payload"].read() or b"{}")
    except (ClientError, BotoCoreError, ValueError) as error:
        return {"why": f"{type(error).__name__}: {error}"}
    return said if isinstance(said, dict) else {}
