"""The virtual clock: order, waiting, freezing, death, and chance that follows from the seed."""

from cdk_intersystems.prediction.clock import Clock, Process, Signal, Wait
from cdk_intersystems.prediction.hosts import Network


def test_what_is_due_at_one_time_happens_in_the_order_asked_for() -> None:
    clock, seen = Clock(), list[str]()
    clock.call_after(2, lambda: seen.append("late"))
    clock.call_after(1, lambda: seen.append("first"))
    clock.call_after(1, lambda: seen.append("second"))
    clock.call_after(1, lambda: seen.append("never")).cancel()
    clock.run_until(1.5)
    assert (seen, clock.now) == (["first", "second"], 1.5)


def test_a_process_waits_for_a_signal_or_its_limit() -> None:
    clock, signal, answers = Clock(), Signal(), list[tuple[float, bool]]()

    def process() -> Process:
        for _ in range(2):
            fired = yield Wait(signal, 5)
            answers.append((clock.now, fired))

    clock.start(process())
    clock.call_after(3, signal.fire)
    clock.run_until(20)
    assert answers == [(3, True), (8, False)]


def _ticks(clock: Clock, seen: list[float]) -> Process:
    while True:
        yield 1
        seen.append(clock.now)


def test_a_frozen_host_s_processes_go_on_when_it_is_thawed() -> None:
    clock, seen = Clock(), list[float]()
    network = Network(clock)
    network.add("a", "first").start(_ticks(clock, seen))
    clock.run_until(2.5)
    network.freeze("a")
    clock.run_until(10)
    network.thaw("a")
    clock.run_until(11.5)
    assert seen == [1, 2, 10, 11]


def test_a_lost_host_s_processes_die_and_boot_starts_none() -> None:
    clock, seen = Clock(), list[float]()
    network = Network(clock)
    network.add("a", "first").start(_ticks(clock, seen))
    clock.run_until(1.5)
    network.lose("a")
    network.boot("a")
    clock.run_until(10)
    assert seen == [1]


def test_chance_follows_from_seed_and_name_alone() -> None:
    one, same, other = Clock(7), Clock(7), Clock(8)
    one.random("another").random()
    assert one.random("x").random() == same.random("x").random() != other.random("x").random()


def test_packets_pass_in_neither_direction_of_a_cut_link() -> None:
    network = Network(Clock())
    for name in ("a", "b"):
        network.add(name, "first")
    assert network.reaches("a", "b")
    network.cut(("a", "b"))
    assert not network.reaches("a", "b")
    assert not network.reaches("b", "a")
    assert network.reaches("client", "a")
    network.join()
    assert network.reaches("b", "a")
