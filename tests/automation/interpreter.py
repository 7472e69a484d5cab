"""Runs an Automation document as Systems Manager says it does, as far as our documents go.

What each part follows is cited by its page in the Systems Manager User Guide (UG) or API Reference (API). No AWS is called:
whoever uses this answers API operations, runs commands on hosts, and approves. `schema.py` refuses documents that use anything
else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.automation.selectors import MISSING, select

Api = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers an operation: service, operation, parameters."""

#: API, CommandPlugin, Output: "only a portion", at most 2,500 characters.
OUTPUT_LENGTH = 2500


@dataclass(frozen=True)
class Ran:
    """A command that was sent to a host.

    Args:
        status: Its exit status; None if it never reached the host.
        output: What it wrote to its standard output.
        seconds: How long it took.
    """

    status: int | None
    output: str = ""
    seconds: float = 1


Host = Callable[[str, str, int], Ran]
"""Runs a command on a host: its instance id, the command, and for how many seconds it may run."""


class ApiError(Exception):
    """An operation failed."""


class Killed(Exception):  # noqa: N818 - nothing failed: somebody ended the execution
    """Raised by a hook to end the execution there, as whoever cancels it does."""


class _StepError(Exception):
    def __init__(self, message: str, status: str = "Failed") -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Outcome:
    """How a step ended, and what that means for those after it."""

    status: str
    jump: str = ""
    aborts: bool = False
    message: str = ""


@dataclass
class Execution:
    """An execution: how it ended and what it did."""

    status: str = "InProgress"
    steps: list[tuple[str, str]] = field(default_factory=list)
    failure: str = ""

    @property
    def names(self) -> list[str]:
        """The steps it went through, in order."""
        return [name for name, _ in self.steps]


@dataclass
class Automation:
    """The surroundings of an execution.

    Args:
        api: Answers API operations.
        host: Runs commands.
        approve: Decides, given the message: `Approved`, `Rejected`, or `Waiting` if nobody does in time.
        before: Called with each step's name before it runs; may raise `Killed`.
        after: Likewise after it has run, whether it failed or not.
    """

    api: Api
    host: Host
    approve: Callable[[str], str] = lambda message: "Approved"
    before: Callable[[str], None] = lambda name: None
    after: Callable[[str], None] = lambda name: None

    def run(self, document: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> Execution:
        """Runs a document from its first step to its end.

        Raises:
            ValueError: A parameter isn't one of the document's, is missing, or has a value that isn't allowed.
        """
        values = _parameters(document, parameters or {})
        steps = {step["name"]: step for step in document["mainSteps"]}
        execution, name = Execution(), next(iter(steps))
        try:
            while name:
                step = steps[name]
                self.before(name)
                outcome = self._step(step, values)
                execution.steps.append((name, outcome.status))
                self.after(name)
                if outcome.aborts:
                    execution.status, execution.failure = outcome.status, f"{name}: {outcome.message}"
                    return execution
                name = outcome.jump or _following(step, list(steps))
        except Killed:
            execution.status = "Cancelled"
            return execution
        execution.status = "Success"
        return execution

    def _step(self, step: Mapping[str, Any], values: dict[str, Any]) -> "_Outcome":
        """Tries a step as often as it may be tried."""
        failed = _StepError("never tried")
        # UG, "Automation actions reference": a step has failed, or timed out, only when all its attempts have.
        for _ in range(step.get("maxAttempts", 1)):
            try:
                return _Outcome("Success", jump=self._act(step, values))
            except _StepError as error:
                failed = error
        # The same page: onFailure aborts by default, or continues, or goes to another step.
        on_failure = step.get("onFailure", "Abort")
        jump = on_failure.removeprefix("step:") if on_failure.startswith("step:") else ""
        return _Outcome(failed.status, jump=jump, aborts=on_failure == "Abort", message=str(failed))

    def _act(self, step: Mapping[str, Any], values: dict[str, Any]) -> str:
        """Does what a step says. Returns where a branch goes, of another step nothing."""
        name, action = step["name"], step["action"]
        if action == "aws:branch":
            return _branch(step, values)
        inputs = _resolve(step["inputs"], values, name)
        if action == "aws:executeAwsApi":
            answer = self._call(inputs)
            for output in step.get("outputs", []):
                values[f"{name}.{output['Name']}"] = select(answer, output["Selector"])
        elif action == "aws:assertAwsResourceProperty":
            found = select(self._call(inputs), inputs["PropertySelector"])
            if found not in inputs["DesiredValues"]:
                raise _StepError(f"the value is {found}, and was to be one of {inputs['DesiredValues']}")
        elif action == "aws:runCommand":
            values[f"{name}.Output"] = self._command(step, inputs)
        elif action == "aws:approve":
            decision = self.approve(inputs["Message"])
            if decision != "Approved":
                # UG, "aws:approve": without the decisions needed in time, step and automation are Timed Out.
                raise _StepError(decision, "TimedOut" if decision == "Waiting" else "Failed")
        elif action != "aws:sleep":
            # The documents use no other one; one that comes to do so is taken up here first.
            raise AssertionError(f"{name}: this interpreter knows no action {action}")
        return ""

    def _call(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = {"Service", "Api", "PropertySelector", "DesiredValues"}
        try:
            return self.api(
                inputs["Service"], inputs["Api"], {name: value for name, value in inputs.items() if name not in kept}
            )
        except ApiError as error:
            raise _StepError(str(error)) from None

    def _command(self, step: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
        """Sends one command to one host and waits for it."""
        (instance,), (command,) = inputs["InstanceIds"], inputs["Parameters"]["commands"]
        limit = int(inputs["Parameters"]["executionTimeout"][0])
        ran = self.host(instance, command, limit)
        if ran.status is None:
            # UG, "aws:runCommand", TimeoutSeconds: a command the agent doesn't receive in time ends as Delivery Timed Out.
            raise _StepError("Delivery Timed Out", "TimedOut")
        # UG, "Handling timeouts in runbooks"; the command's own limit is the document's executionTimeout.
        if ran.seconds > min(limit, step.get("timeoutSeconds", limit)):
            raise _StepError(f"took longer than {limit} s", "TimedOut")
        if ran.status != 0:
            raise _StepError(f"ended with {ran.status}: {ran.output}")
        return ran.output[:OUTPUT_LENGTH]


def _following(step: Mapping[str, Any], names: list[str]) -> str:
    """The step after one that didn't jump; empty at the end.

    UG, "Automation actions reference": isEnd ends the automation whether the step failed or succeeded; nextStep names the next
    one; without both it is the next of the list.
    """
    if step.get("isEnd"):
        return ""
    if "nextStep" in step:
        return str(step["nextStep"])
    return next(iter(names[names.index(step["name"]) + 1 :]), "")


def _parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the parameters. API, StartAutomationExecution: anything that isn't declared or allowed is refused."""
    declared = document.get("parameters", {})
    if unknown := set(given) - set(declared):
        raise ValueError(f"not parameters of the document: {sorted(unknown)}")
    values = {}
    for name, parameter in declared.items():
        if name not in given and "default" not in parameter:
            raise ValueError(f"parameter {name} is needed")
        value = given.get(name, parameter.get("default"))
        if value not in parameter.get("allowedValues", [value]):
            raise ValueError(f"parameter {name} is {value}, and may be {parameter['allowedValues']}")
        values[name] = value
    return values


_VARIABLE = re.compile(r"\{\{ ?([A-Za-z0-9_.]+) ?\}\}")


def _resolve(template: Any, values: Mapping[str, Any], step: str) -> Any:
    """Puts values in place of variables. One that stands alone keeps its type (UG, "Using action outputs as inputs")."""
    if isinstance(template, dict):
        return {name: _resolve(value, values, step) for name, value in template.items()}
    if isinstance(template, list):
        return [_resolve(value, values, step) for value in template]
    if not isinstance(template, str):
        return template
    if whole := _VARIABLE.fullmatch(template):
        return _value(whole[1], values, step)
    return _VARIABLE.sub(lambda found: str(_value(found[1], values, step)), template)


def _value(name: str, values: Mapping[str, Any], step: str) -> Any:
    if values.get(name, MISSING) is MISSING:
        raise _StepError(f"{step} uses {name}, which has no value")
    return values[name]


_OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StartsWith": lambda value, wanted: value.startswith(wanted),
    "Contains": lambda value, wanted: wanted in value,
}


def _branch(step: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The first choice that holds, or else the default. UG, "Using conditional statements in runbooks"."""
    for choice in step["inputs"]["Choices"]:
        if _holds(choice, values):
            return str(choice["NextStep"])
    return str(step["inputs"]["Default"])


def _holds(choice: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if "And" in choice:
        return all(_holds(each, values) for each in choice["And"])
    (variable,) = _VARIABLE.findall(choice["Variable"])
    # The same page's example: an output whose selector found nothing holds for no choice.
    if values.get(variable, MISSING) is MISSING:
        return False
    (operation,) = set(choice) & set(_OPERATIONS)
    return _OPERATIONS[operation](values[variable], choice[operation])
