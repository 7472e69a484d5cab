"""The document that brings a new version of the configuration to both failover members, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .members import apply, ask, hand_over, needs_parameter, suffices, told, wait
from .steps import branch, chosen, document, done, every, find_members, one_at_a_time, refusal

if TYPE_CHECKING:
    from cdk_intersystems.model.topology import FailoverMemberId

    from .steps import Document, Mirror, Step

ROLL: Final = "roll"
TAKE_OUT: Final = "take-out"

CHANGING: Final = (ROLL, TAKE_OUT)
"""The documents that change a mirror. While one of them runs, both refuse to begin."""


def roll_document(mirror: Mirror) -> Document:
    """Applies the published version to the backup, lets it become the primary, and applies it to the other member.

    Both orders stand in the document, since which member is the backup is only known when it runs. Run again after any
    failure or interruption it looks at the members anew: one that has the version already is skipped.

    Args:
        mirror: The mirror.
    """
    return document(
        mirror,
        f"Applies the published configuration to the members of mirror {mirror.name} of {mirror.deployment}, one at a time, "
        "the backup first. Stops before the next member if anything is not as expected; run it again to go on.",
        {
            "PrimaryAfterwards": {
                "type": "String",
                "allowedValues": ["either", "a", "b"],
                "default": "either",
                "description": (
                    "Which member is to be the primary at the end. To fail back, name the member that is the primary now. With "
                    "either, the roles stay as the change left them."
                ),
            },
            **needs_parameter(),
        },
        [
            *one_at_a_time(mirror, CHANGING, then="FindA"),
            *find_members(mirror, then="AskA"),
            ask("a", "AskA", then="AskB"),
            ask("b", "AskB", then="WhoIsPrimary"),
            branch(
                "WhoIsPrimary",
                "The member that isn't the primary comes first.",
                [
                    (every(told(f"Ask{y}", "role", "primary"), told(f"Ask{x}", "role", role)), f"Does{x}ComeFirst")
                    for x, y in ("AB", "BA")
                    for role in ("backup", "none")
                ],
                default="RefusedNotOnePrimary",
            ),
            refusal(mirror, "RefusedNotOnePrimary", "exactly one member has to be the primary: look at the Mirror Monitor"),
            *_first(mirror, "a", "b"),
            *_second(mirror, "a", "b"),
            *_end(mirror, "a", "b"),
            *_first(mirror, "b", "a"),
            *_second(mirror, "b", "a"),
            *_end(mirror, "b", "a"),
        ],
    )


def _first(mirror: Mirror, first: FailoverMemberId, second: FailoverMemberId) -> list[Step]:
    """The member that isn't the primary: applies the version and waits until it is an active backup again."""
    x, y = first.upper(), second.upper()
    is_backup = told(f"Ask{x}", "role", "backup")
    return [
        branch(
            f"Does{x}ComeFirst",
            f"Skips member {first} if it has the version. Begins if the mirror is ready, or if {first} was interrupted before.",
            [
                (every(is_backup, told(f"Ask{x}", "current", "yes")), f"WaitFor{x}"),
                (told(f"Ask{x}", "unfinished", "yes"), f"ApplyTo{x}"),
                *((case, f"ApplyTo{x}") for case in suffices(f"Ask{y}", is_backup)),
            ],
            default=f"RefusedBefore{x}",
        ),
        refusal(
            mirror,
            f"RefusedBefore{x}",
            f"before anything is changed member {first} has to be an active backup, caught up, and the arbiter connected to "
            "both (Needs=active does without the arbiter)",
        ),
        apply(first, f"ApplyTo{x}", then=f"WaitFor{x}"),
        wait(first, f"WaitFor{x}", then=f"Ask{y}Before"),
        ask(second, f"Ask{y}Before", then=f"Is{y}Next"),
    ]


def _second(mirror: Mirror, first: FailoverMemberId, second: FailoverMemberId) -> list[Step]:
    """The primary: hands over to the first, applies the version, and comes back as the backup."""
    x, y = first.upper(), second.upper()
    is_primary = told(f"Ask{y}Before", "role", "primary")
    may_stay = (
        every(is_primary, told(f"Ask{y}Before", "current", "yes"), chosen("PrimaryAfterwards", wanted))
        for wanted in ("either", second)
    )
    return [
        branch(
            f"Is{y}Next",
            f"Done if member {second} has the version and may stay the primary. Hands over only in a mirror that is ready.",
            [
                *((case, f"Ask{x}AtTheEnd") for case in may_stay),
                *((case, f"HandOverTo{x}") for case in suffices(f"Ask{y}Before", is_primary)),
            ],
            default=f"RefusedBefore{y}InTurn",
        ),
        refusal(
            mirror,
            f"RefusedBefore{y}InTurn",
            f"member {first} has the version; before the roles change member {second} has to be the primary, member {first} an "
            "active backup, and the arbiter connected to both",
        ),
        *hand_over(mirror, second, first, f"HandOverTo{x}", then=f"ApplyTo{y}InTurn"),
        apply(second, f"ApplyTo{y}InTurn", then=f"WaitFor{y}InTurn"),
        wait(second, f"WaitFor{y}InTurn", then=f"Does{y}GoBack"),
    ]


def _end(mirror: Mirror, first: FailoverMemberId, second: FailoverMemberId) -> list[Step]:
    """Fails back if wanted, and makes sure that all is as it should be."""
    x, y = first.upper(), second.upper()
    asked = {first: f"Ask{x}AtTheEnd", second: f"Ask{x}{y}AtTheEnd"}
    as_wanted = (
        case
        for primary in (first, second)
        for wanted in ("either", primary)
        for case in suffices(
            asked[primary],
            told(asked[primary], "role", "primary"),
            *(told(each, "current", "yes") for each in asked.values()),
            chosen("PrimaryAfterwards", wanted),
        )
    )
    return [
        branch(
            f"Does{y}GoBack",
            f"Fails back to member {second} if it is to be the primary.",
            [(chosen("PrimaryAfterwards", second), f"HandBackTo{y}")],
            default=asked[first],
        ),
        *hand_over(mirror, first, second, f"HandBackTo{y}", then=f"Start{x}"),
        apply(first, f"Start{x}", then=f"WaitFor{x}InTheEnd"),
        wait(first, f"WaitFor{x}InTheEnd", then=asked[first]),
        ask(first, asked[first], then=asked[second]),
        ask(second, asked[second], then=f"IsAllWell{x}{y}"),
        branch(
            f"IsAllWell{x}{y}",
            "Ends well if both have the version that is published now, the mirror is ready, and the roles are as wanted.",
            [(case, f"Done{x}{y}") for case in as_wanted],
            default=f"RefusedInTheEnd{x}{y}",
        ),
        refusal(
            mirror,
            f"RefusedInTheEnd{x}{y}",
            "another version was published meanwhile, or roles or readiness changed in the end: run this again",
        ),
        done(f"Done{x}{y}", "Both members have the version, and the mirror is ready."),
    ]
