"""`cdk-intersystems readiness --now` takes the report that it has asked for, and no older one."""

from typing import Any

import pytest

from cdk_intersystems.command import region_api
from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.region_api import RegionApi

REQUESTED = "2026-01-31T12:00:00.670Z"


class Asked(RegionApi):
    """An API whose report says when it was made."""

    def __init__(self, at: str) -> None:
        self._at, self._sleep = at, lambda seconds: None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"requested_at": REQUESTED} if method == "POST" else {"at": self._at}


# A warm function begins within the second of its request; a report in whole seconds, of an older version, is "before" that.
@pytest.mark.parametrize("at", ["2026-01-31T12:00:00.674Z", "2026-01-31T12:00:00Z", "2026-01-31T12:00:03.100Z"])
def test_a_report_of_the_second_in_which_it_was_asked_for_is_new(at: str) -> None:
    assert Asked(at).readiness(now=True) == {"at": at}


def test_an_older_report_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_api, "_LOOKS", 3)
    with pytest.raises(CommandError, match="no new report"):
        Asked("2026-01-31T11:59:59.600Z").readiness(now=True)
