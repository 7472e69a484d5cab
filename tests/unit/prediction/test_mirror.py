"""Table 3-1 of the High Availability Guide row by row, and the times that section 3.3.5 and the QoS timeout give it."""

from collections.abc import Callable

import pytest

from cdk_intersystems.prediction import constants
from tests.unit.prediction.mirrors import Lab

Strike = Callable[[Lab], None]
SEEDS = range(25)
A_B, A_ARBITER, B_ARBITER = ("a", "b"), ("a", "arbiter"), ("b", "arbiter")


def _after(strike: Strike, seed: int, seconds: float = 100.0) -> Lab:
    lab = Lab(seed)
    strike(lab)
    lab.clock.run_for(seconds)
    return lab


ROWS: list[tuple[str, Strike, str | None, str]] = [
    ("backup loses arbiter", lambda lab: lab.network.cut(B_ARBITER), "a", "agent"),
    ("primary loses arbiter", lambda lab: lab.network.cut(A_ARBITER), "a", "agent"),
    ("members lose each other", lambda lab: lab.network.cut(A_B), "a", "agent"),
    ("arbiter lost", lambda lab: lab.network.lose("arbiter"), "a", "agent"),
    ("backup isolated", lambda lab: lab.network.cut(A_B, B_ARBITER), "a", "agent"),
    ("backup lost", lambda lab: lab.network.lose("b"), "a", "agent"),
    ("primary isolated", lambda lab: lab.network.cut(A_B, A_ARBITER), "b", "agent"),
    ("primary lost", lambda lab: lab.network.lose("a"), "b", "agent"),
    ("primary frozen", lambda lab: lab.network.freeze("a"), "b", "agent"),
    ("all three links", lambda lab: lab.network.cut(A_B, A_ARBITER, B_ARBITER), None, "arbiter"),
    ("backup and arbiter at once", lambda lab: lab.network.lose("b", "arbiter"), None, "arbiter"),
    ("primary and arbiter at once", lambda lab: lab.network.lose("a", "arbiter"), None, "arbiter"),
]


@pytest.mark.parametrize(("strike", "primary", "mode"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_row_of_the_table(strike: Strike, primary: str | None, mode: str) -> None:
    for seed in SEEDS:
        lab = _after(strike, seed)
        assert (lab.mirror.primary, lab.mirror.mode) == (primary, mode), seed


def test_a_primary_cut_off_from_both_is_in_trouble_for_ever() -> None:
    for seed in SEEDS:
        lab = _after(lambda lab: lab.network.cut(A_B, A_ARBITER), seed, 3600)
        assert lab.mirror.roles == {"a": "trouble", "b": "primary"}


def test_silence_is_noticed_between_half_of_the_qos_timeout_and_all_of_it() -> None:
    times = [_after(lambda lab: lab.network.lose("a"), seed).when("takes over") for seed in range(200)]
    # The backup needs the arbiter's word as well: the later of the two.
    assert min(times) >= constants.QOS_TIMEOUT / 2
    assert max(times) <= constants.QOS_TIMEOUT
    assert max(times) > constants.QOS_TIMEOUT * 0.95


def test_an_instance_that_dies_on_a_living_host_is_noticed_at_once() -> None:
    assert max(_after(lambda lab: lab.mirror.kill("a"), seed).when("takes over") for seed in SEEDS) <= 0.2


def test_in_agent_mode_a_backup_takes_over_only_if_the_agent_confirms() -> None:
    def without_arbiter(lab: Lab) -> None:
        lab.network.lose("arbiter")
        lab.clock.run_for(30)

    for seed in SEEDS:
        lab = Lab(seed)
        without_arbiter(lab)
        lab.network.lose("a")
        lab.clock.run_for(100)
        assert lab.mirror.primary is None, "no agent answers on a host that is gone"
        lab = Lab(seed)
        without_arbiter(lab)
        lab.mirror.kill("a")
        lab.clock.run_for(100)
        assert lab.mirror.primary == "b", "the agent on the host says that the instance is down"


def test_an_arbiter_that_one_member_had_lost_before_has_no_say() -> None:
    for link in (A_ARBITER, B_ARBITER):
        for seed in SEEDS:
            lab = _after(lambda lab, link=link: lab.network.cut(link), seed, 30)  # type: ignore[misc]
            lab.network.lose("a")
            lab.clock.run_for(100)
            assert lab.mirror.primary is None, "scenario 5 of section 3.3.3.1"


def test_in_agent_mode_the_pause_is_the_qos_timeout_and_two_more() -> None:
    for seed in SEEDS:
        lab = Lab(seed)
        lab.network.lose("arbiter")
        lab.clock.run_for(30)
        lab.network.lose("b")
        lab.clock.run_for(100)
        pause = lab.when("goes on alone") - 30
        assert 2.5 * constants.QOS_TIMEOUT <= pause <= 3 * constants.QOS_TIMEOUT


def test_no_write_is_durable_while_an_active_backup_does_not_answer() -> None:
    lab = Lab()
    assert lab.mirror.commits("a")
    lab.network.cut(A_B)
    assert not lab.mirror.commits("a")
    lab.clock.run_for(constants.QOS_TIMEOUT)
    assert lab.mirror.commits("a"), "it goes on alone"


def test_an_old_primary_is_forced_down_and_stays_down() -> None:
    for seed in SEEDS:
        lab = _after(lambda lab: lab.network.freeze("a"), seed)
        assert not lab.mirror.commits("a")
        lab.network.thaw("a")
        assert lab.mirror.believes_primary("a"), "for a moment it doesn't know"
        assert not lab.mirror.commits("a"), "but nobody acknowledges what it writes"
        lab.clock.run_for(600)
        assert lab.mirror.roles == {"a": "down", "b": "primary"}


def test_started_again_it_becomes_the_backup_and_the_arbiter_decides_again() -> None:
    lab = _after(lambda lab: lab.mirror.kill("a"), 0)
    lab.mirror.start("a")
    lab.clock.run_for(60)
    assert (lab.mirror.roles, lab.mirror.active, lab.mirror.mode) == ({"a": "backup", "b": "primary"}, True, "arbiter")


def test_a_mirror_in_trouble_goes_on_when_the_backup_is_heard_of() -> None:
    lab = _after(lambda lab: lab.network.cut(A_B, A_ARBITER, B_ARBITER), 0)
    lab.network.join()
    lab.clock.run_for(60)
    assert (lab.mirror.primary, lab.mirror.active) == ("a", True)


def test_a_clean_stop_hands_over_without_detection() -> None:
    for seed in SEEDS:
        lab = _after(lambda lab: lab.mirror.stop("a"), seed)
        assert lab.mirror.primary == "b"
        assert lab.when("takes over") <= constants.HANDOVER.upper


def test_a_lone_member_that_restarts_without_the_other_s_agent_waits() -> None:
    lab = _after(lambda lab: lab.network.lose("b"), 0)
    lab.mirror.kill("a")
    lab.clock.run_for(10)
    lab.mirror.start("a")
    lab.clock.run_for(600)
    assert lab.mirror.primary is None
