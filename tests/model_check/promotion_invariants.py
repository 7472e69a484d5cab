"""What must hold in the world of moves: I1, I3, I5 to I8, I10 and I12."""

# Each invariant that doesn't hold is a return, in the order in which they are looked at.
# ruff: noqa: PLR0911

from region_promotion.events import Writes
from region_promotion.records import (
    APPROVED,
    CANCELLED,
    CHECKED,
    COMMITTED,
    COMPLETED,
    DR,
    FAILBACK,
    GIVEN_UP,
    PROMOTION,
    REQUESTED,
    Region,
)
from region_promotion.records import Move as Record

from .exploration import Move
from .promotion_records import HOME, NOW, forged, request
from .promotion_state import State, other_region
from .promotion_table import PromotionTable


class PromotionInvariants:
    """The invariants.

    Args:
        table: The records by their numbers.
    """

    def __init__(self, table: PromotionTable) -> None:
        self._table = table
        self._forged: dict[int, str] = {}

    def _records_of(self, state: State) -> tuple[Region, Record | None]:
        return self._table[state.records]

    def at_rest(self, state: State) -> bool:
        """Whether nothing is under way."""
        _, move = self._records_of(state)
        over = move is None or move.state == COMPLETED or (move.state in GIVEN_UP and not move.needs_undo)
        return over and not state.flights and not state.pending

    def broken_at(self, state: State) -> str:
        """What doesn't hold in a state; empty if all does."""
        region, move = self._records_of(state)
        if state.outside.harm:
            return state.outside.harm
        if move is not None and move.state == CANCELLED and move.left and state.outside.primaries == {move.plan.target}:
            return "" if state.outside.lost else f"I12: move {move.id} was taken back, and its primary had stopped"
        if region.serving not in (HOME, DR) or region.latch_epoch not in (region.epoch, region.epoch - 1):
            return f"I5: no region has the traffic: {region}"
        latched = _holder(region)
        moving = move is not None and move.state == COMMITTED
        # A fail-back was left when its primary had been told to stop; until a promotion is done nobody need have one.
        left = not moving and region.serving == HOME and region.latch_epoch == region.epoch - 1
        if latched not in state.outside.primaries and not (state.outside.lost and latched == HOME) and not left:
            if not moving:
                return f"I6: {latched} has the traffic and no primary"
            if move is not None and move.is_done("latch"):
                return f"I6: {latched} was given the traffic and has no primary"
        if not moving and region.latch_epoch != region.epoch and not left:
            return "I6: no move is under way, and the latch has not followed"
        if (left or (state.outside.lost and latched == HOME)) and self.at_rest(state):
            # Members in DR are all there may be: a person has to be able to have them promoted.
            made = self._table.core.apply(request(99, PROMOTION), region, move, NOW)
            return "" if isinstance(made, Writes) else f"I12: a promotion is needed, and is refused: {made.message}"
        if state.outside.prepared and self.at_rest(state):
            return f"I6: at rest, a failover member of {state.outside.prepared} could take over by itself"
        if state.records not in self._forged:
            self._forged[state.records] = self._forgery(state)
        return self._forged[state.records]

    def _forgery(self, state: State) -> str:
        region, move = self._records_of(state)
        if move is None:
            return ""
        for what, event in forged(region, move):
            if self._table.apply(state.records, event) is not None:
                invariant = "I7" if what == "moved to where it is" else "I8"
                return f"{invariant}: {what}, and it was taken: move {move.id} was {move.state}"
        return ""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        """What doesn't hold from one state to the next; empty if all does."""
        if move[0] in ("begins", "another begins") and move[1] == "promote":
            record = self._records_of(before)[1]
            if record is None or not record.is_done("fence"):
                return "I1: DR is promoted before the old region was fenced, or was found out of reach"
        if before.records == after.records:
            return ""
        (region, old), (newer, new) = self._records_of(before), self._records_of(after)
        if wrong := _region_broken(region, old, newer, new):
            return wrong
        holder = _holder(newer)
        if holder != _holder(region) and holder not in after.outside.primaries and not (after.outside.lost and holder == HOME):
            return f"I6: {holder} is given the traffic and has no primary"
        if old is None or new is None:
            return "" if new is None or new.state == REQUESTED else f"I8: a move begins as {new.state}"
        if old.id != new.id:
            forgotten = old.state == COMMITTED and not _in_place(old, new)
            return f"I12: move {old.id} was {old.state}, and is forgotten" if forgotten or new.state != REQUESTED else ""
        if old.state != new.state:
            return _turn_broken(old, new, move)
        if old.approver != new.approver or (old.approver and old.plan_hash != new.plan_hash):
            return "I8: what was approved, or by whom, has changed"
        if new.state in (REQUESTED, CHECKED) and new.steps:
            return "I8: something was begun before the approval"
        return ""


def _holder(region: Region) -> str:
    """Which region has the traffic."""
    return region.serving if region.latch_epoch == region.epoch else other_region(region.serving)


def _in_place(old: Record, new: Record) -> bool:
    """Whether a move may take a committed one's place: a promotion that accepts loss, when the DR region need not serve."""
    stopped = old.plan.kind == FAILBACK and (old.stopping or old.is_done("hand_over"))
    return stopped and new.plan.kind == PROMOTION and new.plan.accept_data_loss


def _region_broken(region: Region, old: Record | None, newer: Region, new: Record | None) -> str:
    if newer == region:
        return ""
    if newer.epoch == region.epoch and newer.serving == region.serving:
        given = new is not None and new.state == COMMITTED and newer.latch_epoch == newer.epoch == new.epoch
        return "" if given else "I6: the latch is turned by what is no committed move"
    if old is not None and new is not None and (old.state, new.state) == (COMMITTED, CANCELLED):
        # Taken back before its primary was being stopped: who served goes on to, with the traffic that it never lost.
        kept = region.latch_epoch == old.epoch - 1 and newer.serving == old.left == other_region(region.serving)
        return "" if kept and newer.epoch == newer.latch_epoch == region.epoch + 1 else f"I7: taken back as {newer}"
    # The traffic stays where it is: of a promotion after a fail-back that was left, that is where it is to be.
    if newer.epoch != region.epoch + 1 or newer.serving == region.serving or _holder(newer) != _holder(region):
        return f"I7: epoch {region.epoch} of {region.serving} became epoch {newer.epoch} of {newer.serving}"
    if old is None or new is None or old.id != new.id or old.state != APPROVED or new.state != COMMITTED:
        return "I8: the epoch was raised by what is no approved move"
    if old.approver is None or old.approver.is_same_person(old.requester):
        return "I8: the epoch was raised by a move that another person has not approved"
    if old.commit_before is None or old.commit_before <= NOW:
        return "I8: the epoch was raised when the approval was void"
    if newer.serving == HOME and new.plan.kind != FAILBACK:
        return "I7: the old region serves again, and not by a fail-back"
    return ""


def _turn_broken(old: Record, new: Record, move: Move) -> str:
    allowed = {
        REQUESTED: (CHECKED, *GIVEN_UP),
        CHECKED: (APPROVED, *GIVEN_UP),
        APPROVED: (COMMITTED, *GIVEN_UP),
        COMMITTED: (COMPLETED,),
    }
    taken_back = (old.state, new.state) == (COMMITTED, CANCELLED) and old.plan.kind != PROMOTION and not old.stopping
    if new.state not in allowed.get(old.state, ()) and not taken_back:
        return f"I8: move {old.id} was {old.state} and is {new.state}"
    if new.state == APPROVED and ("approves" not in move or old.expires_at <= NOW):
        return "I8: it was approved by nobody, or too late"
    if new.state == COMMITTED and new.plan.kind != PROMOTION and not old.is_done("prepare"):
        return f"I12: move {old.id} is committed, and its target can't take over"
    if new.state == COMPLETED:
        undone = [name for name in ("await_primary", "latch") if not new.is_done(name)]
        return f"I12: it is completed without {' and '.join(undone)}" if undone else ""
    return ""
