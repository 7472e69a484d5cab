"""Each variation is defined once for all tests of this folder."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.policed import Policed


@pytest.fixture(scope="session")
def policed(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], Policed]":
    """A function from the name of a variation to what policy finds in it."""
    from tests.policy.policed import police

    known: dict[str, Policed] = {}

    def get(variation: str) -> "Policed":
        if variation not in known:
            known[variation] = police(variation, tmp_path_factory.mktemp("assembly"))
        return known[variation]

    return get
