"""Command documents of Systems Manager, as stacks define them: what a command of one is, and which parameters it takes.

Source: "Schemas, features, and examples" and "SSM document syntax and formatting" (AWS Systems Manager User Guide).
"""

from __future__ import annotations

import json
import re
from typing import Any

from local.adapter import record
from local.adapter.errors import AwsError

Content = dict[str, Any]
_KIND = "AWS::SSM::Document"
_SHELL_STEP = "aws:runShellScript"
#: AWS's own document that runs what it is told, as far as it matters here.
_OWN: dict[str, Content] = {
    "AWS-RunShellScript": {
        "schemaVersion": "2.2",
        "parameters": {
            "commands": {"type": "StringList"},
            "workingDirectory": {"type": "String", "default": ""},
            "executionTimeout": {"type": "String", "default": "3600"},
        },
        "mainSteps": [{"action": _SHELL_STEP, "name": "runShellScript", "inputs": {"runCommand": "{{ commands }}"}}],
    }
}


def find(name: str) -> Content:
    """A document of the region of the request, by its name.

    Raises:
        AwsError: If there is none, or it is no command document.
    """
    if name in _OWN:
        return _OWN[name]
    kept = record.stored(name)
    if kept is None or kept["type"] != _KIND:
        raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")
    if kept["properties"].get("DocumentType", "Command") != "Command":
        raise AwsError("InvalidDocument", f"Document {name} is of type {kept['properties']['DocumentType']}")
    return content(kept["properties"])


def content(properties: dict[str, Any]) -> Content:
    """A document's content, which a template has as text or as a structure."""
    given = properties["Content"]
    found: Content = json.loads(given) if isinstance(given, str) else given
    return found


def arguments(name: str, document: Content, given: dict[str, Any]) -> dict[str, list[str]]:
    """The parameters of a command: those given, with the document's defaults.

    Raises:
        AwsError: If one is unknown, missing, or not as the document allows.
    """
    declared: dict[str, Any] = document.get("parameters") or {}
    if unknown := sorted(set(given) - set(declared)):
        raise AwsError("InvalidParameters", f"Parameters {unknown} are not defined in document {name}.")
    found: dict[str, list[str]] = {}
    for key, rules in declared.items():
        values = given.get(key, rules.get("default"))
        if values is None:
            raise AwsError("InvalidParameters", f"Parameter {key} is required by document {name}.")
        found[key] = [str(value) for value in (values if isinstance(values, list) else [values])]
        for value in found[key]:
            _check(name, key, rules, value)
    return found


def _check(name: str, key: str, rules: dict[str, Any], value: str) -> None:
    allowed, pattern = rules.get("allowedValues"), rules.get("allowedPattern")
    if allowed is not None and value not in allowed:
        raise AwsError("InvalidParameters", f"Parameter {key} of document {name} must be one of {allowed}.")
    if pattern is not None and not re.fullmatch(pattern, value):
        raise AwsError("InvalidParameters", f"Parameter {key} of document {name} must match {pattern}.")


def script(document: Content, given: dict[str, list[str]]) -> tuple[str, str]:
    """The name of the document's step that runs a shell, and the script it runs, parameters filled in as an agent does.

    Raises:
        AwsError: If the document has no such step: nothing here could run it.
    """
    steps = [step for step in document.get("mainSteps") or [] if step["action"] == _SHELL_STEP]
    if len(steps) != 1:
        raise AwsError("InvalidDocumentContent", f"only documents with one step {_SHELL_STEP} are emulated")
    lines = steps[0]["inputs"]["runCommand"]
    text = lines if isinstance(lines, str) else "\n".join(lines)

    def filled(match: re.Match[str]) -> str:
        return "\n".join(given[match[1]]) if match[1] in given else match[0]

    return str(steps[0].get("name", "")), re.sub(r"\{\{\s*(\w+)\s*\}\}", filled, text)
