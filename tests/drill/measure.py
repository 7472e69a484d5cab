"""What the drill's observations mean, in seconds and in invariants. Pure, so that it has tests of its own."""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """A client's attempt to write a record, see programs/writer.py.

    Attributes:
        number: Which record it became; None if that was not acknowledged.
    """

    n: int
    began: float
    ended: float
    number: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Look:
    """What was seen of a member from a moment on, see programs/observer.py."""

    at: float
    member: str
    open: bool
    status: str = ""
    mode: str = ""
    active: bool = False
    arbiter: bool = False
    connected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Takeover:
    """When the other member took over.

    Attributes:
        member: Who is primary now.
        began: When it had found the primary gone.
        primary: When it was primary, open for users.
        admits: When its gate admitted the clients of the endpoint; None if it hasn't.
    """

    member: str
    began: float
    primary: float
    admits: float | None


def outages(attempts: Sequence[Attempt], begins: float, ends: float) -> list[tuple[float, float]]:
    """From each first failed write to the next good one, in a span of time; one that doesn't end there ends with it."""
    found: list[tuple[float, float]] = []
    first: float | None = None
    for attempt in attempts:
        if attempt.ended < begins or attempt.began > ends:
            continue
        if attempt.number is None:
            first = max(attempt.began, begins) if first is None else first
        elif first is not None:
            found.append((first, min(attempt.ended, ends)))
            first = None
    if first is not None:
        found.append((first, ends))
    return found


def takeover(looks: Iterable[Look], former: str, begins: float, ends: float) -> Takeover | None:
    """The takeover in a span of time: None if the primary is the one it was."""
    began = primary = None
    for look in looks:
        if look.member == former or not begins <= look.at <= ends:
            continue
        if look.status != "Primary" and primary is None:
            if look.status == "Transition" and began is None:
                began = look.at
        elif look.status == "Primary":
            primary = look.at if primary is None else primary
            if look.open:
                return Takeover(look.member, began if began is not None else primary, primary, look.at)
    if primary is None:
        return None
    other = next(look.member for look in looks if look.member != former)
    return Takeover(other, began if began is not None else primary, primary, None)


def first_good(attempts: Sequence[Attempt], since: float) -> float | None:
    """When the first write was acknowledged that began after a moment, or was under way then."""
    good = (attempt.ended for attempt in attempts if attempt.number is not None and attempt.ended >= since)
    return next(good, None)


def both_open(looks: Iterable[Look], begins: float, ends: float) -> list[tuple[float, float]]:
    """When both members admitted clients: gate open, and the instance says that it is primary."""
    opened: dict[str, bool] = {}
    since: float | None = None
    found = []
    for look in [*looks, Look(ends, "", False)]:
        at = min(max(look.at, begins), ends)
        if since is not None and at > since:
            found.append((since, at))
        if look.member:
            opened[look.member] = look.open and look.status == "Primary"
        since = at if sum(opened.values()) > 1 else None
    return found


def lost(name: str, attempts: Iterable[Attempt], journal: Sequence[str], first: int) -> list[tuple[Attempt, str]]:
    """Acknowledged records that are not there, there twice, elsewhere than told, or not in the order they were written in.

    Args:
        name: The client.
        attempts: Its attempts, all that may stand in the journal.
        journal: Records, read from the member that is primary.
        first: The number of the first of them.
    """
    places: dict[str, list[int]] = {}
    for number, record in enumerate(journal, first):
        if record.startswith(f"{name}-"):
            places.setdefault(record, []).append(number)
    wrong, before = [], 0
    for attempt in attempts:
        if attempt.number is None or attempt.number < first:
            continue
        found = places.get(f"{name}-{attempt.n}", [])
        if found != [attempt.number] or attempt.number <= before:
            where = ", ".join(map(str, found)) or "no place"
            wrong.append((attempt, f"{name}-{attempt.n} was acknowledged as {attempt.number}, and is at {where}"))
        before = attempt.number
    return wrong


def empty_routes(events: Iterable[Mapping[str, Any]], vip: str, begins: float, ends: float) -> list[str]:
    """Tables that had a route to an overlay address, and then had none."""
    had: set[str] = set()
    found = []
    for event in events:
        if event["vip"] != vip:
            continue
        for table, target in event["tables"].items():
            if target is not None:
                had.add(table)
            elif table in had and begins <= event["at"] <= ends:
                found.append(f"{table} at {event['at'] - begins:.2f} s")
    return found


@dataclass
class Observed:
    """All that was seen so far. Threads append to it.

    Attributes:
        attempts: Client -> its attempts.
        looks: What was seen of members.
        routes: What the VPC's router said.
    """

    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)

    def wrote(self, name: str, said: Mapping[str, Any]) -> None:
        """Takes a line of a client."""
        made = Attempt(said["n"], said["began"], said["ended"], said.get("number"), said.get("why", ""))
        self.attempts.setdefault(name, []).append(made)

    def looked(self, said: Mapping[str, Any]) -> None:
        """Takes a line of the observer. Those of two members may come in another order than they were seen in."""
        look = Look(**{**said, "connected": tuple(said.get("connected", ()))})
        bisect.insort(self.looks, look, key=lambda each: each.at)

    def latest(self, member: str) -> Look | None:
        """What a member is now."""
        return next((look for look in reversed(list(self.looks)) if look.member == member), None)

    def since(self, name: str, at: float) -> list[Attempt]:
        """A client's attempts that ended after a moment."""
        attempts = self.attempts.get(name, [])
        return attempts[bisect.bisect_left(attempts, at, key=lambda each: each.ended) :]
