"""`cdk-host role`: what role the instance on this host has, as the gate sees it, and whether the gate is open."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ..gate import role

#: What `iris-gate status` ends with.
_GATE = {0: "open", 3: "closed", 4: "not loaded"}
_PROGRAM = Path(__file__).parents[1] / "gate" / "iris-gate"


def tell_role(instance: str, *, as_json: bool = False) -> int:
    """Asks the question of the gate once and prints the answer.

    Args:
        instance: Name of the instance.
        as_json: Whether to print one JSON object with the keys instance, role, why and gate.

    Returns:
        The exit status: 0 primary, 1 not primary, 2 unknown.
    """
    answer = role.ask("iris", instance)
    asked = subprocess.run(["/bin/bash", str(_PROGRAM), "status"], capture_output=True, timeout=10, check=False)
    gate = _GATE.get(asked.returncode, "unknown")
    if as_json:
        print(json.dumps({"instance": instance, "role": answer.word, "why": answer.why, "gate": gate}))  # noqa: T201
    else:
        print(f"{answer.word} ({answer.why}); gate {gate}")  # noqa: T201
    return answer.status
