"""Rules about what moves a mirror between regions: its workflow, and the record of which one holds it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.failover_rules import (
    FUNCTION,
    POLICIES,
    TABLE,
    WRITES_ITEMS,
    allowed,
    is_region_state,
    listed,
)
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.texts import joined

STATE_MACHINE = "AWS::StepFunctions::StateMachine"
# The point of no return, by which the workflow is known among others.
_COMMITS = "commit"
# What changes nothing: looking, asking, and saying no.
_BEFORE_THE_APPROVAL = {"preflight", "approval", "refuse"}
_WAITS_FOR_A_PERSON = ".waitForTaskToken"

States = Mapping[str, Mapping[str, Any]]


@rule(
    "IRIS-35",
    "the workflow that moves a mirror does nothing but look before a person has approved it",
    fix="use RegionFailover, whose workflow waits for the approval, whatever the kind of move",
)
def approved_first(app: Assembly) -> Iterator[Finding]:
    """On every path from its start: also where a state fails, or a choice is made."""
    for machine in app.resources(STATE_MACHINE):
        definition = _definition(machine)
        if definition is None or _COMMITS not in {_step(state) for state in _tasks(definition)}:
            continue
        for state, step in sorted(_unapproved(definition["States"], definition["StartAt"])):
            if step not in _BEFORE_THE_APPROVAL:
                message = f"state {state!r} does {step} with no approval before it"
                yield Finding(machine, message, "Properties.DefinitionString")


@rule(
    "IRIS-38",
    "which region holds a mirror is written by the functions that move it, and by nobody else",
    fix="use RegionFailover and RegionWatch; members read the table, and nobody else needs it",
)
def state_is_the_movers(app: Assembly) -> Iterator[Finding]:
    """Whoever wrote it could fence a region that serves, or give its traffic back."""
    movers = {
        app.identity(function.stack, function.properties.get("Role"))
        for function in app.resources(FUNCTION)
        if "-region-" in str(function.properties.get("FunctionName", ""))
    }
    for policy in app.resources(*POLICIES):
        if {app.identity(policy.stack, role) for role in policy.properties.get("Roles", [])} <= movers:
            continue
        for statement in listed(policy.properties.get("PolicyDocument", {}).get("Statement", [])):
            actions = allowed(statement, *WRITES_ITEMS) if statement.get("Effect") == "Allow" else []
            if actions and any(_may_be_state(app, policy, each) for each in listed(statement.get("Resource", []))):
                message = f"{actions[0]} of which region holds a mirror is allowed"
                yield Finding(policy, message, "Properties.PolicyDocument")


PROMOTION_RULES = (approved_first, state_is_the_movers)


def _may_be_state(app: Assembly, policy: Resource, resource: Any) -> bool:
    table = app.find(policy.stack, resource)
    if table is not None:
        return is_region_state(table)
    # Without an app that moves mirrors there is no such table for a wildcard to mean.
    there = any(is_region_state(each) for each in app.resources(TABLE))
    named = joined(resource)
    return named.endswith("-region-state") or (there and (named == "*" or named.endswith(("table/*", ":*"))))


def _definition(machine: Resource) -> dict[str, Any] | None:
    """What a state machine does; None if another template or a file says it, as nothing of ours does."""
    try:
        definition = json.loads(joined(machine.properties.get("DefinitionString", "")))
    except ValueError:
        return None
    return definition if isinstance(definition, dict) else None


def _tasks(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for state in definition.get("States", {}).values():
        if state["Type"] == "Task":
            yield state
        for branch in state.get("Branches", []):
            yield from _tasks(branch)


def _unapproved(states: States, start: str) -> Iterator[tuple[str, str]]:
    """The states that do something and are reached from a start without passing one that waits for a person."""
    pending, seen = [(states, start)], set()
    while pending:
        among, name = pending.pop()
        if (id(among), name) in seen:
            continue
        seen.add((id(among), name))
        state = among[name]
        if state["Type"] == "Task":
            yield name, _step(state)
        following = [each["Next"] for each in (*state.get("Choices", []), *state.get("Catch", []))]
        if not str(state.get("Resource", "")).endswith(_WAITS_FOR_A_PERSON):
            following += [state[key] for key in ("Next", "Default") if key in state]
        pending += [(among, each) for each in following]
        for branch in state.get("Branches", []):
            pending.append((branch["States"], branch["StartAt"]))


def _step(state: Mapping[str, Any]) -> str:
    """What the function is told to do; the whole task, if it isn't the function that is asked."""
    parameters: Mapping[str, Any] = state.get("Parameters", {})
    payload = parameters.get("Payload", parameters)
    return str(payload.get("step", state.get("Resource")))
