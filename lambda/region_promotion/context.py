"""What a step has at hand: the records, the settings, the hosts of both regions, and its note."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import StepError
from .events import StepNoted
from .hosts import Answer, Commands, Host, Hosts
from .records import DR, PROMOTION
from .settings import ON_PREMISES

if TYPE_CHECKING:
    from .records import Move, Region
    from .settings import Settings
    from .state_table import StateTable


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a step has come.

    Args:
        done: Whether it is done.
        wait_seconds: How long to wait until it is run again.
        result: What it came to, or is waiting for.
    """

    done: bool
    wait_seconds: int = 0
    result: dict[str, Any] = field(default_factory=dict)


def done(**result: Any) -> Outcome:
    """The step is done."""
    return Outcome(done=True, result=result)


def wait(seconds: int, **result: Any) -> Outcome:
    """The step is to be run again."""
    return Outcome(done=False, wait_seconds=seconds, result=result)


class Context:
    """A run of a step.

    Args:
        settings: The function's settings.
        table: The table.
        region: Which region serves.
        move: The move.
        name: Name of the step.
    """

    def __init__(self, settings: Settings, table: StateTable, region: Region, move: Move, name: str) -> None:
        self.settings = settings
        self.table = table
        self.region = region
        self.move = move
        self.name = name
        record = move.step(name)
        self.started_at = record.started_at if record else table.clock()
        self.note: dict[str, Any] = json.loads(record.note) if record and record.note else {}
        self.commands = Commands(self.note, self.save)
        self.own = Hosts(settings, settings.region)
        #: The home region's, if it is in AWS. A promotion needs nothing of it.
        self.home = Hosts(settings, settings.old_region, required=move.plan.kind != PROMOTION) if settings.old_region else None

    @property
    def waited(self) -> float:
        """For how many seconds the step has been under way."""
        return self.table.clock() - self.started_at

    @property
    def target_is_dr(self) -> bool:
        """Whether the move leads to the DR region."""
        return self.move.plan.target == DR

    @property
    def target(self) -> Hosts | None:
        """The hosts of the region that is to serve; None if they are on premises."""
        return self.own if self.target_is_dr else self.home

    @property
    def former(self) -> Hosts | None:
        """The hosts of the region that serves before; None if they are on premises."""
        return self.home if self.target_is_dr else self.own

    def save(self, *, stops: bool = False) -> None:
        """Puts the note on record, so that a run after a crash knows it. A preflight has none: it only looks.

        Args:
            stops: Whether the primary is about to be stopped.
        """
        if self.name == "preflight":
            return
        self.table.change(StepNoted(self.move.id, self.name, json.dumps(self.note), stops=stops))

    def member_host(self) -> Host:
        """The instance of the member that is to become primary.

        Raises:
            StepError: It isn't there.
        """
        hosts = self.target
        member = self.move.to_undo if self.name == "undo" else self.move.plan.member
        letter = member_letter(self.settings, member)
        found = hosts.find() if hosts else {}
        if letter not in found:
            where = hosts.region if hosts else ON_PREMISES
            raise StepError(f"{member} has no instance in {where}: launch it as docs/how-to says, then resume")
        return found[letter]

    def ask_member_if_it_can(self, command: str) -> Answer | None:
        """Asks the member that is to become primary; what it fails with is in the answer. None while it hasn't answered."""
        assert self.target is not None
        return self.commands.ask(self.target, self.member_host().instance, command)

    def ask_member(self, command: str, arguments: str = "") -> Answer | None:
        """Asks the member that is to become primary; None while it hasn't answered.

        Raises:
            StepError: It failed.
        """
        assert self.target is not None
        answer = self.commands.ask(self.target, self.member_host().instance, command, arguments)
        if answer is not None and answer.error:
            raise StepError(f"{self.move.plan.member} failed to {command}: {answer.error}")
        return answer


def member_letter(settings: Settings, system_name: str) -> str:
    """Which member of its region a system name is: `a` or `b`.

    Args:
        settings: The function's settings.
        system_name: Its system name.
    """
    for letter, name in settings.system_names.items():
        if name == system_name:
            return letter
    names = sorted(settings.others)
    return "ab"[names.index(system_name)] if system_name in names[:2] else ""
