"""Snapshots of a member's databases, taken inside one confirmed freeze (invariant I9).

The member thaws itself after some seconds, whatever becomes of who has frozen it: `iris-region freeze` sees to that before it
freezes. Only what was frozen until it was thawed by its own freeze's id is confirmed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED

from .choose import is_primary
from .hosts import HostError, Hosts, Member
from .snapshots import Snapshots

#: CreateSnapshots answers within seconds, and Systems Manager too. A primary's users wait for as long.
SECONDS, PRIMARY_SECONDS = 180, 60
_FREEZES: Final = 3
_THAWS: Final = 3
_EVERY_SECONDS: Final = 10.0


def frozen_snapshots(
    hosts: Hosts,
    snapshots: Snapshots,
    source: Member,
    volumes: Sequence[str],
    *,
    sleep: Callable[[float], None],
    tell: Callable[[str], None],
) -> None:
    """Takes snapshots of a member's databases; the member is thawed on every way out.

    Args:
        hosts: The members.
        snapshots: Where they are known from then on.
        source: The member.
        volumes: The volumes with the databases.
        sleep: Waits so many seconds.
        tell: Is told what is being done.

    Raises:
        CommandError: It can't be frozen, or doesn't stay so.
    """
    for _ in range(_FREEZES):
        snapshots.discard(source.region)
        freeze, until = _freeze(hosts, source, sleep, tell)
        taken: list[str] = []
        confirmed = False
        try:
            taken = snapshots.take(source.region, source.instance, volumes)
        finally:
            confirmed = _thaw(hosts, source, freeze, until, tell)
        if confirmed:
            snapshots.approve(source.region, taken, source.name)
            return
        tell(f"{source.name} was not frozen until the end: these snapshots are good for nothing, and deleted")
    snapshots.discard(source.region)
    raise CommandError(FAILED, f"{source.name} did not stay frozen, {_FREEZES} times: see its messages.log", "freeze")


def _freeze(hosts: Hosts, source: Member, sleep: Callable[[float], None], tell: Callable[[str], None]) -> tuple[str, str]:
    """The id of the freeze, and when it ends by itself."""
    seconds = PRIMARY_SECONDS if is_primary(source) else SECONDS
    words = f"--seconds {seconds}{' --primary-alone' if is_primary(source) else ''}"
    tell(f"freezing the databases of {source.name}, for {seconds} s at most")
    # An earlier freeze, whose caller died, ends by itself: that is waited for.
    looks = int((SECONDS + 60) / _EVERY_SECONDS)
    for look in range(looks + 1):
        try:
            answer = hosts.ask(source.region, source.id, "freeze", words)
        except HostError as error:
            if not error.refused or look == looks:
                raise
            tell(f"{error.message}; asking again")
            sleep(_EVERY_SECONDS)
            continue
        if not answer.get("frozen") or not answer.get("freeze"):
            raise HostError(f"{source.name} does not say that it is frozen")
        return str(answer["freeze"]), str(answer.get("until", ""))
    raise AssertionError("the last look returns or raises")


def _thaw(hosts: Hosts, source: Member, freeze: str, until: str, tell: Callable[[str], None]) -> bool:
    """Thaws a member; whether it was frozen until now. If it can't be told, it thaws itself."""
    for _ in range(_THAWS):
        try:
            answer = hosts.ask(source.region, source.id, "thaw", f"--freeze {freeze}")
        except HostError as error:
            tell(error.message)
            continue
        tell(f"{source.name} is thawed")
        return answer.get("confirmed") is True
    tell(f"{source.name} could not be told to thaw: it does so by itself, at {until}")
    return False
