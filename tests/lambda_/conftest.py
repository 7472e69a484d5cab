"""A world for the router."""

from collections.abc import Iterator

import pytest

from tests.lambda_.router_world import World, router_world


@pytest.fixture
def world() -> Iterator[World]:
    with router_world() as made:
        yield made
