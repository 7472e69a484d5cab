"""The call-out tries again, after random waits, until the router has confirmed; and it asks version 2 of the instance metadata.

On a clock that only its own waits move.
"""

import random
from typing import TYPE_CHECKING, Any

import pytest

from cdk_intersystems.bootstrap.call_out import call_out as module
from cdk_intersystems.bootstrap.call_out import requests
from cdk_intersystems.bootstrap.call_out.call_out import CallOut
from cdk_intersystems.bootstrap.call_out.core import Claim
from cdk_intersystems.bootstrap.call_out.epochs import Reading
from cdk_intersystems.bootstrap.call_out.requests import Aws, FailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ME = Claim(0, "a", "i-0a")


class World:
    """Table, queue and router that fail as often as a test wants, and the clock.

    Attributes:
        now: The time, in seconds.
        waits: How long was waited, each time.
        told: When the router was told.
        lines: What was said.
        primary: Whether the member is.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, failures: dict[str, int], confirms_after: float = 0.0) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.told: list[float] = []
        self.lines: list[str] = []
        self.primary = True
        self.claim: Claim | None = Claim(5, "b", "i-0b")
        self._left = dict(failures)
        self._confirms_after = confirms_after
        self.why = "it is primary"
        monkeypatch.setattr(module, "seconds", lambda: self.now)
        self.call_out = CallOut(self, self, ME, self, how="takeover", pause=self._pause)  # type: ignore[arg-type]

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def _may_fail(self, what: str) -> None:
        # Each call takes its time: what fails at once would be asked for ever without it.
        self.now += 0.01
        if self._left.get(what, 0):
            self._left[what] -= 1
            raise FailedError(f"{what} by the test")

    # The table and the queue

    def read(self) -> Reading:
        self._may_fail("read")
        return Reading(self.claim, True, "")

    def routed(self) -> int:
        self._may_fail("routed")
        return 6 if self.told and self.now - self.told[0] >= self._confirms_after else 5

    def take(self, claim: Claim, _before: Reading, _how: str) -> str:
        self._may_fail("take")
        self.claim = claim
        return "2026-01-31T10:00:00.123Z"

    def tell(self, _claim: Claim, _taken_at: str, attempt: int) -> None:
        self._may_fail("tell")
        assert attempt == len(self.told)
        self.told.append(self.now)

    # Whether it may

    def ask(self, _newest: int) -> bool:
        return self.primary

    def gave_up(self) -> bool:
        return not self.primary

    # What is said

    def say(self, line: str) -> None:
        self.lines.append(line)

    problem = say

    def solved(self) -> None:
        """Says nothing."""


@pytest.mark.parametrize("what", ["read", "take", "tell", "routed"])
def test_it_goes_on_until_it_holds_an_epoch_and_the_router_has_confirmed(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    world = World(monkeypatch, failures={what: 200}, confirms_after=1.0)
    assert world.call_out.follow() == "routed"
    assert world.claim == ME._replace(epoch=6)
    assert world.lines.count(f"{what} by the test") + world.lines.count(f"epoch 6: {what} by the test") == 200
    assert world.lines[-1] == "epoch 6: routed, the router has confirmed"


def test_it_ends_when_the_member_is_no_longer_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, failures={"tell": 10**6})
    pause = world._pause

    def another_takes_over(seconds: float) -> None:
        pause(seconds)
        world.primary = world.now < 60

    world.call_out._pause = another_takes_over  # type: ignore[method-assign]
    assert world.call_out.follow() == "not primary"
    assert (world.told, 60 <= world.now < 60 + 10) == ([], True)


def test_the_router_is_told_again_when_it_does_not_confirm_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, failures={}, confirms_after=300)
    assert world.call_out.follow() == "routed"
    between = [later - before for before, later in zip(world.told, world.told[1:], strict=False)]
    assert len(between) >= 5
    # It looks each 3 s at last.
    for each, bound in zip(between, [10, 20, 40, *(60 for _ in between[3:])], strict=True):
        assert bound <= each < bound + 4


def test_waits_are_random_between_nothing_and_a_bound_that_doubles_up_to_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        bounds.append((low, high))
        return high / 2

    monkeypatch.setattr(random, "uniform", draw)
    world = World(monkeypatch, failures={"read": 9})
    world.call_out.claim()
    assert bounds == [(0, pytest.approx(high)) for high in (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0)]
    # What was drawn is what was waited.
    assert world.waits[:9] == [pytest.approx(high / 2) for _, high in bounds]


def test_many_failures_are_no_overflow_and_two_members_do_not_wait_the_same() -> None:
    drawn = {requests.wait_after(failures) for failures in (1, 5, 50, 10**6) for _ in range(50)}
    assert all(0 <= wait <= 5 for wait in drawn)
    assert len(drawn) > 150


class Service:
    """The instance metadata, of version 2 alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
        self.tokens: Iterator[str] = iter(("first", "second", "third"))
        self.good = ""
        self.asked: list[tuple[str, str, str]] = []
        monkeypatch.setattr(aws, "_send", self._answer)

    def _answer(self, _what: str, method: str, url: str, headers: dict[str, str], _body: Any = None) -> Any:
        given = headers.get("X-aws-ec2-metadata-token", "")
        self.asked.append((method, url.removeprefix("http://169.254.169.254/latest/"), given))
        if method == "PUT":
            assert 1 <= int(headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            self.good = next(self.tokens)
            return 200, {}, self.good.encode()
        return (200, {}, b"i-0a") if given == self.good else (401, {}, b"")


@pytest.fixture
def aws() -> Aws:
    told: Callable[..., None] = lambda *_: None  # noqa: E731
    return Aws(type("Awake", (), {"look": told})(), type("Teller", (), {"say": told})())


def test_each_question_to_the_instance_metadata_has_the_token_of_a_session(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    service = Service(monkeypatch, aws)
    assert [aws._metadata("meta-data/instance-id") for _ in range(2)] == [b"i-0a", b"i-0a"]
    assert service.asked == [
        ("PUT", "api/token", ""),
        ("GET", "meta-data/instance-id", "first"),
        ("GET", "meta-data/instance-id", "first"),
    ]


def test_a_session_that_has_ended_is_followed_by_another(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    service = Service(monkeypatch, aws)
    aws._metadata("meta-data/instance-id")
    service.good = "ended"
    assert aws._metadata("meta-data/instance-id") == b"i-0a"
    assert [given for method, _, given in service.asked if method == "GET"] == ["first", "first", "second"]
