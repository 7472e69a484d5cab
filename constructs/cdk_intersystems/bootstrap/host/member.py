"""What the runbooks of a mirror ask a failover member and have it do: `cdk-host member`.

The documents are made by `model/automation/`, which a test holds against this. What is told and taken here stays as it is: a
document is deployed before the hosts get their new version.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Dict, Optional

from . import apply, iris, network, run
from .errors import StepError
from .steps.instance import start, stop

if TYPE_CHECKING:
    from .context import Context

READY, ACTIVE, NO = "ready", "active", "no"

#: For how long the other member may take to become the primary: it has to roll back open transactions first.
_TAKE_OVER_SECONDS = 600

#: For how long a running instance that has no role is looked at again before that is told: a primary that has just lost its
#: backup is in trouble for up to three times the quality of service timeout, 8 s by default, and then goes on (High
#: Availability Guide, "Automatic Failover Mechanics").
_SETTLING_SECONDS = 30


@dataclass(frozen=True)
class Mirror:
    """What a member says of its mirror.

    Args:
        word: `ready` if the backup would take over should the primary fail, as the mirror itself judges it; `active` if the
            backup is active and the mirror not ready all the same; else `no`.
        why: On what that rests, in words.
    """

    word: str
    why: str

    def suffices(self, needs: str) -> bool:
        """Whether it is what somebody needs: `ready`, or `active`."""
        return self.word in (READY, needs)


def do(what: str, *, needs: str, seconds: float) -> int:
    """Does what was asked for.

    Args:
        what: `tell`, `await`, `hand-over` or `stop`.
        needs: What the mirror has to be: `ready` or `active`.
        seconds: For how long `await` waits.

    Returns:
        The exit status.

    Raises:
        StepError: It can't be done, or this is no failover member.
    """
    lines = run.Lines(kept=what != "tell")
    host = run.open_host(lines)
    if host.description.role != "member":
        raise StepError("this host is no member of a mirror")
    if host.description.member_type == "dr" and not _is_failover(host):
        raise StepError("this member waits for disaster recovery, it is no failover member: see docs/hosts/dr-member.md")
    if what == "tell":
        # The answer is all that is said.
        host.log = lambda line: None
        print(tell(host), flush=True)  # noqa: T201
    elif what == "await":
        wait(host, needs, seconds)
    else:
        # The state is looked at when no other run can change it any more.
        with run.alone(lines):
            _CHANGES[what](run.open_host(lines), needs)
    return 0


def _is_failover(host: Context) -> bool:
    instance = iris.look(host.description.instance)
    return instance is not None and instance.member_type == "Failover"


def tell(host: Context) -> str:
    """Tells what this member is, in one line of `key=value;`.

    The keys are `role` (`primary`, `backup`, or `none`), `mirror` (see `Mirror`), `current` (whether what is published is what
    was applied completely) and `unfinished` (whether a change of this member was begun and didn't end).
    """
    instance = _settled(host)
    backup = instance and instance.is_in_place and not instance.is_primary
    version, served = run.version(), run.served()
    facts = {
        "role": "primary" if instance and instance.is_primary else "backup" if backup else "none",
        "mirror": ask(host).word if instance and instance.is_running else NO,
        "current": _word(version == served == apply.status(offline=False)["published"]),
        "unfinished": _word(version != served),
    }
    return " ".join(f"{key}={value};" for key, value in facts.items())


def _settled(host: Context) -> Optional[iris.Instance]:
    ends = time.monotonic() + _SETTLING_SECONDS
    while True:
        instance = iris.look(host.description.instance)
        if instance is None or not instance.is_running or instance.is_in_place or time.monotonic() >= ends:
            return instance
        time.sleep(1)


def ask(host: Context) -> Mirror:
    """Asks the instance what it thinks of its mirror."""
    try:
        said = iris.call(host, "Failover^%ZcdkHost", seconds=60)
    except StepError as error:
        return Mirror(NO, str(error))
    told = [line.split(" ", 2)[1:] for line in said.splitlines() if line.startswith("cdk:")]
    if ["Backup", "Active"] not in told:
        return Mirror(NO, "the backup is not active")
    reasons = [line.partition(" ")[2] for line in said.splitlines() if line.startswith("cdk:failover ")]
    if not reasons:
        return Mirror(ACTIVE, "the instance doesn't say whether it is ready for a failover")
    ready, _, why = reasons[0].partition(" ")
    return Mirror(READY, "") if ready == "1" else Mirror(ACTIVE, f"the instance says: {why}")


def wait(host: Context, needs: str, seconds: float) -> None:
    """Waits until this member is the backup of a mirror as it is needed.

    Raises:
        StepError: It isn't in time; with what is missing.
    """
    found = [Mirror(NO, "this member is not the backup")]

    def is_there() -> bool:
        instance = iris.look(host.description.instance)
        if instance is None or not instance.is_in_place or instance.is_primary:
            found.append(Mirror(NO, "this member is not the backup"))
            return False
        found.append(ask(host))
        return found[-1].suffices(needs)

    try:
        host.wait_until(f"this member to be the backup of a mirror that is {needs}", is_there, seconds=seconds, every=5)
    except StepError as error:
        raise StepError(f"{error}: {found[-1].why}") from None


def hand_over(host: Context, needs: str) -> None:
    """Stops the instance of the primary, so that the other member takes over; if it doesn't, starts it again.

    A shutdown in good order makes the mirror fail over to an active backup (High Availability Guide, "Maintenance of Primary
    Failover Member").

    Raises:
        StepError: This member isn't the primary of a mirror as it is needed, or the other one didn't take over.
    """
    if not iris.installed(host).is_primary:
        raise StepError("this member is not the primary")
    found = ask(host)
    if not found.suffices(needs):
        raise StepError(f"the mirror is not {needs}: {found.why}")
    served = run.served()
    _stop(host)
    try:
        host.wait_until(
            "the other member to take over",
            lambda: network.primary_of(host, everywhere=True) is not None,
            seconds=_TAKE_OVER_SECONDS,
        )
    except StepError as error:
        start(host)
        host.write(run.SERVED, served + "\n")
        raise StepError(f"{error}; the instance runs here again") from None


def stop_backup(host: Context, _needs: str) -> None:
    """Stops the instance of a backup; one that is down stays so.

    In good order, and without "no failover": that is a state of the mirror, and would stay when the backup comes back (High
    Availability Guide, "Maintenance of Backup Failover Member", "Avoiding Unwanted Failover During Maintenance").

    Raises:
        StepError: It runs and is not the backup.
    """
    instance = iris.installed(host)
    if not instance.is_down and (instance.is_primary or not instance.is_in_place):
        raise StepError("the instance runs, and this member is not the backup")
    _stop(host)


def _stop(host: Context) -> None:
    """Stops the instance. Until the member serves again its change is unfinished, whoever starts the instance."""
    with suppress(FileNotFoundError):
        run.SERVED.unlink()
    stop(host)


def _word(yes: bool) -> str:
    return "yes" if yes else "no"


_CHANGES: Dict[str, Callable[[Context, str], None]] = {"hand-over": hand_over, "stop": stop_backup}
