"""AWS's Region switch, as far as a plan of Lambda steps needs it, and as its documentation says that it is.

Sources: ARC Developer Guide, "Custom action Lambda execution block" (a function that doesn't succeed is run again after the
retry interval, until the timeout; in ungraceful mode the step is skipped), and of the ARC Region switch API Reference `Lambdas`
(what a function is told), `ExecutionState` and `StepStatus` (what there is besides success), `UpdatePlanExecutionStep` (skip)
and `CancelPlanExecution`. Not documented, and assumed here: a plan has one execution at a time, a failed step pauses it until
somebody does something, a step that runs can be skipped, and a function's run that was begun is not ended by that.
"""

import threading
import uuid
from collections.abc import Callable
from typing import Any

Invoke = Callable[[str, dict[str, Any]], str]
_OPEN = ("inProgress", "pausedByFailedStep")


class Execution:
    """An execution of a plan.

    Attributes:
        id: Its id.
        state: As Region switch names it.
        steps: Step -> its status.
        comments: What it was started with, and cancelled.
        errors: Step -> why its last run failed.
        runs: The steps, once for each run of their function.
    """

    def __init__(self, region: str, names: list[str], comment: str) -> None:
        self.id = f"{region}/{uuid.uuid4().hex[:16]}"
        self.state = "inProgress"
        self.steps = dict.fromkeys(names, "notStarted")
        self.comments = [comment]
        self.errors: dict[str, str] = {}
        self.runs: list[str] = []
        self.changed = threading.Condition()

    @property
    def is_open(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in _OPEN

    @property
    def current(self) -> str:
        """The step that is run, or has failed; empty between two."""
        return next((name for name, status in self.steps.items() if status in ("running", "failed")), "")

    def until(self, what: Callable[[], Any], seconds: float = 120.0) -> None:
        """Waits until something of it is so."""
        with self.changed:
            assert self.changed.wait_for(what, seconds), f"it is {self.state}; {self.steps}; {self.errors}"


class RegionSwitch:
    """Region switch in the two regions of a plan.

    Args:
        arn: The plan's ARN.
        plan: Its properties, as the template has them.
        invoke: Runs a function (its ARN) with an event; why it failed, or nothing.
        minute: How many seconds a minute takes.

    Attributes:
        executions: All executions, oldest first.
    """

    def __init__(self, arn: str, plan: dict[str, Any], invoke: Invoke, minute: float = 1.0) -> None:
        self.arn, self._plan, self._invoke, self.minute = arn, plan, invoke, minute
        self.executions: list[Execution] = []
        self._lock = threading.Lock()
        self._running: list[threading.Thread] = []

    # As the API

    def answer(self, operation: str, region: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answers a request: status and body."""
        if given.get("planArn") != self.arn:
            return 404, {"__type": "ResourceNotFoundException", "message": "there is no such plan"}
        if region not in self._plan["Regions"]:
            return 404, {"__type": "ResourceNotFoundException", "message": f"the plan is not in {region}"}
        if operation == "StartPlanExecution":
            return self._start(region, given)
        if operation == "CancelPlanExecution":
            return self._cancel(given)
        return 400, {"__type": "IllegalArgumentException", "message": f"{operation} is not known here"}

    def start(self, region: str, mode: str = "graceful") -> Execution:
        """Starts an execution that activates a region, as somebody does in the console."""
        given = {"planArn": self.arn, "targetRegion": region, "action": "activate", "mode": mode, "comment": "by hand"}
        status, said = self._start(region, given)
        assert status == 200, said
        return self.executions[-1]

    def _start(self, region: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        found = [each for each in self._plan["Workflows"] if each["WorkflowTargetRegion"] == given["targetRegion"]]
        if len(found) != 1 or found[0]["WorkflowTargetAction"] != given["action"]:
            return 400, {"__type": "IllegalArgumentException", "message": "the plan has no such workflow"}
        with self._lock:
            if any(each.is_open for each in self.executions):
                return 400, {"__type": "IllegalStateException", "message": "an execution of the plan is open"}
            steps = found[0]["Steps"]
            made = Execution(region, [step["Name"] for step in steps], str(given.get("comment", "")))
            self.executions.append(made)
        graceful = given.get("mode", "graceful") == "graceful"
        threading.Thread(target=self._run, args=(made, steps), kwargs={"graceful": graceful}, daemon=True).start()
        return 200, {"executionId": made.id, "plan": self.arn, "planVersion": "1", "activateRegion": given["targetRegion"]}

    def _cancel(self, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        found = next((each for each in self.executions if each.id == given["executionId"]), None)
        if found is None:
            return 404, {"__type": "ResourceNotFoundException", "message": "there is no such execution"}
        with found.changed:
            if found.is_open:
                found.state = "canceled"
                found.comments.append(str(given.get("comment", "")))
                found.changed.notify_all()
        return 200, {}

    # As somebody in the console

    def skip(self, execution: Execution) -> str:
        """Skips the step that is run, or that has paused the plan; which one it was."""
        with execution.changed:
            name = execution.current
            execution.steps[name] = "skipped"
            execution.changed.notify_all()
        return name

    def close(self) -> None:
        """Cancels what is open, and waits for what runs."""
        for execution in self.executions:
            self._cancel({"executionId": execution.id})
        for each in self._running:
            each.join(120)
            assert not each.is_alive()

    # What it does

    def _run(self, execution: Execution, steps: list[dict[str, Any]], *, graceful: bool) -> None:
        for step in steps:
            assert step["ExecutionBlockType"] == "CustomActionLambda"
            while execution.is_open and execution.steps[step["Name"]] not in ("completed", "skipped"):
                self._try(execution, step, graceful=graceful)
            if not execution.is_open:
                return
        with execution.changed:
            done = all(status == "completed" for status in execution.steps.values())
            execution.state = "completed" if done else "completedWithExceptions"
            execution.changed.notify_all()

    def _try(self, execution: Execution, step: dict[str, Any], *, graceful: bool) -> None:
        """Runs a step until it is done, skipped or out of time, which pauses the plan."""
        name, block = step["Name"], step["ExecutionBlockConfiguration"]["CustomActionLambdaConfig"]
        if not graceful:
            self._set(execution, name, "skipped")
            return
        self._set(execution, name, "running")
        left = float(block["TimeoutMinutes"])
        while True:
            self._once(execution, name, block)
            if not execution.is_open or execution.steps[name] != "running":
                return
            left -= float(block["RetryIntervalMinutes"])
            if left <= 0:
                break
            with execution.changed:
                execution.changed.wait_for(
                    lambda: not execution.is_open or execution.steps[name] != "running",
                    float(block["RetryIntervalMinutes"]) * self.minute,
                )
            if not execution.is_open or execution.steps[name] != "running":
                return
        with execution.changed:
            execution.state, execution.steps[name] = "pausedByFailedStep", "failed"
            execution.changed.notify_all()
            execution.changed.wait_for(lambda: execution.state == "canceled" or execution.steps[name] == "skipped")
            if execution.is_open:
                execution.state = "inProgress"

    def _once(self, execution: Execution, name: str, block: dict[str, Any]) -> None:
        """One run of the step's function. A step that is skipped is not waited for."""
        event = {"InvokedBy": "arc-region-switch", "PlanArn": self.arn, "ExecutionId": execution.id, "StepName": name}
        (function,) = block["Lambdas"]
        ended: list[str] = []

        def run() -> None:
            why = self._invoke(function["Arn"], event)
            with execution.changed:
                ended.append(why)
                execution.changed.notify_all()

        execution.runs.append(name)
        self._running.append(thread := threading.Thread(target=run, daemon=True))
        thread.start()
        with execution.changed:
            execution.changed.wait_for(lambda: ended or not execution.is_open or execution.steps[name] != "running")
            if ended and execution.steps[name] == "running":
                execution.errors[name] = ended[0]
                if not ended[0]:
                    execution.steps[name] = "completed"
                execution.changed.notify_all()

    def _set(self, execution: Execution, name: str, status: str) -> None:
        with execution.changed:
            execution.steps[name] = status
            execution.changed.notify_all()
