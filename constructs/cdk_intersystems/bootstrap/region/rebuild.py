"""`iris-region leave` and `restored`: a member whose data contradicts its mirror's is made a copy of another member.

High Availability Guide, 5.7: take it out of the mirror and let the databases stay mirrored ones, add it again, restore the
databases, activate and catch them up. It leaves *before* its volumes are replaced: a member that started with its own journals
and somebody else's databases could apply the one to the other. **Never run on a licensed IRIS.**
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..host import iris, left_mirror
from ..host.errors import StepError
from ..host.steps import ebs_volumes
from ..host.steps import instance as unit
from ..host.steps.block_devices import device_of
from ..host.steps.mirror import join_again
from . import asking, cpf, diverged, status
from .asking import RefusedError

if TYPE_CHECKING:
    from ..host.context import Context

#: For an instance that was started to find its mirror, and that its data contradicts it.
_FINDING_SECONDS = 120.0
#: For how long a member that joins, or catches up, is looked at before the caller is told to come again.
_SETTLING_SECONDS = 30.0
#: One that isn't on its way for so long after its start is restarted. Seen by others with members that have just joined, and
#: documented nowhere: see steps/mirror.py.
_RESTART_SECONDS = 90.0
_ON_ITS_WAY = ("Synchronizing", "Transition")
#: For the journals since the copy was made.
_CATCH_UP_SECONDS = 1800.0

_FITS = ("Normal", "Dejournaling")
_INACTIVE, _BEHIND, _AT_IT = "Needs Activation", "Needs Catchup", "Catchup Running"

Answer = Dict[str, Any]


def leave(host: Context) -> Answer:
    """Takes this member out of its mirror, and stops the instance. Its mirror journals are gone then; its databases are not.

    Raises:
        RefusedError: It is the primary, or its data doesn't contradict the mirror's: it has no need to be rebuilt.
        StepError: IRIS can't be asked, or doesn't do it.
    """
    if left_mirror.read() is None:
        _refuse_unless_diverged(host)
        volumes = ebs_volumes.remembered().get(left_mirror.DATA, [])
        if not volumes:
            raise RefusedError("the databases of this host are on no volume of their own: nothing could be replaced")
        left_mirror.write(host, volumes)
    mirror = host.description.mirror.name
    if cpf.is_member(iris.installed(host).cpf, mirror):
        if not iris.installed(host).is_running:
            unit.start(host)
        asking.load(host)
        if said := asking.problem(asking.call(host, "Leave()")):
            raise StepError(f"IRIS did not take this member out of its mirror: {said}")
        if cpf.is_member(iris.installed(host).cpf, mirror):
            raise StepError(f"IRIS says that this member is out of its mirror, and {iris.installed(host).cpf} says it isn't")
        host.log(f"out of the mirror {mirror}, and its journals of the mirror are gone from this host")
    # It isn't to start with the host: not before it has other databases.
    host.run(["systemctl", "disable", unit.UNIT], check=False)
    unit.stop(host)
    return {"done": True, "left": True, "running": False}


def restored(host: Context) -> Answer:
    """Has this member join its mirror again with the databases of another member, and catch up.

    Raises:
        RefusedError: It never left, or still has the volumes that it left with.
        StepError: IRIS can't be asked, or doesn't do it.
    """
    before = left_mirror.read()
    if before is None:
        return _was_done(host)
    known = ebs_volumes.remembered().get(left_mirror.DATA, [])
    if not before or not known:
        raise RefusedError("the databases of this host are on no volume of their own: nothing was replaced")
    old = sorted(set(before) & set(known))
    if old and any(device_of(each) for each in old):
        raise RefusedError(
            f"{', '.join(old)} was attached when this member left its mirror: it needs a copy of another member's"
        )
    if old:
        return _later("its new volumes")
    mirror = host.description.mirror.name
    if not cpf.is_member(iris.installed(host).cpf, mirror):
        try:
            if not join_again(host):
                return _later("a primary to join")
        except StepError as error:
            return _person_needed(host, error)
    elif not iris.installed(host).is_running:
        unit.start(host)
    return _caught_up(host)


def _refuse_unless_diverged(host: Context) -> None:
    instance = iris.installed(host)
    mirror = host.description.mirror.name
    if instance.is_primary:
        raise RefusedError("this member is the primary: others are rebuilt from it")
    if not cpf.is_member(instance.cpf, mirror):
        raise RefusedError(f"this instance is no member of the mirror {mirror}")
    if not instance.is_running:
        unit.start(host)
    ends = time.monotonic() + _FINDING_SECONDS
    while True:
        instance = iris.installed(host)
        if diverged.is_inconsistent(instance, mirror):
            return
        if instance.is_in_place or time.monotonic() > ends:
            shown = f"{instance.member_type or 'no member'}, {instance.mirror_status or 'no mirror status'}"
            raise RefusedError(f"this member is {shown}: IRIS doesn't say that its data contradicts the mirror's, and it stays")
        time.sleep(0.5)


def _was_done(host: Context) -> Answer:
    instance = iris.look(host.description.instance)
    if instance is None or not instance.is_in_place:
        raise RefusedError("this member has not left its mirror: iris-region leave comes first")
    shown = _databases(host)
    caught_up = bool(status.status(host)["caught_up"])
    done = caught_up and all(each in _FITS for _, each in shown.values())
    return {"done": done, "caught_up": caught_up, "status": instance.mirror_status, **_shown(shown)}


def _caught_up(host: Context) -> Answer:
    """Waits for the place in the mirror, and does with the databases what each needs."""
    ends = time.monotonic() + _SETTLING_SECONDS
    while not iris.installed(host).is_in_place:
        if time.monotonic() > ends:
            found = iris.installed(host)
            began = diverged.started(found)
            if began and time.time() - began > _RESTART_SECONDS and found.mirror_status not in _ON_ITS_WAY:
                host.log(f"still {found.mirror_status or 'not in the mirror'}: restarting the instance")
                unit.restart(host)
            return _later("its place in the mirror", found.mirror_status)
        time.sleep(0.5)
    return _made_current(host)


def _made_current(host: Context) -> Answer:
    """Does with each mirrored database what it needs; the mark goes when none needs anything any more."""
    for name, (directory, needs) in _databases(host).items():
        if needs == _INACTIVE:
            _do(host, "Activate", name, directory)
        if needs in (_INACTIVE, _BEHIND):
            _do(host, "Catchup", name, directory)
    found = _databases(host)
    wrong = {name: needs for name, (_, needs) in found.items() if needs not in (*_FITS, _INACTIVE, _BEHIND, _AT_IT)}
    if wrong:
        raise StepError(
            f"databases that can't be caught up: {', '.join(f'{name} is {needs}' for name, needs in wrong.items())}"
        )
    missing = sorted(set(host.description.mirror.databases) - set(found))
    if missing:
        raise StepError(f"databases that the copy didn't bring: {', '.join(missing)}")
    caught_up = bool(status.status(host)["caught_up"])
    if not caught_up or any(needs not in _FITS for _, needs in found.values()):
        return {**_later("the journals since the copy was made"), "caught_up": caught_up, **_shown(found)}
    left_mirror.remove()
    return {"done": True, "caught_up": True, "status": iris.installed(host).mirror_status, **_shown(found)}


def _do(host: Context, what: str, name: str, directory: str) -> None:
    if '"' in directory:
        raise StepError(f"{name} has a directory that can't be named: {directory}")
    if said := asking.problem(asking.call(host, f'{what}("{directory}")', _CATCH_UP_SECONDS)):
        raise StepError(f"{what} of {name}: {said}")
    host.log(f"{what} of {name}")


def _databases(host: Context) -> dict[str, tuple[str, str]]:
    """Name of each mirrored database -> its directory, and what it is."""
    asking.load(host)
    answer = asking.call(host, f'Databases("{host.description.mirror.name}")', asking.ASK_SECONDS)
    if said := asking.problem(answer):
        raise StepError(f"IRIS doesn't list its mirrored databases: {said}")
    rows = [line.split("^") for line in answer.get("database", []) if line.count("^") == 2]
    return {name: (directory, needs) for name, directory, needs in rows}


def _shown(databases: dict[str, tuple[str, str]]) -> Answer:
    return {"databases": {name: needs for name, (_, needs) in databases.items()}}


def _later(what: str, shown: Optional[str] = None) -> Answer:
    said = f"it waits for {what}" + (f", and is {shown or 'no member yet'}" if shown is not None else "")
    return {"done": False, "caught_up": False, "status": shown, "databases": {}, "says": said}


def _person_needed(host: Context, error: StepError) -> Answer:
    # Whether the primary forgets a member that took itself out while its mirroring was stopped is documented nowhere. If it
    # doesn't, a person has it do so: no documented method does (High Availability Guide, "Editing or Removing a Failover
    # Member").
    host.log(f"could not join the mirror again: {error}")
    what = f"if the primary still lists {host.description.name}, remove it there: Edit Mirror, Remove Other Mirror Member"
    return {**_later("that"), "says": f"it could not join the mirror again: {error}", "waits_for": what}
