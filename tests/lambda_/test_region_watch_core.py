"""The latch comes to rest where the table says, in every order of runs, deaths and late writes; simplifications are caught."""

from dataclasses import replace

import pytest

from region_watch import core
from region_watch.core import Confirm, Shown, State, Want, Write
from tests.lambda_.region_watch_exploration import explore, mutated


@pytest.mark.parametrize("conditional", [False, True], ids=["takes any write", "an object with its epoch"])
def test_the_latch_comes_to_rest_where_the_table_says(conditional: bool) -> None:
    states, wrong = explore(conditional=conditional)
    assert wrong == []
    assert states > 5_000


def _end_after_writing(state: State) -> State:
    return replace(core.after_write(state), ended=True)


def _end_when_it_moved_on(state: State, is_current: bool) -> State:
    return (
        replace(core.after_confirm(state, True), confirmed=state.confirmed)
        if not is_current
        else core.after_confirm(state, True)
    )


def _believe_the_carrier(state: State, shown: Shown) -> State:
    """Ends when the carrier shows what is wanted, though it has just written that."""
    assert state.want is not None
    after = core.after_look(state, shown)
    return replace(after, ended=True) if shown.held_by_dr == state.want.held_by_dr else after


@pytest.mark.parametrize(
    "steps",
    [
        mutated(after_write=_end_after_writing),
        mutated(after_confirm=_end_when_it_moved_on),
        mutated(after_look=_believe_the_carrier),
    ],
    ids=["ends with a write", "ends when the table moved on", "ends with a look"],
)
def test_simplifications_are_caught(steps: object) -> None:
    assert explore(steps, conditional=False)[1] != []


def test_a_run_that_does_not_heed_a_newer_epoch_is_caught() -> None:
    def heedless(state: State, shown: Shown) -> State:
        return core.after_look(state, replace(shown, epoch=state.want.epoch if state.want and shown.epoch else None))

    assert "an old run took away what a newer one had put there" in explore(mutated(after_look=heedless), conditional=True)[1]


@pytest.mark.parametrize("held", [True, False])
def test_a_carrier_that_cannot_be_seen_is_written(held: bool) -> None:
    want = Want(3, held)
    state = core.after_look(core.after_read(want, want), Shown(None))
    assert core.next_step(state) == Write(want)


def test_who_finds_everything_as_it_was_confirmed_writes_nothing() -> None:
    want = Want(3, True)
    state = core.after_look(core.after_read(want, want), Shown(True, 3))
    assert core.next_step(state) is None


def test_what_was_never_confirmed_is_confirmed() -> None:
    want = Want(0, False)
    state = core.after_look(core.after_read(want, None), Shown(False))
    assert core.next_step(state) == Confirm(want)
