"""Each condition of the promotion's core that is taken out is caught, with a shortest trace."""

from dataclasses import replace
from typing import Any

import pytest

from region_promotion.records import DR, FAILBACK, PROMOTION, SWITCHOVER

from .exploration import Exploration, explore, never_at_rest
from .promotion_core import PRODUCTION, PromotionCore, without
from .promotion_world import PromotionWorld

_Sizes = dict[str, Any]
_ONE: _Sizes = {"kinds": (PROMOTION,), "faults": 0}
_PLANNED: _Sizes = {"kinds": (SWITCHOVER,), "faults": 0}
_TWO: _Sizes = {"moves": 2, "faults": 0}
_BACK: _Sizes = {"kinds": (FAILBACK,), "moves": 1, "faults": 0, "losses": True, "first": DR}

MUTATIONS: dict[str, tuple[PromotionCore, _Sizes, str]] = {
    "records are written though they have changed": (
        replace(PRODUCTION, conditional=False), {**_ONE, "faults": 1, "late": True}, "I",
    ),
    "an approval comes too late": (without(("if now >= move.expires_at:", "if False:")), _ONE, "I8"),
    "an approval holds for ever": (
        without(
            ("return move.commit_before is None or now >= move.commit_before", "return False"),
        ), _ONE, "I8",
    ),
    "who asked approves": (without(("if event.approver.is_same_person(move.requester):", "if False:")), _ONE, "I8"),
    "anybody approves": (without(("if event.approver.role not in event.allowed:", "if False:")), _ONE, "I8"),
    "anybody asks": (without(("if event.requester.role not in event.allowed:", "if False:")), _ONE, "I8"),
    "another plan is approved": (without(("if event.plan_hash != move.plan_hash:", "if False:")), _ONE, "I8"),
    "another epoch is approved": (
        without(("if event.epoch != move.epoch or move.epoch != region.epoch + 1:", "if False:")), _ONE, "I8",
    ),
    "it is committed without approval": (
        without(
            ('if move.state != APPROVED or move.approver is None or', "if"),
            ('if "commit" not in next_step(region, move, now).names:', "if False:"),
            ('return Step(("approval",), move.expires_at)', 'return Step(("commit",))'),
        ), _ONE, "I8",
    ),
    "the epoch isn't raised": (without(("        epoch=move.epoch,\n        serving", "        serving")), _ONE, "I7"),
    "a committed promotion is taken back": (
        without(
            (" or move.plan.kind == PROMOTION or move.is_handed_over:", ":"),
        ),
        _ONE, "I",
    ),
    "a planned move is taken back while its primary stops": (
        without(("or move.plan.kind == PROMOTION or move.is_handed_over:", "or move.plan.kind == PROMOTION:")), _PLANNED, "I",
    ),
    "what is taken back takes no newer epoch": (
        without(
            ("        epoch=move.epoch + 1,\n", "        epoch=move.epoch,\n"),
            ("latch_epoch=move.epoch + 1", "latch_epoch=move.epoch"),
        ), _PLANNED, "I7",
    ),
    "what is taken back is latched one epoch late": (
        without(("        latch_epoch=move.epoch + 1,", "        latch_epoch=move.epoch,")), _PLANNED, "I",
    ),
    "another move is asked for meanwhile": (
        without(("if move.state in UNDER_WAY and not _is_over(move, now):", "if False:")), _TWO, "I",
    ),
    "a move leads to where it is": (without(("if plan.target == region.serving:", "if False:")), _ONE, "I7"),
    "the old region is not fenced first": (without(('"resize": ("fence",),', '"resize": (),')), _ONE, "I1"),
    "the latch does not wait for the primary": (
        without(('"latch": ("await_primary", "raise_tiers"),', '"latch": ("fence",),')), _ONE, "I6",
    ),
    "the latch is turned at any time": (
        without(('if "latch" not in next_step(region, move, now).names:', "if False:"),
                ('"latch": ("await_primary", "raise_tiers"),', '"latch": ("fence",),')), _ONE, "I6",
    ),
    "the next move does not wait": (
        without(("not_before = _last_act(archive or move) + SETTLE_SECONDS", "not_before = 0.0")), _TWO, "I3",
    ),
    "what was prepared is not undone": (
        without(("    if not move.needs_undo:\n        return Step()", "    if True:\n        return Step()")), _PLANNED, "I12",
    ),
    "a step that stops an instance is run twice at once": (
        without(("elif name in _ALONE and record.tried_at is not None", "elif False and record.tried_at is not None")),
        {**_ONE, "faults": 1}, "I10",
    ),
    "what undid a move may still be at work": (
        without(("(undone.done_at if undone else None) or 0.0", "0.0"),
                ('_ALONE: Final = ("resize", "prepare", "undo", "lower")', '_ALONE: Final = ("resize", "prepare", "lower")')),
        {"moves": 2, "faults": 1, "kinds": (SWITCHOVER,)}, "I3",
    ),
    "a promotion does not wait for what undoes the move before": (
        without(("            not_before = now + SETTLE_SECONDS\n", "            pass\n")), _TWO, "I3",
    ),
    "a promotion forgets what the move before had prepared": (
        without(("prepared = (archive or move).to_undo if (archive or move).needs_undo else \"\"", "pass")), _TWO, "I6",
    ),
    "it is completed early": (
        without(
                ('return Step(_ready(move, _AFTER[move.plan.kind]))',
                 'return Step((*_ready(move, _AFTER[move.plan.kind]), "report"))'),
            ('names != ("report",)', 'names[-1:] != ("report",)'),
        ), _ONE, "I12",
    ),
    "a fail-back gives way to nothing": (without(("if not _gives_way(move, plan):", "if True:")), _BACK, "I12"),
    "a fail-back gives way while the DR region serves": (
        without(("move.plan.kind == FAILBACK and move.is_handed_over\n", "move.plan.kind == FAILBACK\n")), _BACK, "I12",
    ),
    "nor needs the loss to be accepted": (
        without(("plan.kind == PROMOTION and plan.accept_data_loss", "plan.kind == PROMOTION")),
        {**_BACK, "kinds": (PROMOTION, FAILBACK), "moves": 2}, "I12",
    ),
    "what gives way is waited for by nobody": (
        without(('archive = _ended(move, ABANDONED, now, f"promotion {event.id} was asked for in its place")',
                 'archive = None'),
                ("not_before = _last_act(archive or move) + SETTLE_SECONDS", "not_before = _last_act(archive or move)")),
        {**_BACK, "faults": 1}, "I3",
    ),
    "after what gave way the latch has an epoch of its own": (
        without(("latch_epoch=move.epoch if stays else region.latch_epoch", "latch_epoch=region.latch_epoch")), _BACK, "I",
    ),
    "after what gave way nothing can be asked for": (
        without((" and not _stays(plan, region):", ":")),
        _BACK, "I12",
    ),
    "a planned move is committed before it is prepared": (
        without(('return Step(_ready(move, before) or ("commit",))', 'return Step(("commit",))')), _PLANNED, "I12",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str) -> None:
    mutated, size, invariant = MUTATIONS[name]
    world = PromotionWorld(mutated, **size)
    found = explore(world)
    broken = found.broken or _stuck(world, found)
    print(f"{name}: {found if found.broken else broken}")
    assert broken.startswith(invariant), f"{name} goes unnoticed: {found}"


def _stuck(world: PromotionWorld, found: Exploration) -> str:
    stuck = never_at_rest(world, found)
    return f"I12: {stuck}" if stuck else ""


@pytest.mark.parametrize("size", [_ONE, _PLANNED, _TWO, _BACK], ids=["promotion", "planned", "two", "back"])
def test_the_unchanged_core_is_not(size: _Sizes) -> None:
    world = PromotionWorld(**size)
    found = explore(world)
    assert not found.broken, str(found)
    assert not _stuck(world, found)
