"""The workflow as Step Functions reads it: which step comes after which. Pure.

It knows nothing but the order. What may be done is decided by the function, from the record of the move: so the workflow can
be started again at any time, by anybody who may, and does nothing twice. The states have the names of the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

States = dict[str, dict[str, Any]]

REFUSED: Final = "MoveRefusedError"
"""What the function raises if a move isn't to go on."""

APPROVAL_ASKED_EVERY_SECONDS: Final = 60
"""After so long the workflow asks for the approval again, in case the answer to it was lost."""

#: A move is over sooner, or somebody has looked; what was done is on record.
_LONGEST_SECONDS = 24 * 3600
#: The function's own time is shorter.
_STEP_SECONDS = 90
#: As often as Step Functions lets, up to half a minute apart. Source: Amazon States Language, "Retrying after error".
_FOR_EVER = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 1,
    "BackoffRate": 2,
    "MaxDelaySeconds": 30,
    "MaxAttempts": 99999999,
}
_END, _GIVE_UP = "completed", "refuse"


def definition(function: str, partition: str) -> dict[str, Any]:
    """The definition of the workflow.

    Args:
        function: ARN of the function that runs the steps.
        partition: The partition of the ARNs.
    """
    after = ("latch", "await_tiers", "await_health_check", "second_member", "lower", "report")
    promote = [("resize", "promote", "await_primary"), ("raise_tiers",)]
    prepare = [("resize", "prepare"), ("raise_tiers",)]
    states: States = {
        **_steps(function, ("preflight",), then="approval"),
        "approval": _approval(function, partition, then="kind?"),
        "kind?": {
            "Type": "Choice",
            "Comment": "A promotion needs nothing of the other region; a planned move loses nothing or is refused",
            "Choices": [{"Variable": "$.kind", "StringEquals": "promotion", "Next": "commit"}],
            "Default": "prepare the target",
        },
        **_steps(function, ("commit", "fence"), then="promote the target"),
        "promote the target": _both(function, promote, then=after[0]),
        "prepare the target": _both(function, prepare, then="planned: commit", prefix="planned: "),
        **_steps(function, ("commit", "hand_over", "await_primary"), then=after[0], prefix="planned: "),
        **_steps(function, after, then=_END),
        _END: {"Type": "Succeed"},
        **_refuse(function),
    }
    return {
        "Comment": "Moves a mirror set from one region to the other, or refuses to",
        "StartAt": "preflight",
        "TimeoutSeconds": _LONGEST_SECONDS,
        "States": states,
    }


def _steps(function: str, names: Sequence[str], *, then: str, prefix: str = "", caught: bool = True) -> States:
    """Steps one after the other, each again until it is done.

    Args:
        function: ARN of the function.
        names: The steps.
        then: The state after them; empty: none.
        prefix: What the states' names begin with, where a step stands twice.
        caught: Whether refusals are caught by each step, and not by what they are in.
    """
    states: States = {}
    for name, following in zip(names, (*(f"{prefix}{each}" for each in names[1:]), then), strict=True):
        catch = [{"ErrorEquals": [REFUSED], "ResultPath": "$.refused", "Next": _GIVE_UP}] if caught else []
        states |= _until_done(f"{prefix}{name}", _task(function, name), catch, then=following or f"{prefix}{name}: end")
        if not following:
            states[f"{prefix}{name}: end"] = {"Type": "Pass", "End": True}
    return states


def _until_done(state: str, task: dict[str, Any], catch: list[dict[str, Any]], *, then: str) -> States:
    done, again = f"{state}: done?", f"{state}: wait"
    return {
        state: {**task, **({"Catch": catch} if catch else {}), "Next": done},
        done: {
            "Type": "Choice",
            "Choices": [{"Variable": "$.last.done", "BooleanEquals": True, "Next": then}],
            "Default": again,
        },
        again: {"Type": "Wait", "SecondsPath": "$.last.wait_seconds", "Next": state},
    }


def _task(function: str, step: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": function,
        "Parameters": _payload(step, more or {}),
        "ResultPath": "$.last",
        "TimeoutSeconds": _STEP_SECONDS,
        "Retry": [_never(REFUSED), _FOR_EVER],
    }


def _payload(step: str, more: Mapping[str, str]) -> dict[str, str]:
    given = {"mirror_set.$": "$.mirror_set", "promotion.$": "$.promotion", "execution.$": "$$.Execution.Name"}
    return {"step": step, **given, **more}


def _approval(function: str, partition: str, *, then: str) -> dict[str, Any]:
    """Waits until a person has approved the plan; the function refuses when the time for that is over."""
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": function, "Payload": _payload("approval", {"task_token.$": "$$.Task.Token"})},
        "ResultPath": "$.last",
        "TimeoutSeconds": APPROVAL_ASKED_EVERY_SECONDS,
        "Retry": [_never(REFUSED, "States.Timeout"), _FOR_EVER],
        "Catch": [
            {"ErrorEquals": [REFUSED], "ResultPath": "$.refused", "Next": _GIVE_UP},
            {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.last", "Next": "approval"},
        ],
        "Next": then,
    }


def _both(function: str, branches: Sequence[Sequence[str]], *, then: str, prefix: str = "") -> dict[str, Any]:
    """What concerns the database and what concerns the tiers, at the same time."""
    return {
        "Type": "Parallel",
        "Branches": [
            {
                "StartAt": f"{prefix}{names[0]}",
                "States": _steps(function, names, then="", prefix=prefix, caught=False),
            }
            for names in branches
        ],
        # Not null, which would keep the input: the CDK leaves what is null out of the JSON that it makes.
        "ResultPath": "$.branches",
        "Catch": [{"ErrorEquals": [REFUSED], "ResultPath": "$.refused", "Next": _GIVE_UP}],
        "Next": then,
    }


def _refuse(function: str) -> States:
    """Gives the move up, and undoes what was prepared. It ends well: that nothing was moved is not a fault of the workflow.

    A move that is committed can't be given up: that a step of it was refused is one.
    """
    task = _task(function, _GIVE_UP, {"why.$": "$.refused.Cause"})
    catch = [{"ErrorEquals": [REFUSED], "ResultPath": "$.last", "Next": "given up"}]
    return {
        **_until_done(_GIVE_UP, task, catch, then="given up?"),
        "given up?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.last.state", "StringEquals": "committed", "Next": "stopped"}],
            "Default": "given up",
        },
        "given up": {"Type": "Succeed"},
        "stopped": {
            "Type": "Fail",
            "Error": "MoveStopped",
            "Cause": "A step after the point of no return was refused. See docs/runbooks/move-stuck.md, then resume the move",
        },
    }


def _never(*errors: str) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "MaxAttempts": 0}
