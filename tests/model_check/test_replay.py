"""I4: in a world at rest, any prefix of what has happened may happen again, to several runs at once, and nothing changes."""

from collections.abc import Iterator

import pytest

from .exploration import Move, explore
from .router_world import RouterWorld, State


class Replay(RouterWorld):
    """A world at rest in which the first messages are delivered again, in any order, as often as it happens."""

    def __init__(self, rest: State, prefix: int) -> None:
        super().__init__(2, epochs=rest.seen.claim, places=len(rest.seen.places), flights=0, messages=prefix)
        self.rest, self.prefix = rest, prefix

    def initial(self) -> State:
        return self.rest._replace(queue=tuple(range(1, self.prefix + 1)))

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        return (step for step in super().moves(state) if step[0][0] != "is refused the write of")

    def broken_by(self, before: State, move: Move, after: State) -> str:
        if after.seen != before.seen or move[0] in ("points", "confirms", "can't confirm"):
            return f"I4: a replay of {self.prefix} messages writes: {move}"
        return ""


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_replaying_any_prefix_changes_nothing(epochs: int) -> None:
    found = explore(RouterWorld(1, epochs=epochs))
    worlds = {state.seen for state in found.at_rest if state.seen.claim == epochs}
    assert worlds
    for state in found.at_rest:
        for prefix in range(1, state.seen.claim + 1):
            replayed = explore(Replay(state, prefix))
            assert not replayed.broken, str(replayed)
            assert {"delivered", "delivered to another as well", "dies", "tick", "deletes its message"} <= replayed.happened
