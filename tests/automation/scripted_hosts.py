"""Hosts that answer as a test says and let every command succeed: for what a document decides, whatever it is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tests.automation.interpreter import Automation, Execution, Ran
from tests.automation.simulated_mirror import SimulatedMirror

Told = tuple[str, str, str, str]
"""What a member tells: role, mirror, current, unfinished."""

ROLES = ("primary", "backup", "none")
MIRROR = ("ready", "active", "no")
YES_NO = ("yes", "no")

EVERYTHING: tuple[Told, ...] = tuple(product(ROLES, MIRROR, YES_NO, YES_NO))
"""All that a member can tell."""


@dataclass
class ScriptedHosts:
    """Two hosts.

    Args:
        told: What is told at each step that asks.
        otherwise: What is told at steps that aren't named.
        calls: What was called: the member's letter and the words of `cdk-host`, questions left out.
    """

    told: Mapping[str, Told]
    otherwise: Told = ("backup", "ready", "yes", "no")
    calls: list[str] = field(default_factory=list)
    approvals: int = 0
    _step: str = ""

    def run(self, document: Mapping[str, Any], **parameters: Any) -> Execution:
        """Runs a document on them."""
        answers = SimulatedMirror()

        def approve(message: str) -> str:
            self.approvals += 1
            return "Approved"

        def before(name: str) -> None:
            self._step = answers.step = name

        return Automation(api=answers.api, host=self._host, approve=approve, before=before).run(document, parameters)

    def _host(self, instance: str, command: str, seconds: int) -> Ran:
        words = command.split()[1:]
        if words == ["member", "tell"]:
            told = self.told.get(self._step, self.otherwise)
            keys = ("role", "mirror", "current", "unfinished")
            return Ran(0, " ".join(f"{key}={value};" for key, value in zip(keys, told, strict=True)) + "\n")
        verb = words[1] if words[0] == "member" else words[0]
        self.calls.append(f"{instance.removeprefix('i-')} {verb}")
        return Ran(0)


def suffices(mirror: str, needs: str) -> bool:
    """Whether a mirror that is told so is what an operator needs."""
    return mirror in ("ready", needs)


def every(*choices: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """Every combination."""
    return product(*choices)
