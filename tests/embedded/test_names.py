"""The stand-in of Route 53 answers as Route 53's guide says."""

from collections.abc import Mapping
from typing import Any

import pytest

from .names import chosen

PAIR: Mapping[str, dict[str, Any]] = {
    which: {"Name": "x", "Failover": which, "HealthCheckId": which.lower()} for which in ("PRIMARY", "SECONDARY")
}


# "How Route 53 chooses records": with both unhealthy it answers as if the primary record were healthy.
@pytest.mark.parametrize(
    ("primary", "secondary", "answer"),
    [(True, True, "PRIMARY"), (True, False, "PRIMARY"), (False, True, "SECONDARY"), (False, False, "PRIMARY")],
)
def test_the_secondary_answers_only_if_it_alone_is_healthy(primary: bool, secondary: bool, answer: str) -> None:
    assert chosen(PAIR, {"primary": primary, "secondary": secondary})["Failover"] == answer
