"""The steps that Hypothesis puts together: faults, delays, stack updates, members that come back, and time."""

from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cdk_intersystems.prediction.contacts import ARBITER, MEMBERS

from .simulated_world import BUDGET, LINKS, SimulatedWorld

_MEMBER = st.sampled_from(MEMBERS)
_HOST = st.sampled_from((*MEMBERS, ARBITER))
_API = st.sampled_from(("ec2", "elb", "router-dynamodb", "member-dynamodb", "member-sqs"))
_ACTIONS = {"ec2": "ReplaceRoute", "elb": "ModifyListener", "router-dynamodb": "TransactWriteItems"}
# From what a call takes to what a takeover takes, and sometimes a minute: enough for a run to be anywhere.
_SOON = st.sampled_from((0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 1.0, 2.0, 5.0, 10.0))
# Some less than a function's timeout, some more.
_STALLS = st.sampled_from((1.0, 10.0, 20.0, 28.0, 40.0))
_LATER = st.sampled_from((1.0, 5.0, 10.0, 20.0, 60.0))


class AutomationMachine(RuleBasedStateMachine):
    """One world, and what is done to it. After each step some time passes, and everything is checked."""

    #: Steps of all worlds together, for the test that counts them; and a trace, for the one that replays.
    steps: ClassVar[int] = 0
    trace: ClassVar[list[Any]] = []
    make: ClassVar[type[SimulatedWorld]] = SimulatedWorld
    #: What has to have happened in the worlds of one run, else it has shown little; and how often it did.
    WORTH: ClassVar = (
        "takeovers",
        "failed runs",
        "redeliveries",
        "messages repeated",
        "updates at rest",
        "updates in the middle",
    )
    happened: ClassVar[dict[str, int]] = {}

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        self.world = self.make(seed)
        self.world.clock.run_for(1.0)

    def _note(self, what: str, times: int = 1) -> None:
        self.happened[what] = self.happened.get(what, 0) + times

    def _passes(self, seconds: float) -> None:
        """One step has been done."""
        type(self).steps += 1
        self._run(seconds)

    def _run(self, seconds: float) -> None:
        self.world.clock.run_for(seconds)
        claim, routed = self.world.automation.table.claim, self.world.automation.table.routed
        self.trace.append((round(self.world.clock.now, 6), claim, routed, tuple(self.world.leads.values())))

    # --- Time -----------------------------------------------------------------------------------------------------------------

    @rule(seconds=_LATER)
    def time_passes(self, seconds: float) -> None:
        self._passes(seconds)

    # --- Members and their network --------------------------------------------------------------------------------------------

    @rule(member=_MEMBER, then=_SOON)
    def iris_dies(self, member: str, then: float) -> None:
        self.world.mirror.kill(member)
        self.world.disturb()
        self._passes(then)

    @rule(member=_MEMBER, then=_SOON)
    def iris_is_stopped(self, member: str, then: float) -> None:
        self.world.mirror.stop(member)
        self.world.disturb()
        self._passes(then)

    @rule(host=_HOST, then=_SOON)
    def host_is_lost(self, host: str, then: float) -> None:
        self.world.network.lose(host)
        self.world.disturb()
        self._passes(then)

    @rule(host=_HOST, then=_LATER)
    def host_stands_still(self, host: str, then: float) -> None:
        self.world.network.freeze(host)
        self.world.disturb()
        self._passes(then)

    @rule(host=_HOST, then=_SOON)
    def host_goes_on(self, host: str, then: float) -> None:
        self.world.network.thaw(host)
        self.world.disturb()
        self._passes(then)

    @rule(member=_MEMBER, then=_LATER)
    def member_comes_back(self, member: str, then: float) -> None:
        self.world.network.thaw(member)
        self.world.power_on(member)
        self.world.disturb()
        self._passes(then)

    @rule(seconds=_STALLS, then=_SOON)
    def run_is_about_to_write_and_stalls(self, seconds: float, then: float) -> None:
        """As one whose environment, or whose way to AWS, stands still for a while: what it knows grows old."""
        self.world.places.stall = seconds
        self._passes(then)

    @rule(stalls=_STALLS, then=_LATER)
    def two_take_over_one_after_the_other(self, stalls: float, then: float) -> None:
        """As fast as the mirror can; and a run of the first is at work while the second takes over."""
        world = self.world
        world.network.join()
        for host in (*MEMBERS, ARBITER):
            world.network.thaw(host)
            world.network.boot(host)
        for member in MEMBERS:
            world.power_on(member)
        self._hand_over()
        world.places.stall = stalls
        world.automation.function.invoke("by hand")
        for member in MEMBERS:
            world.power_on(member)
        self._hand_over()
        world.disturb()
        self._passes(then)

    def _hand_over(self) -> None:
        """The primary is stopped as soon as it has an active backup, and the other member takes an epoch."""
        world, table = self.world, self.world.automation.table
        world.clock.run_until(world.clock.now + 60.0, lambda: world.mirror.primary is not None and world.mirror.active)
        if world.mirror.primary is not None:
            world.mirror.stop(world.mirror.primary)
        known = table.claim
        world.clock.run_until(world.clock.now + 30.0, lambda: table.claim != known)

    @rule(links=st.lists(st.sampled_from(LINKS), min_size=1, max_size=2, unique=True), then=_LATER)
    def links_are_cut(self, links: list[tuple[str, str]], then: float) -> None:
        self.world.network.cut(*links)
        self.world.disturb()
        self._passes(then)

    @rule(then=_LATER)
    def links_are_joined(self, then: float) -> None:
        self.world.network.join()
        self.world.disturb()
        self._passes(then)

    # --- AWS ------------------------------------------------------------------------------------------------------------------

    @rule(api=_API, share=st.sampled_from((0.0, 0.3, 0.8, 1.0)), then=_SOON)
    def api_is_throttled(self, api: str, share: float, then: float) -> None:
        self.world.apis[api].throttled = share
        self.world.disturb()
        self._passes(then)

    @rule(api=_API, gone=st.booleans(), then=_SOON)
    def api_is_out_of_reach(self, api: str, gone: bool, then: float) -> None:
        self.world.apis[api].unreachable = gone
        self.world.disturb()
        self._passes(then)

    @rule(api=_API, delay=st.sampled_from((0.0, 0.4, 1.5, 6.0, 40.0)), then=_SOON)
    def requests_are_late(self, api: str, delay: float, then: float) -> None:
        """Later than their caller waits, and than a run may take: they arrive after its death."""
        self.world.apis[api].delay = delay
        self.world.disturb()
        self._passes(then)

    @rule(api=st.sampled_from(sorted(_ACTIONS)), taken=st.booleans(), then=_SOON)
    def permission_is_taken_or_given(self, api: str, taken: bool, then: float) -> None:
        forbidden = self.world.apis[api].forbidden
        forbidden.add(_ACTIONS[api]) if taken else forbidden.discard(_ACTIONS[api])
        self.world.disturb()
        self._passes(then)

    @rule(delay=st.sampled_from((0.0, 1.0, 20.0)), then=_SOON)
    def messages_are_late(self, delay: float, then: float) -> None:
        self.world.automation.queue.delay = delay
        self.world.disturb()
        self._passes(then)

    @rule(which=st.integers(0, 20), then=_SOON)
    def message_is_repeated(self, which: int, then: float) -> None:
        if self.world.send_again(which):
            self._note("messages repeated")
        self._passes(then)

    @rule(then=_SOON)
    def function_dies(self, then: float) -> None:
        self.world.automation.function.kill()
        self.world.disturb()
        self._passes(then)

    @rule(then=_SOON)
    def function_is_invoked(self, then: float) -> None:
        self.world.automation.function.invoke("by hand")
        self._passes(then)

    @rule(table=st.integers(0, 5), member=_MEMBER, then=_LATER)
    def somebody_writes_a_route(self, table: int, member: str, then: float) -> None:
        names = self.world.routes.names
        self.world.routes.replace(names[table % len(names)], member)
        self.world.owed = True
        self.world.disturb()
        self._passes(then)

    @rule(listener=st.booleans(), table=st.booleans(), code=st.booleans(), then=_SOON)
    def deployed_in_the_middle(self, listener: bool, table: bool, code: bool, then: float) -> None:
        """I13: a stack update changes no route, whatever goes on."""
        self._note("updates in the middle")
        self._deploy(listener=listener, table=table, code=code)
        self.world.disturb()
        self._passes(then)

    @rule(listener=st.booleans(), table=st.booleans(), code=st.booleans())
    def deployed_at_rest(self, listener: bool, table: bool, code: bool) -> None:
        """I13: and where nothing else is wrong, what it did to the listener is undone in time."""
        self._heals()
        self._note("updates at rest")
        self._deploy(listener=listener, table=table, code=code)
        self._passes(self.world.after_update)
        self.world.check_converged()
        self.world.disturb()

    def _deploy(self, *, listener: bool, table: bool, code: bool) -> None:
        before = dict(self.world.routes.written)
        self.world.deploy(listener=listener, table=table, code=code)
        led = {name: member for name, member in self.world.routes.written.items() if name in before}
        assert led == before, f"I13: a stack update has changed routes: {before}, now {led}"

    @rule()
    def everything_heals(self) -> None:
        self._heals()
        self._passes(0.0)

    def _heals(self) -> None:
        """I12: with every fault healed it converges within the budget, however long the mirror itself takes to settle."""
        self.world.heal()
        for _ in range(20):
            self._run(BUDGET / 2)
            self.world.check()
            if self.world.calm_for > BUDGET:
                break
        assert self.world.calm_for > BUDGET, f"the mirror doesn't settle: {self.world.mirror.log[-6:]}"
        self.world.check_converged()

    @invariant()
    def everything_holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._heals()
            self._note("takeovers", sum(what == "open for users" for _, _, what in self.world.mirror.log))
            self._note("failed runs", self.world.automation.function.failures)
            self._note("redeliveries", self.world.redeliveries)
