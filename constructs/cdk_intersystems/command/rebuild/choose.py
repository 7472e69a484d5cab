"""Whether a member is to be built anew, and from which one. Pure.

A primary waits for the freeze of its databases, so that it is the source only where it is alone. Anybody else has to have all
that the mirror has: what it lacks would have to be in journals that the mirror may no longer have.
"""

from collections.abc import Sequence

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import REFUSED, WRONG_CONFIGURATION

from .hosts import Member

_DR = "Disaster Recovery"


def member_named(members: Sequence[Member], name: str) -> Member:
    """The member of a system name.

    Args:
        members: All members in AWS.
        name: The name.

    Raises:
        CommandError: There is none, or it has no instance.
    """
    found = next((each for each in members if each.name == name), None)
    if found is None:
        names = ", ".join(each.name for each in members)
        raise CommandError(WRONG_CONFIGURATION, f"{name} is no member in AWS; there are: {names}", "usage")
    return found


def check(member: Member, others: Sequence[Member], *, unasked: bool) -> None:
    """Refuses to build a member anew that the mirror needs as it is.

    Args:
        member: The member.
        others: The others.
        unasked: Whether it may be one that can't say now whether its journals diverged: it will be asked when it runs.

    Raises:
        CommandError: It isn't to be built anew.
    """
    if not member.instance:
        raise CommandError(REFUSED, f"{member.name}: {member.why}; it can't be built anew", "no_member")
    said = member.said
    if said.get("is_primary") or _has_all(said):
        what = "is the primary" if said.get("is_primary") else "has all that the mirror has"
        raise CommandError(REFUSED, f"{member.name} {what}: it is not built anew", "needed")
    if not any(_sees_primary(other, member.name) for other in others):
        message = "no other member says that there is a primary: a member is built anew only where the mirror runs"
        raise CommandError(REFUSED, message, "no_primary")
    if said.get("inconsistent") is True or said.get("rebuilding") is True:
        return
    if said.get("inconsistent") is False:
        raise CommandError(REFUSED, f"{member.name} says that its journals are those of the mirror", "not_diverged")
    if not unasked:
        why = member.why or said.get("status") or "it does not know"
        message = f"{member.name} can't say whether its journals diverged ({why}): start it, or say --not-running"
        raise CommandError(REFUSED, message, "not_diverged")


def source_for(member: Member, others: Sequence[Member], wanted: str | None) -> Member:
    """The member whose databases are copied.

    Args:
        member: The member that is built anew.
        others: The others.
        wanted: Name of the one that is wanted. Default: the best.

    Raises:
        CommandError: There is none, or the one that is wanted can't be it.
    """
    if wanted is not None:
        if wanted == member.name:
            raise CommandError(WRONG_CONFIGURATION, f"--from {wanted} is the member that is built anew", "usage")
        chosen = member_named(others, wanted)
        if why := _unfit(chosen, member, others):
            raise CommandError(REFUSED, f"{wanted} can't be the source: {why}", "no_source")
        return chosen
    fit = [each for each in others if not _unfit(each, member, others)]
    if not fit:
        reasons = "; ".join(f"{each.name}: {_unfit(each, member, others)}" for each in others) or "there is no other member"
        raise CommandError(REFUSED, f"no member can be the source ({reasons})", "no_source")
    # Near, and not the backup if there is one for disaster recovery: without its backup a primary has nobody to take over.
    return min(fit, key=lambda each: (is_primary(each), each.region != member.region, each.said.get("member_type") != _DR))


def is_primary(member: Member) -> bool:
    """Whether a member says that it is the primary."""
    return bool(member.said.get("is_primary"))


def sentence(member: str, source: str, *, primary: bool) -> str:
    """What is confirmed.

    Args:
        member: Name of the member.
        source: Name of the source.
        primary: Whether that is the primary, whose users wait.
    """
    return f"rebuild {member} from {'the primary ' if primary else ''}{source}"


def _unfit(source: Member, member: Member, others: Sequence[Member]) -> str:
    """Why a member can't be the source; empty if it can."""
    said = source.said
    if not said.get("running"):
        return source.why or "IRIS does not run there"
    if said.get("inconsistent"):
        return "its journals diverged too"
    if said.get("is_primary"):
        running = [each.name for each in others if each is not source and each.said.get("running")]
        if running:
            return f"it is the primary, and not alone: {', '.join(running)} runs; its users would wait while it is frozen"
        return ""
    return "" if _has_all(said) else f"it has not caught up ({said.get('status') or 'no status'})"


def _has_all(said: dict[str, object]) -> bool:
    return bool(said.get("running") and said.get("caught_up") and not said.get("inconsistent"))


def _sees_primary(other: Member, name: str) -> bool:
    """Whether a member is the primary, or is connected to one that isn't the member in question."""
    if is_primary(other):
        return True
    seen = other.said.get("members") or ()
    return any(each.get("status") == "Primary" and each.get("name") != name for each in seen)
