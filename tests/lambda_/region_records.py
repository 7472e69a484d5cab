"""The two records of a move between regions, as the table keeps them, for tests of the core that decides on them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from region_promotion import events as ev
from region_promotion.core import apply, next_step
from region_promotion.records import Move, Plan, Principal, Region

if TYPE_CHECKING:
    from collections.abc import Callable

ANNE = Principal("arn:aws:sts::1:assumed-role/Operators/anne", "1/Operators", "anne")
BOB = Principal("arn:aws:sts::1:assumed-role/Leads/bob", "1/Leads", "bob")
EVE = Principal("arn:aws:sts::1:assumed-role/Others/eve", "1/Others", "eve")
REQUESTERS, APPROVERS = ("1/Operators", "1/Leads"), ("1/Leads",)
STATES = ("requested", "checked", "approved", "committed", "completed")
TARGET = {"promotion": "dr", "switchover": "dr", "failback": "primary"}


class Records:
    """The two records, and the copies, as the table keeps them."""

    def __init__(self, kind: str = "promotion") -> None:
        self.kind = kind
        self.region = Region("dr", epoch=3, latch_epoch=3) if kind == "failback" else Region("primary")
        self.move: Move | None = None
        self.archive: dict[str, Move] = {}
        self.now = 1000.0

    def apply(self, event: ev.Event) -> ev.Writes | ev.Refused:
        """What the core makes of an event, written."""
        answer = apply(event, self.region, self.move, self.now)
        if isinstance(answer, ev.Writes):
            assert answer.region is None or answer.region.version == self.region.version + 1
            assert answer.move is None or answer.move.version == (self.move.version + 1 if self.move else 1)
            self.region, self.move = answer.region or self.region, answer.move or self.move
            if answer.archive:
                self.archive[answer.archive.id] = answer.archive
        return answer

    def does(self, event: ev.Event) -> None:
        """An event that changes something."""
        answer = self.apply(event)
        assert isinstance(answer, ev.Writes), answer
        assert answer != ev.Writes(), "nothing was written"

    def nothing(self, event: ev.Event) -> None:
        """An event that is taken, and changes nothing."""
        assert self.apply(event) == ev.Writes()

    def refuses(self, event: ev.Event) -> str:
        """An event that is refused; the refusal's code."""
        before = (self.region, self.move)
        answer = self.apply(event)
        assert isinstance(answer, ev.Refused), answer
        assert (self.region, self.move) == before
        assert answer.message
        return answer.code

    def ready(self) -> tuple[str, ...]:
        """The steps that may be done now."""
        return next_step(self.region, self.move, self.now).names

    # What happens in a move that goes well.

    def request(self, id: str = "m1", *, loss: bool = False, requester: Principal = ANNE) -> ev.Request:
        plan = Plan(self.kind, "TRAK", TARGET[self.kind], accept_data_loss=loss)
        return ev.Request(id, plan, requester, REQUESTERS, 1800.0)

    def checked(self, partner: str = "auto", *problems: str) -> ev.Checked:
        assert self.move
        return ev.Checked(self.move.id, replace(self.move.plan, member="TRAKC", partner=partner, lag_seconds=2.0), problems)

    def approve(self, approver: Principal = BOB, **other: Any) -> ev.Approve:
        assert self.move
        given = {"id": self.move.id, "plan_hash": self.move.plan_hash, "epoch": self.move.epoch, **other}
        return ev.Approve(**given, approver=approver, allowed=APPROVERS)

    def step(self, name: str) -> None:
        """A step that is begun and done."""
        assert self.move
        self.does(ev.StepStarted(self.move.id, name))
        if name == "latch":
            self.does(ev.Latch(self.move.id))
        self.does(ev.StepDone(self.move.id, name, f'"{name}"'))

    def until(self, what: str) -> Self:
        """Goes on until a step is ready, or the move is in a state."""
        if self.move is None:
            self.does(self.request())
        assert self.move
        for _ in range(30):
            ready = self.ready()
            if what in ready or what == self.move.state:
                return self
            name = ready[0]
            event: dict[str, Callable[[], ev.Event]] = {
                "preflight": self.checked,
                "approval": self.approve,
                "commit": lambda: ev.Commit(self.move.id),  # type: ignore[union-attr]
                "report": lambda: ev.Complete(self.move.id, "{}"),  # type: ignore[union-attr]
            }
            if name in event:
                self.does(event[name]())
            else:
                self.step(name)
        raise AssertionError(f"never {what}: {self.move}")
