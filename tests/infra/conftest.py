"""Each combination of strategies is synthesized once for all tests of this folder."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.failover_app import STRATEGIES, failover_templates
from tests.infra.mirror_app import Templates


@pytest.fixture(scope="session")
def made() -> Mapping[str, Templates]:
    """The templates of a mirror set for each combination of strategies, by stack."""
    return {strategies: failover_templates(strategies) for strategies in STRATEGIES}


@pytest.fixture(scope="session")
def trak(made: Mapping[str, Templates]) -> Any:
    """The mirror set's stack of a mirror with a VIP and listeners that are moved."""
    return made["listener+route_vip"]["trak"]
