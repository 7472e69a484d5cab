"""Rules about a plan of AWS's Region switch that moves a mirror: it orders, and decides nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.failover_rules import FUNCTION, POLICIES, WRITES_ITEMS, allowed, listed
from cdk_intersystems.policy.rules.rule import Finding, rule

PLAN = "AWS::ARCRegionSwitch::Plan"
_LAMBDA = "CustomActionLambda"
# The function that asks the record of the move, and those that do what it says. Each has the mirror's name before it.
_ASKS, _MOVES = "-region-switch", "-region-"
# By these a move is approved, or what says that it was is written; the last calls the API, which approves for whoever signs.
_APPROVES = (*WRITES_ITEMS, "states:SendTaskSuccess", "arc-region-switch:ApprovePlanExecutionStep", "execute-api:Invoke")


@rule(
    "IRIS-39",
    "a Region switch plan that moves a mirror is started by no alarm, and no step of it approves a move or does it unasked",
    fix="use RegionFailover with region_switch: its plan has no triggers, and each step is the function that asks the record",
)
def plan_decides_nothing(app: Assembly) -> Iterator[Finding]:
    """Whether it is ours is known by what its steps invoke."""
    for plan in app.resources(PLAN):
        steps = [step for workflow in plan.properties.get("Workflows", []) for step in _steps(workflow.get("Steps", []))]
        functions = {name: each for step in steps for each in _functions(app, plan, step) for name in [_name(each)]}
        if not any(_MOVES in name for name in functions):
            continue
        if plan.properties.get("Triggers"):
            yield Finding(plan, "an alarm starts it: across regions a person decides", "Properties.Triggers")
        for step in steps:
            kind, names = step.get("ExecutionBlockType"), [_name(each) for each in _functions(app, plan, step)]
            if kind != _LAMBDA:
                yield Finding(plan, f"step {step.get('Name')!r} is a {kind}, which asks nobody", "Properties.Workflows")
            elif not names or not all(name.endswith(_ASKS) for name in names):
                what = ", ".join(names) or "a function of another app"
                yield Finding(plan, f"step {step.get('Name')!r} invokes {what}, past the record", "Properties.Workflows")
        roles = {app.identity(plan.stack, plan.properties.get("ExecutionRole"))}
        roles |= {app.identity(each.stack, each.properties.get("Role")) for each in functions.values()}
        yield from _approving(app, roles)


REGION_SWITCH_RULES = (plan_decides_nothing,)


def _steps(steps: Any) -> Iterator[Mapping[str, Any]]:
    """All steps, those that are done at the same time included."""
    for step in steps:
        inner = step.get("ExecutionBlockConfiguration", {}).get("ParallelConfig", {}).get("Steps")
        if inner is None:
            yield step
        else:
            yield from _steps(inner)


def _functions(app: Assembly, plan: Resource, step: Mapping[str, Any]) -> Iterator[Resource]:
    configuration = step.get("ExecutionBlockConfiguration", {}).get("CustomActionLambdaConfig", {})
    for each in configuration.get("Lambdas", []):
        function = app.find(plan.stack, each.get("Arn"))
        if function is not None and function.type == FUNCTION:
            yield function


def _name(function: Resource) -> str:
    return str(function.properties.get("FunctionName", ""))


def _approving(app: Assembly, roles: set[str]) -> Iterator[Finding]:
    for policy in app.resources(*POLICIES):
        if roles.isdisjoint(app.identity(policy.stack, role) for role in policy.properties.get("Roles", [])):
            continue
        for statement in listed(policy.properties.get("PolicyDocument", {}).get("Statement", [])):
            if statement.get("Effect") == "Allow" and (actions := allowed(statement, *_APPROVES)):
                yield Finding(policy, f"{actions[0]} is allowed to the plan or its function", "Properties.PolicyDocument")
