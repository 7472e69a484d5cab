"""What the exploration takes for granted: of an older confirmed claim the core uses nothing but that it isn't the newest."""

from itertools import product

from mirror_router.core import Claim, State, after_confirm, after_look, after_point, next_step

from .router_world import OLDER, forgetting

_CLAIM, _NEWER = Claim(3, "a", "i-3"), Claim(4, "b", "i-4")
_STATES = [
    State(claim=_CLAIM, wrong=wrong, wrote=wrote, ended=ended)
    for wrong, wrote, ended in product([None, (), ("0",), ("0", "1")], [False, True], [False, True])
]


def _results(state: State) -> list[object]:
    looked = [after_look(state, wrong) for wrong in [(), ("0",), ("1",), ("0", "1")]]
    confirmed = [after_confirm(state, newer) for newer in (None, _NEWER)]
    return [next_step(state), *(forgetting(each) for each in [*looked, after_point(state), *confirmed])]


def test_which_older_claim_was_confirmed_makes_no_difference() -> None:
    for state in _STATES:
        expected = _results(State(**{**_fields(state), "routed": OLDER}))
        for routed in (Claim(1, "a", "i-1"), Claim(2, "b", "i-2"), Claim(2, "a", "i-3")):
            assert _results(State(**{**_fields(state), "routed": routed})) == expected


def _fields(state: State) -> dict[str, object]:
    return {name: getattr(state, name) for name in ("claim", "routed", "wrong", "wrote", "ended")}
