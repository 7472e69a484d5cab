"""The document that looks at a mirror and changes nothing: before and after a change that is made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .members import ask, needs_parameter, suffices, told, wait
from .steps import branch, document, done, every, find_members, refusal

if TYPE_CHECKING:
    from cdk_intersystems.model.topology import FailoverMemberId

    from .steps import Condition, Document, Mirror, Step

CHECK: Final = "check"


def check_document(mirror: Mirror) -> Document:
    """Waits until the mirror is ready: one primary, one active backup, caught up, the arbiter connected to both.

    Args:
        mirror: The mirror.
    """
    return document(
        mirror,
        f"Waits until mirror {mirror.name} of {mirror.deployment} is ready: one member the primary, the other an active "
        "backup, caught up, the arbiter connected to both. Changes nothing.",
        needs_parameter(),
        [
            *find_members(mirror, then="AskA"),
            ask("a", "AskA", then="AskB"),
            ask("b", "AskB", then="WhoIsPrimary"),
            branch(
                "WhoIsPrimary",
                "Waits for the member that isn't the primary, unless it was stopped and nobody is about to start it.",
                [case for x, y in ("AB", "BA") for case in _cases(x, y)],
                default="RefusedNotOnePrimary",
            ),
            refusal(mirror, "RefusedNotOnePrimary", "exactly one member has to be the primary: look at the Mirror Monitor"),
            refusal(mirror, "RefusedUnfinished", "a change of a member was begun and didn't end: run the rolling change"),
            *_path(mirror, "a", "b"),
            *_path(mirror, "b", "a"),
        ],
    )


def _cases(x: str, y: str) -> list[tuple[Condition, str]]:
    """Where to go on if y is the primary."""
    is_primary, is_nothing = told(f"Ask{y}", "role", "primary"), told(f"Ask{x}", "role", "none")
    return [
        (every(is_primary, told(f"Ask{x}", "role", "backup")), f"WaitFor{x}"),
        (every(is_primary, is_nothing, told(f"Ask{x}", "unfinished", "no")), f"WaitFor{x}"),
        (every(is_primary, is_nothing, told(f"Ask{x}", "unfinished", "yes")), "RefusedUnfinished"),
    ]


def _path(mirror: Mirror, backup: FailoverMemberId, primary: FailoverMemberId) -> list[Step]:
    x, y = backup.upper(), primary.upper()
    asked = f"Ask{y}AtTheEnd"
    return [
        wait(backup, f"WaitFor{x}", then=asked),
        ask(primary, asked, then=f"IsTheMirrorReadyFor{y}"),
        branch(
            f"IsTheMirrorReadyFor{y}",
            "Ends well if the primary finds the mirror ready too.",
            [(case, f"Done{y}") for case in suffices(asked, told(asked, "role", "primary"))],
            default=f"RefusedMirrorNotReadyFor{y}",
        ),
        refusal(mirror, f"RefusedMirrorNotReadyFor{y}", f"member {primary} isn't the primary, or finds the mirror not ready"),
        done(f"Done{y}", f"The mirror is ready, and member {primary} is the primary."),
    ]
