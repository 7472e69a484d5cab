"""What Systems Manager would refuse of a document, and what our interpreter doesn't know."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.automation.selectors import SELECTOR

#: API, CreateDocument: a document has at most 64 KB.
SIZE = 65_536

_TOP = {"schemaVersion", "description", "assumeRole", "parameters", "mainSteps"}
_PARAMETER = {"type", "description", "default", "allowedValues", "minItems", "maxItems"}
_STEP = {
    "name", "action", "description", "maxAttempts", "timeoutSeconds", "onFailure", "isEnd", "nextStep", "inputs", "outputs",
}  # fmt: skip
#: The inputs each action takes, and whether it may have others (those of the API operation).
_INPUTS: dict[str, tuple[set[str], set[str], bool]] = {
    "aws:approve": ({"Approvers"}, {"Message", "MinRequiredApprovals"}, False),
    "aws:assertAwsResourceProperty": ({"Service", "Api", "PropertySelector", "DesiredValues"}, set(), True),
    "aws:branch": ({"Choices", "Default"}, set(), False),
    "aws:executeAwsApi": ({"Service", "Api"}, set(), True),
    "aws:runCommand": ({"DocumentName", "InstanceIds", "Parameters", "TimeoutSeconds"}, set(), False),
    "aws:sleep": ({"Duration"}, set(), False),
}
_OPERATORS = {"StringEquals", "StartsWith", "Contains"}
_VARIABLE = re.compile(r"\{\{([^}]*)\}\}")


def problems(document: Mapping[str, Any]) -> list[str]:
    """Says what is wrong with a document; an empty list if nothing is."""
    return list(_problems(document))


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    if unknown := set(document) - _TOP:
        yield f"unknown at the top: {sorted(unknown)}"
    if document.get("schemaVersion") != "0.3":
        yield "an Automation document has schemaVersion 0.3"
    if (size := len(json.dumps(document).encode())) > SIZE:
        yield f"{size} bytes are more than {SIZE}"
    for name, parameter in document.get("parameters", {}).items():
        yield from _parameter(name, parameter)
    steps = document["mainSteps"]
    names = [step["name"] for step in steps]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two steps are called {name}"
    for step in steps:
        yield from _step(step)
    following = {step["name"]: set(successors(step, names)) for step in steps}
    for name, after in following.items():
        yield from (f"{name} goes to {other}, which isn't there" for other in sorted(after - set(names)))
    yield from _graph(following, names[0])
    yield from _variables(document, following)


def _parameter(name: str, parameter: Mapping[str, Any]) -> Iterator[str]:
    if unknown := set(parameter) - _PARAMETER:
        yield f"parameter {name} has {sorted(unknown)}"
    if parameter["type"] not in ("String", "StringList"):
        yield f"parameter {name} is a {parameter['type']}"
    if "default" in parameter and parameter["default"] not in parameter.get("allowedValues", [parameter["default"]]):
        yield f"the default of parameter {name} isn't allowed"


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    name, action = step["name"], step["action"]
    if unknown := set(step) - _STEP:
        yield f"{name} has {sorted(unknown)}"
    if not re.fullmatch(r"[A-Za-z0-9_]{3,128}", name):
        yield f"{name} is no name of a step"
    if action not in _INPUTS:
        yield f"{name}: {action} is not interpreted"
        return
    needed, optional, open_ended = _INPUTS[action]
    given = set(step["inputs"])
    if needed - given or (given - needed - optional and not open_ended):
        yield f"{name}: {action} takes {sorted(needed | optional)}, got {sorted(given)}"
    if not re.fullmatch(r"Abort|Continue|step:\w+", step.get("onFailure", "Abort")):
        yield f"{name}: onFailure is {step['onFailure']}"
    for output in step.get("outputs", []):
        if action != "aws:executeAwsApi" or not SELECTOR.fullmatch(output["Selector"]):
            yield f"{name} has an output that is not interpreted"
    for choice in step["inputs"].get("Choices", []):
        for condition in choice.get("And", [choice]):
            if set(condition) - {"NextStep", "Variable"} - _OPERATORS or len(set(condition) & _OPERATORS) != 1:
                yield f"{name} has a condition that is not interpreted: {condition}"


def successors(step: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    """The steps a step may be followed by."""
    if step["action"] == "aws:branch":
        yield from (choice["NextStep"] for choice in step["inputs"]["Choices"])
        yield step["inputs"]["Default"]
    elif "nextStep" in step:
        yield step["nextStep"]
    elif not step.get("isEnd") and step["name"] != names[-1]:
        yield names[names.index(step["name"]) + 1]
    if step.get("onFailure", "Abort").startswith("step:"):
        yield step["onFailure"].removeprefix("step:")


def _graph(following: Mapping[str, set[str]], first: str) -> Iterator[str]:
    """No way leads back: UG, "Using conditional statements in runbooks": a loop is refused when the document is made."""
    reached: set[str] = set()
    on_the_way: list[str] = []

    def visit(name: str) -> Iterator[str]:
        if name in on_the_way:
            yield f"a loop: {' -> '.join([*on_the_way[on_the_way.index(name) :], name])}"
            return
        if name in reached or name not in following:
            return
        reached.add(name)
        on_the_way.append(name)
        for other in sorted(following[name]):
            yield from visit(other)
        on_the_way.pop()

    yield from visit(first)
    yield from (f"nothing leads to {name}" for name in following if name not in reached)


def _variables(document: Mapping[str, Any], following: Mapping[str, set[str]]) -> Iterator[str]:
    """Every variable is a parameter, or an output of a step that every way to its use goes through."""
    outputs = {
        f"{step['name']}.{output}": step["name"]
        for step in document["mainSteps"]
        for output in [
            *(each["Name"] for each in step.get("outputs", [])),
            *(["Output"] if step["action"] == "aws:runCommand" else []),
        ]
    }
    first = document["mainSteps"][0]["name"]
    for step in document["mainSteps"]:
        for variable in {found.strip() for found in _VARIABLE.findall(json.dumps(step))}:
            if variable in document.get("parameters", {}):
                continue
            if variable not in outputs:
                yield f"{step['name']} uses {variable}, which nothing gives"
            elif step["name"] in _reached_without(following, first, outputs[variable]):
                yield f"{step['name']} uses {variable}, and can be reached without it"


def _reached_without(following: Mapping[str, set[str]], first: str, avoided: str) -> set[str]:
    reached, waiting = set(), [first]
    while waiting:
        name = waiting.pop()
        if name in reached or name == avoided:
            continue
        reached.add(name)
        waiting += following.get(name, ())
    return reached
