"""The SSM Command document by which the DR region's automation has a member do one step of a move: it runs `iris-region`.

Each region has one for each of its mirror sets, under the same name. Whoever may send it can do these steps and nothing else
on a member: what is run is fixed here, and a parameter that isn't of its pattern is refused by Systems Manager.

Pure. A test has the program's own parser accept every command that stands here.
"""

from typing import Any, Final

from .names import checked_name

#: What is called on a member; `bootstrap/host/steps/region.py` installs it.
PROGRAM: Final = "/usr/local/sbin/iris-region"

#: The commands of `bootstrap/region/command.py`, but for the one that systemd gives.
COMMANDS: Final = (
    "status",
    "promote",
    "await-primary",
    "demote",
    "demote-partner",
    "stop",
    "start",
    "fence",
    "unfence",
    "freeze",
    "thaw",
    "leave",
    "restored",
)

#: Letters, digits and what ids have. No quotes, no `$`, no `;`: the words are passed on unquoted.
ARGUMENTS_PATTERN: Final = "^[A-Za-z0-9 ._-]{0,200}$"

#: The longest step is a stop in good order (15 minutes on the host), or a start that recovers databases. Source: Systems
#: Manager User Guide, aws:runShellScript, timeoutSeconds: 1 to 172800.
_SECONDS: Final = 3600


def region_document_name(deployment: str, mirror_set: str) -> str:
    """The document's name.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.

    Raises:
        ValueError: A name can't be part of a document's.
    """
    # Source: Systems Manager API Reference, CreateDocument, Name: 3 to 128 letters, digits and . - _; not aws or amzn first.
    return f"cdk-intersystems-{checked_name(deployment)}-{checked_name(mirror_set)}-region"


def region_document(deployment: str, mirror_set: str) -> dict[str, Any]:
    """Its content: a Command document of schema 2.2.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
    """
    return {
        "schemaVersion": "2.2",
        "description": (
            f"One step of the move of mirror {mirror_set} of {deployment} to another region, on one member: iris-region."
        ),
        "parameters": {
            "Command": {"type": "String", "description": "The step.", "allowedValues": list(COMMANDS)},
            "Arguments": {
                "type": "String",
                "description": "Its arguments: --partner auto --promotion ID, or --epoch 3 --serving dr.",
                "default": "",
                "allowedPattern": ARGUMENTS_PATTERN,
            },
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "step",
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {
                    "timeoutSeconds": str(_SECONDS),
                    # Both are of their patterns: there is nothing in them that a shell reads as more than words.
                    "runCommand": [f"exec {PROGRAM} {{{{ Command }}}} {{{{ Arguments }}}}"],
                },
            }
        ],
    }
