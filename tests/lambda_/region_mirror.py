"""A mirror as `iris-region` shows it: enough of it for a move between regions, and nothing of IRIS."""

from dataclasses import dataclass
from typing import Any

DR_NAMES = {"a": "TRAKC", "b": "TRAKD"}
HOME_NAMES = {"a": "TRAKA", "b": "TRAKB"}
REFUSED, FAILED = 3, 1


@dataclass
class Member:
    """A member of the mirror.

    Attributes:
        name: Its system name.
        place: Its region.
        kind: `Failover` or `DR`.
        status: `Primary`, `Backup`, `Connected` or `Down`.
        lag: How many seconds it is behind. None: not known.
        fenced: The epoch by which it was fenced.
    """

    name: str
    place: str
    kind: str
    status: str
    lag: float | None = 0
    fenced: int = 0


class Mirror:
    """The members of a mirror set, two in each region, and what they do when they are told to.

    Attributes:
        refuses: Why the next promotions are refused, though everybody that is needed is reached.
    """

    def __init__(self, home: str, dr: str) -> None:
        self.members = {
            "TRAKA": Member("TRAKA", home, "Failover", "Primary"),
            "TRAKB": Member("TRAKB", home, "Failover", "Backup"),
            "TRAKC": Member("TRAKC", dr, "DR", "Connected"),
            "TRAKD": Member("TRAKD", dr, "DR", "Connected"),
        }
        self.lost: set[str] = set()
        self.refuses: list[str] = []

    def lose(self, region: str) -> None:
        """Loses every member of a region."""
        self.lost.add(region)
        for member in self.members.values():
            if member.place == region:
                member.status = "Down"

    @property
    def primaries(self) -> list[str]:
        """Who is primary."""
        return [name for name, member in self.members.items() if member.status == "Primary"]

    def run(self, name: str, command: str, arguments: str) -> tuple[int, dict[str, Any]]:
        """Does what a member is told to: exit code and answer."""
        member, words = self.members[name], arguments.split()
        given = dict(zip(words[::2], words[1::2], strict=True))
        answer: tuple[int, dict[str, Any]] = getattr(self, f"_{command.replace('-', '_')}")(member, given)
        return answer

    def _status(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        others = [each for each in self.members.values() if each.place != member.place]
        return 0, {
            "system_name": member.name,
            "running": member.status != "Down",
            "member_type": member.kind,
            "status": member.status,
            "is_primary": member.status == "Primary",
            "journal_lag_seconds": member.lag,
            "caught_up": member.lag == 0 and member.status != "Down",
            "agents": {each.name: each.place not in self.lost for each in others},
            "members": [
                {"name": each.name, "type": each.kind, "status": each.status, "journal_lag_seconds": each.lag}
                for each in self.members.values()
            ],
        }

    def _promote(self, member: Member, given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if member.status == "Down":
            return REFUSED, {"refused": "the instance is down: iris-region start"}
        if member.kind != "Failover":
            if self.refuses:
                return REFUSED, {"refused": self.refuses.pop(0)}
            if given["--partner"] == "none" and self.primaries:
                return REFUSED, {"refused": "a primary runs"}
            if given["--partner"] == "auto" and not self.primaries and not self._agent_elsewhere(member):
                lost = [each.name for each in self.members.values() if each.place in self.lost]
                return REFUSED, {"refused": "no partner can be reached", "unavailable": lost}
            for each in self.members.values():
                if each.status == "Backup":
                    each.kind, each.status = "DR", "Connected"
            member.kind, member.status = "Failover", "Backup" if self.primaries else "Primary"
        return 0, {"done": True, "member_type": "Failover", "status": member.status, "partner": None}

    def _agent_elsewhere(self, member: Member) -> bool:
        return any(each.place not in self.lost for each in self.members.values() if each.place != member.place)

    def _await_primary(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        return 0, {"done": member.status == "Primary"}

    def _demote(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if member.status == "Primary":
            return REFUSED, {"refused": "it is the primary"}
        member.kind, member.status = "DR", "Connected"
        return 0, {"done": True}

    def _demote_partner(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if member.status != "Primary":
            return REFUSED, {"refused": "it is not the primary"}
        for each in self.members.values():
            if each.kind == "Failover" and each is not member:
                each.kind = "DR"
                each.status = "Connected" if each.status == "Backup" else each.status
        return 0, {"done": True}

    def _stop(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        was, member.status = member.status, "Down"
        if was == "Primary":
            for each in self.members.values():
                if each.status == "Backup":
                    each.status = "Primary"
        return 0, {"done": True}

    def _start(self, member: Member, _given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if member.status == "Down":
            backup = member.kind == "DR" or any(each.status == "Backup" for each in self.members.values())
            member.kind = "DR" if backup else "Failover"
            member.status = "Connected" if backup else "Backup"
        return 0, {"done": True}

    def _fence(self, member: Member, given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        member.fenced, member.status = int(given["--epoch"]), "Down"
        return 0, {"done": True}
