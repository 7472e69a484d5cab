"""What `iris-region` changes: each step can be run again, after any interruption, and then does what is left of it.

Source of the order and of the dangers: High Availability Guide, 5.5 (promotion), 5.6 (demotion), 6.1.3 (no failover), 6.3
(disaster recovery procedures). **Never run on a licensed IRIS.**
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ..call_out.awake import Awake
from ..call_out.requests import Aws as BoundedAws
from ..call_out.said import Teller
from ..host import iris, left_mirror
from ..host.errors import StepError
from ..host.steps import instance as unit
from . import asking, cpf, mark, question, readings
from .asking import RefusedError

if TYPE_CHECKING:
    from ..host.context import Context

_FAILOVER, _DR = "Failover", "Disaster Recovery"
#: What a promoted member becomes. Before that it fetches and applies journals, which has no limit that would be right: the
#: caller comes again.
_THERE = ("Primary", "Backup")
_ON_ITS_WAY = ("Transition", "Synchronizing")
#: For how long a promoted member is looked at before the caller is told to come again, and when one that has no partner and
#: isn't on its way is told to become primary.
_SETTLING_SECONDS = 20.0
_STUCK_SECONDS = 10.0
#: For the end in good order of an instance that is fenced; then it is forced down.
_FENCE_SECONDS = 120.0

Answer = Dict[str, Any]


def promote(host: Context, partner: str) -> Answer:
    """Makes this member for disaster recovery a failover member, and waits a while until it is backup or primary.

    Args:
        host: The host.
        partner: `auto`: the mirror chooses, and nothing is lost. `none`: with the journal data there is.

    Raises:
        RefusedError: The mirror refuses it, as it stands.
        StepError: IRIS can't be asked.
    """
    instance = _running(host)
    unavailable: Optional[List[str]] = None
    if instance.member_type == _DR:
        asking.load(host)
        unavailable = _promoted(host, partner)
    elif instance.member_type != _FAILOVER:
        raise RefusedError(f"this member is {instance.member_type or 'no mirror member'}: nothing to promote")
    found = _settle(host, partner)
    others = _partners(host)
    answer: Answer = {
        "done": found.mirror_status in _THERE,
        "member_type": found.member_type,
        "status": found.mirror_status,
        "partner": others[0] if others else None,
    }
    if unavailable is not None:
        # What these are they learn when they start: see before_start.py.
        answer["unavailable"] = unavailable
    return answer


def _promoted(host: Context, partner: str) -> List[str]:
    """Whom IRIS did not reach, who is not told of it."""
    ways = ("none",) if partner == "none" else ("all", "partner")
    said, names = "", []
    for way in ways:
        answer = asking.call(host, f'Promote("{way}")')
        said = asking.problem(answer)
        names = [name for name in (answer.get("unavailable") or [""])[0].split(",") if name]
        if not said:
            host.log(f"promoted ({way}); not reached: {','.join(names) or 'none'}")
            if partner == "none":
                _clear_no_failover(host)
            return names
        said += f" (not reached: {','.join(names)})" if names else ""
    # Of the last way, which asks for the least: only who is missing there keeps the newest journals from being fetched.
    raise RefusedError(f"IRIS refused the promotion: {said}", names)


def _settle(host: Context, partner: str) -> iris.Instance:
    """Waits until the member is there. What a fence has left is cleared; without a partner it is told to be primary."""
    began = time.monotonic()
    told = False
    while True:
        found = _running(host)
        passed = time.monotonic() - began
        if found.mirror_status in _THERE or passed > _SETTLING_SECONDS:
            return found
        if passed > _STUCK_SECONDS and not told:
            told = True
            asking.load(host)
            _clear_no_failover(host)
            if partner == "none" and found.mirror_status not in _ON_ITS_WAY:
                answer = asking.call(host, "BecomePrimary()")
                host.log(f"told to become primary: IRIS answered {(answer.get('became') or ['nothing'])[0]}")
        time.sleep(0.2)


def _clear_no_failover(host: Context) -> None:
    # Source: class reference, SYS.Mirror.ClearNoFailover: on a failover member alone, also if the other one can't be reached.
    said = asking.problem(asking.call(host, f'ClearNoFailover("{host.description.mirror.name}")'))
    if said:
        host.log(f"warning: the state no failover was not cleared: {said}")


def _partners(host: Context) -> list[str]:
    """The other failover members, as this one's configuration has them."""
    mirror = host.description.mirror.name
    known = iris.keys_of(iris.installed(host).cpf, f"MapMirrors.{mirror}")
    path = iris.installed(host).cpf
    return [name for name in known if name != host.description.name and cpf.is_failover(path, mirror, name)]


def await_primary(host: Context) -> Answer:
    """Whether this member is the primary now. A failover member that can't become it is freed of what a fence has left.

    A fence that ends after the promotion leaves "no failover" behind: then nobody would become primary.
    """
    instance = iris.look(host.description.instance)
    shown = instance.mirror_status if instance and instance.is_running else "Down"
    if instance and instance.is_running and instance.member_type == _FAILOVER and shown not in _THERE:
        asking.load(host)
        _clear_no_failover(host)
    return {"done": bool(instance and instance.is_primary), "status": shown}


def demote(host: Context) -> Answer:
    """Makes this failover member one for disaster recovery.

    Raises:
        RefusedError: It is the primary, or the mirror refuses it.
    """
    instance = _running(host)
    if instance.member_type == _DR:
        return {"done": True, "member_type": _DR, "status": instance.mirror_status}
    if instance.is_primary:
        raise RefusedError("this member is the primary: have another one take over first (iris-region stop)")
    asking.load(host)
    if said := asking.problem(asking.call(host, "Demote()")):
        raise RefusedError(f"IRIS refused the demotion: {said}")
    found = _running(host)
    return {"done": found.member_type == _DR, "member_type": found.member_type, "status": found.mirror_status}


def demote_partner(host: Context) -> Answer:
    """Has this primary make the other failover member one for disaster recovery; its ISCAgent has to answer.

    Raises:
        RefusedError: This isn't the primary, or the mirror refuses it.
    """
    if not _running(host).is_primary:
        raise RefusedError("this member is not the primary: only that one can demote the other")
    partners = _partners(host)
    if not partners:
        return {"done": True, "demoted": None}
    asking.load(host)
    if said := asking.problem(asking.call(host, "DemotePartner()")):
        raise RefusedError(f"IRIS refused to demote {partners[0]}: {said}")
    return {"done": True, "demoted": partners[0]}


def stop(host: Context) -> Answer:
    """Stops the instance in good order: an active backup takes over from a primary."""
    instance = iris.look(host.description.instance)
    if instance is not None and not instance.is_down:
        unit.stop(host)
    return {"done": True, "running": False}


def start(host: Context) -> Answer:
    """Starts the instance. What it may be it is told by `before-start`, which its unit runs first.

    Raises:
        StepError: It was taken out of its mirror, or doesn't start.
    """
    left_mirror.refuse()
    if not iris.installed(host).is_running:
        unit.start(host)
    return {"done": True, "running": True, "status": iris.installed(host).mirror_status}


def fence(host: Context, epoch: int, serving: str) -> Answer:
    """Takes this member out of the way of another region's primary: down, marked, and told to ask when it starts again.

    Args:
        host: The host.
        epoch: Epoch of the move.
        serving: The region that holds the mirror from it on.

    Raises:
        RefusedError: It is this member's own region.
        StepError: The instance can't be brought down.
    """
    own = host.description.region.own if host.description.region else "primary"
    if serving == own:
        raise RefusedError(f"this member is of the region {own}, which is to hold the mirror: it isn't fenced")
    # First of all: whatever happens now, the next start knows.
    mark.write(epoch, serving)
    instance = iris.look(host.description.instance)
    if instance is None:
        return {"done": True, "fenced": True, "running": False}
    if not instance.is_down:
        _bring_down(host, instance)
    if cpf.is_member(instance.cpf, host.description.mirror.name) and cpf.is_failover(
        instance.cpf, host.description.mirror.name, host.description.name
    ):
        cpf.ask_for_the_role(instance.cpf)
    return {"done": True, "fenced": True, "running": False}


def _bring_down(host: Context, instance: iris.Instance) -> None:
    # With "no failover" the other member of this region doesn't take over: it is to be fenced as well, and may not be reached.
    words = ["nofailover"] if instance.is_primary else []
    name = host.description.instance
    try:
        host.run(iris.as_owner("iris", "stop", name, *words, "quietly"), seconds=_FENCE_SECONDS)
    except StepError as error:
        host.log(f"it doesn't stop in good order, and is forced down: {error}")
    if not iris.installed(host).is_down:
        host.run(["iris", "force", name], check=False, seconds=60)
    # The unit's own command then finds nothing to stop.
    host.run(["systemctl", "stop", unit.UNIT], check=False, seconds=60)
    host.run(["systemctl", "reset-failed", unit.UNIT], check=False)
    if not iris.installed(host).is_down:
        raise StepError(f"the instance {name} can't be brought down: stop its host")


def unfence(host: Context) -> Answer:
    """Lets this member take its role by itself again: the mark is gone, and an instance that is down doesn't ask any more.

    What the table and the region's parameter say counts all the same, now and whenever the instance starts.

    Raises:
        RefusedError: They say that another region holds the mirror.
    """
    region, mirror = host.description.region, host.description.mirror.name
    if region is not None:
        known, problems = readings.read(region, lambda: BoundedAws(Awake(), Teller(host.description.name, in_journal=True)))
        for problem in problems:
            host.log(f"warning: {problem}")
        answer = question.decide(region.own, [each for each in known if each.source != mark.SOURCE])
        if answer.elsewhere:
            raise RefusedError(f"{answer.why}; it is unfenced when a newer epoch says that this region does")
    mark.remove()
    instance = iris.look(host.description.instance)
    if instance is not None and instance.is_down and cpf.is_member(instance.cpf, mirror):
        cpf.take_the_role(instance.cpf)
    return {"done": True, "fenced": False}


def _running(host: Context) -> iris.Instance:
    found = iris.installed(host)
    if not found.is_running:
        raise RefusedError(f"the instance {host.description.instance} is {found.status}: iris-region start")
    return found
