"""Runs the workflow's definition against the function, as Step Functions does: states, retries, catches, waits, tokens."""

from collections.abc import Callable
from typing import Any

from cdk_intersystems.region_failover.definition import definition
from tests.lambda_.region_world import World

_FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:steps"


class KilledError(Exception):
    """The function died: Step Functions knows no more than that."""


class Workflow:
    """An execution.

    Args:
        world: The world it runs in; waits take its time.
        approves: What people do while the workflow waits for them; called each time it waits.
        kills: Called before and after each run of a step, with its name and which of the two; what it raises, the function
            dies of.
    """

    def __init__(
        self,
        world: World,
        approves: Callable[[], Any] = lambda: None,
        kills: Callable[[str, str], None] = lambda _step, _when: None,
    ) -> None:
        self.world = world
        self.approves = approves
        self.kills = kills
        self.ran: list[str] = []
        self.definition = definition(_FUNCTION, "aws")

    def run(self, **given: Any) -> str:
        """Runs it; which of its ends it came to."""
        data = {"mirror_set": "TRAK", "promotion": self.world.current(), **given}
        item = self.world.item("#current")
        assert item is not None
        self.name = item["execution"]["S"]
        if "kind" not in data:
            data["kind"] = self.world.executions[data["promotion"]]["kind"]
        return self._run(self.definition, data)

    def _run(self, part: dict[str, Any], data: dict[str, Any]) -> str:
        name = part["StartAt"]
        for _ in range(600):
            state = part["States"][name]
            if state["Type"] in ("Succeed", "Fail") or state.get("End"):
                return str(name)
            name = getattr(self, f"_{state['Type'].lower()}")(state, data)
        raise AssertionError(f"it has not come to an end, and is at {name}")

    def _choice(self, state: dict[str, Any], data: dict[str, Any]) -> str:
        for choice in state["Choices"]:
            value = _at(data, choice["Variable"])
            if ("BooleanEquals" in choice and value is choice["BooleanEquals"]) or value == choice.get("StringEquals", ...):
                return str(choice["Next"])
        return str(state["Default"])

    def _wait(self, state: dict[str, Any], data: dict[str, Any]) -> str:
        seconds = _at(data, state["SecondsPath"])
        assert isinstance(seconds, int)
        assert seconds > 0
        self.world.now += seconds
        return str(state["Next"])

    def _parallel(self, state: dict[str, Any], data: dict[str, Any]) -> str:
        try:
            for branch in state["Branches"]:
                self._run(branch, dict(data))
        except Exception as error:
            return self._caught(state, data, error)
        return str(state["Next"])

    def _task(self, state: dict[str, Any], data: dict[str, Any]) -> str:
        waits = state["Resource"].endswith(".waitForTaskToken")
        parameters = state["Parameters"]["Payload"] if waits else state["Parameters"]
        for _ in range(100):
            self.world.tokens += 1
            try:
                answer = self._invoke(self._filled(parameters, data), waits=waits, state=state)
            except Exception as error:
                if self._retries(state, error):
                    self.world.now += 30
                    continue
                return self._caught(state, data, error)
            _put(data, state["ResultPath"], answer)
            return str(state["Next"])
        raise AssertionError("it was tried a hundred times")

    def _invoke(self, event: dict[str, Any], *, waits: bool, state: dict[str, Any]) -> dict[str, Any]:
        step = event["step"]
        self.ran.append(step)
        self.kills(step, "before")
        answer = self.world.step(
            step, event["promotion"], **{k: v for k, v in event.items() if k in ("execution", "task_token", "why")}
        )
        self.kills(step, "after")
        if waits and event["task_token"] not in self.world.woken:
            self.approves()
            if event["task_token"] not in self.world.woken:
                self.world.now += state["TimeoutSeconds"]
                raise TimeoutError
            return {"approved": True}
        return answer

    def _filled(self, parameters: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        context = {"$$.Task.Token": f"token {self.world.tokens}", "$$.Execution.Name": self.name}
        return {
            name.removesuffix(".$"): (context[value] if value in context else _at(data, value))
            if name.endswith(".$")
            else value
            for name, value in parameters.items()
        }

    def _retries(self, state: dict[str, Any], error: Exception) -> bool:
        first = next((each for each in state["Retry"] if _matches(each, error)), None)
        return first is not None and first["MaxAttempts"] > 0

    def _caught(self, state: dict[str, Any], data: dict[str, Any], error: Exception) -> str:
        catch = next((each for each in state.get("Catch", ()) if _matches(each, error)), None)
        if catch is None:
            raise error
        _put(data, catch["ResultPath"], {"Error": _name(error), "Cause": f'{{"errorMessage": "{error}"}}'})
        return str(catch["Next"])


def _name(error: Exception) -> str:
    return "States.Timeout" if isinstance(error, TimeoutError) else type(error).__name__


def _matches(entry: dict[str, Any], error: Exception) -> bool:
    return _name(error) in entry["ErrorEquals"] or "States.ALL" in entry["ErrorEquals"]


def _at(data: dict[str, Any], path: str) -> Any:
    found: Any = data
    for part in path.removeprefix("$.").split("."):
        found = found[part]
    return found


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    data[path.removeprefix("$.")] = value
