"""What the drill does: a region is lost, the other one promoted, the first one comes back, and gets its work back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tests.drill_dr import measure
from tests.drill_dr.deployment import MIRROR_SET
from tests.drill_dr.measure import Endpoint
from tests.drill_dr.world import MEMBERS, SERVICE_PORT, World
from tests.embedded.faults import Asked

CLIENT = "client"
SENTENCE = f"I accept the loss of records that {MIRROR_SET} has not copied"
#: How long the old region is watched after it is back, in seconds: longer than any schedule, lease and name cache.
WATCHED_SECONDS = 150
_STEADY_SECONDS = 10
_MOVE_SECONDS = 900
#: What has to be done before what, as the workflow of a promotion has it.
AFTER = {
    "fence": ("commit",),
    "resize": ("fence",),
    "promote": ("resize",),
    "await_primary": ("promote",),
    "raise_tiers": ("fence",),
    "latch": ("await_primary", "raise_tiers"),
    "await_tiers": ("latch",),
    "await_health_check": ("await_tiers",),
    "second_member": ("await_health_check",),
}
#: The same of a planned move, which commits only when its target could take over.
AFTER_PLANNED = {
    "resize": ("approval",),
    "prepare": ("resize",),
    "raise_tiers": ("approval",),
    "hand_over": ("prepare", "raise_tiers"),
    "await_primary": ("hand_over",),
    "latch": ("await_primary",),
    "await_tiers": ("latch",),
    "await_health_check": ("await_tiers",),
    "second_member": ("await_health_check",),
    "lower": ("second_member",),
}


class Story:
    """The drill.

    Attributes:
        found: The document, `build/drill-dr.json`.
        problems: What didn't hold.
    """

    def __init__(self, world: World, say: Callable[[str], None], title: Callable[[str], None]) -> None:
        self._world, self._say, self._title = world, say, title
        self.problems: list[str] = []
        self.found: dict[str, Any] = {"stages": {}, "promotion": {}, "failback": {}}
        self._operator, self._approver = world.operator(), world.approver()
        self._lost_at = 0.0

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self._title(name.replace("_", " "))
        yield
        self.found["stages"][name] = round(time.monotonic() - began, 2)

    def run(self) -> None:
        """All of it."""
        with self._stage("steady"):
            self._steady()
        with self._stage("lose_the_primary_region"):
            self._lost_at = time.monotonic()
            self._world.lose("primary")
        with self._stage("promotion"):
            self._promote()
        with self._stage("bring_the_old_region_back"):
            self._bring_back()
        with self._stage("failback"):
            self._fail_back()
        self.found["problems"] = self.problems

    def _expect(self, ok: object, problem: str) -> None:
        if not ok:
            self.problems.append(problem)
            self._say(f"BROKEN: {problem}")

    # Stages

    def _steady(self) -> None:
        """Clients write, and the DR members follow."""
        world = self._world
        self._say("waiting for the client and for both DR members")
        world.wait("a write by the client", lambda: measure.first_good(world.attempts, 0), 120)
        world.wait("DR members that follow", lambda: all(world.status("dr", name).get("caught_up") for name in MEMBERS), 180)
        self._expect("primary" in world.names.leads_to(world.deployed.name), "the name doesn't lead to the primary region")
        time.sleep(_STEADY_SECONDS)

    def _promote(self) -> None:
        world, asked = self._world, len(self._world.way.asked)
        self._say("asking for the promotion")
        move = self._checked("promotion", SENTENCE)
        refused = self._operator.call("POST", f"/moves/{move['id']}/approval", self._approval(move))
        self._expect(refused.status == 403, f"who asked could approve: {refused}")
        approved = time.monotonic()
        done = self._approved(move)
        world.wait("a write in the DR region", lambda: measure.first_good(world.attempts, approved), 300)
        good = measure.first_good(world.attempts, approved)
        assert good is not None
        last = measure.last_good(world.attempts, self._lost_at)
        time.sleep(_STEADY_SECONDS)
        serving = next(name for name in MEMBERS if world.deployed.system_names["dr", name] == done["report"]["member"])
        before = [each for each in world.attempts if each["ended"] < self._lost_at]
        missing = measure.lost(CLIENT, before, set(world.journal("dr", serving, 1)))
        endpoints = [Endpoint(each["endpoint"], bool(each["required"])) for each in done["report"]["endpoints_called"]]
        old = world.deployed.regions["primary"].clients.region
        needed = measure.needed(endpoints, old, "us-east-1", "aws-global")
        self._expect(not needed, f"I11: the promotion needed {', '.join(needed)}")
        let_through = _regions([each for each in world.way.asked[asked:] if not each.refused])
        self._expect(let_through <= {world.deployed.regions["dr"].clients.region}, f"I11: functions reached {let_through}")
        self._expect("dr" in world.names.leads_to(world.deployed.name), "the name doesn't lead to the DR region")
        self.found |= {
            "rto_s": round(good - (last or self._lost_at), 2),
            "rto_after_approval_s": round(good - approved, 2),
            "rpo_s": round(measure.recovery_point(missing, self._lost_at), 3),
            "lost_acknowledged": len(missing),
            "endpoints_called": [asdict(each) for each in endpoints],
            "refused_by_the_proxy": sorted(
                {f"{each.service}.{each.region}" for each in world.way.asked[asked:] if each.refused}
            ),
        }
        self.found["promotion"] = self._told(done)

    def _bring_back(self) -> None:
        """The old region's hosts boot as they were left, and nobody is led there."""
        world = self._world
        began = time.monotonic()
        world.bring_back("primary")
        self._say(f"watching for {WATCHED_SECONDS} s whether the old region serves")
        seen: set[str] = set()
        while time.monotonic() < began + WATCHED_SECONDS:
            if "dr" not in world.names.leads_to(world.deployed.name):
                seen.add(f"the name led to {world.names.leads_to(world.deployed.name)}")
            seen |= {f"member {member} of the {role} region was primary" for role, member in world.primaries() if role != "dr"}
            time.sleep(1)
        address = world.balancers["primary"]
        written = measure.served_by(world.attempts, address, self._lost_at, time.monotonic())
        if written:
            seen.add(f"it acknowledged {len(written)} writes")
        self.found["old_region_served_after_promotion"] = bool(seen)
        for each in sorted(seen):
            self._expect(False, f"I7: {each}")

    def _fail_back(self) -> None:
        world = self._world
        self.found["failback_ok"] = False
        self._say("waiting until the old region's members follow")
        world.wait(
            "members of the old region that follow",
            lambda: any(world.status("primary", each).get("caught_up") for each in MEMBERS),
            600,
        )
        began = time.monotonic()
        before = len(world.attempts)
        done = self._approved(self._checked("failback", None))
        world.wait(
            "the name to lead to the primary region", lambda: "primary" in world.names.leads_to(world.deployed.name), 180
        )
        address = world.balancers["primary"]
        world.wait(
            "a write in the primary region",
            lambda: measure.served_by(world.attempts, address, began, time.monotonic()),
            240,
        )
        time.sleep(_STEADY_SECONDS)
        serving = next((member for role, member in world.primaries() if role == "primary"), "")
        self._expect(serving, "no member of the primary region is primary after the fail-back")
        if serving:
            attempts = [each for each in world.attempts[before:] if each["ended"] < time.monotonic() - 2]
            missing = measure.lost(CLIENT, attempts, set(world.journal("primary", serving, 1)))
            self._expect(not missing, f"the fail-back lost {len(missing)} acknowledged records")
            self.found["failback_lost_acknowledged"] = len(missing)
        self._expect(len(world.primaries()) == 1, f"there are the primaries {world.primaries()}")
        self.found["failback"] = self._told(done)
        self.found["failback_ok"] = not any("fail-back" in each for each in self.problems)

    # Moves

    def _checked(self, kind: str, accept_data_loss: str | None) -> dict[str, Any]:
        body = {"kind": kind, "reason": "the drill", **({"accept_data_loss": accept_data_loss} if accept_data_loss else {})}
        answer = self._operator.call("POST", "/moves", body)
        assert answer.status == 202, f"asked for a {kind}: {answer}"
        return self._until("checked")

    def _approval(self, move: dict[str, Any]) -> dict[str, Any]:
        return {"plan_hash": move["plan_hash"], "epoch": move["epoch"]}

    def _approved(self, move: dict[str, Any]) -> dict[str, Any]:
        self._say("approved by another person; the workflow runs")
        answer = self._approver.call("POST", f"/moves/{move['id']}/approval", self._approval(move))
        assert answer.status == 200, f"approving: {answer}"
        return self._until("completed")

    def _until(self, wanted: str) -> dict[str, Any]:
        ends, before = time.monotonic() + _MOVE_SECONDS, ""
        while True:
            answer = self._operator.call("GET", "/moves/current")
            move: dict[str, Any] = (answer.body or {}).get("move") or {}
            if move.get("state") == wanted:
                return move
            assert move.get("state") not in ("refused", "cancelled", "expired"), f"the move is {move['state']}: {move['why']}"
            doing = ", ".join(move.get("next", ()))
            if doing != before:
                self._say(f"{move.get('state')}: {doing}")
                before = doing
            assert not self._world.machines.problem, self._world.machines.problem
            assert time.monotonic() < ends, f"the move is not {wanted}: {move}"
            time.sleep(0.3)

    def _told(self, move: dict[str, Any]) -> dict[str, Any]:
        report = move["report"]
        after = AFTER if report["kind"] == "promotion" else AFTER_PLANNED
        # Of a planned move, `commit` is the time from the approval to there: what the steps before it took.
        took = {name: seconds for name, seconds in report["stages"].items() if after is AFTER or name != "commit"}
        path = measure.critical_path(took, after)
        return {
            "stages": report["stages"],
            "critical_path": path,
            "tries": report["tries"],
            "rto_s": report["rto_s"],
            "rpo_s": report["rpo_s"],
            "member": report["member"],
            "partner": report["partner"],
        }


def _regions(asked: list[Asked]) -> set[str]:
    return {each.region for each in asked if each.region}


__all__ = ["AFTER", "SERVICE_PORT", "Story"]
