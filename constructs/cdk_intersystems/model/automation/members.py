"""What the documents ask a member and let its host do: each is one call of `cdk-host`.

A member that is asked answers in one line of `key=value;`, in which branches look for the values they know:

- `role`: `primary`, `backup`, or `none` (IRIS is stopped, or neither yet)
- `mirror`: `ready` if the backup would take over should the primary fail, as the mirror itself judges it; `active` if the
  backup is active and the mirror not ready all the same: without the arbiter, or with databases far behind; else `no`
- `current`: `yes` if the version that is published is the one that was applied completely
- `unfinished`: `yes` if a change of this member was begun and didn't end
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .steps import Condition, Step, branch, chosen, every, refusal

if TYPE_CHECKING:
    from cdk_intersystems.model.topology import FailoverMemberId

    from .steps import Mirror

HOST: Final = "/usr/local/bin/cdk-host"
"""What is called on a host."""

SHELL: Final = "AWS-RunShellScript"
"""The Command document that runs it."""

READY: Final = "ready"
ACTIVE: Final = "active"

# A question is answered in a second or two; by a member that is changing roles after half a minute, and a minute later at the
# latest. A member that has to fetch, install and restart IRIS takes minutes, and one that catches up with hours of journals
# takes longer. Stopping IRIS has a limit of 15 minutes on the host, and taking over or starting again come after it.
ASK_SECONDS: Final = 150
APPLY_SECONDS: Final = 3600
CATCH_UP_SECONDS: Final = 3600
STOP_SECONDS: Final = 2400

# Source: Systems Manager API Reference, SendCommand, TimeoutSeconds: at least 30; for how long a command waits for its host.
_DELIVERY_SECONDS: Final = 60
# So that the inner time limit comes first, and its result says what happened.
_SLACK_SECONDS: Final = 60


def needs_parameter() -> dict[str, Any]:
    """The parameter by which an operator says that a mirror without its arbiter will do."""
    return {
        "Needs": {
            "type": "String",
            "allowedValues": [READY, ACTIVE],
            "default": READY,
            "description": (
                "What the mirror has to be before each step. ready: able to fail over by itself, its arbiter connected to both "
                "members. active: with an active backup, even if the arbiter is down; then nobody takes over if a host is lost."
            ),
        }
    }


def ask(member: FailoverMemberId, name: str, *, then: str) -> Step:
    """A step that asks a member what it is."""
    return _call(member, name, f"Asks member {member} what it is.", "member tell", ASK_SECONDS, then=then, attempts=3)


def apply(member: FailoverMemberId, name: str, *, then: str) -> Step:
    """A step that applies the published version to a member, and starts its IRIS if it is stopped. The primary refuses."""
    description = f"Applies the published version to member {member}; the host refuses if it is the primary."
    return _call(member, name, description, "apply", APPLY_SECONDS, then=then)


def stop(member: FailoverMemberId, name: str, *, then: str) -> Step:
    """A step that stops the IRIS of a member. The primary refuses."""
    description = f"Stops IRIS on member {member}; the host refuses if it is the primary."
    return _call(member, name, description, "member stop", STOP_SECONDS, then=then)


def wait(member: FailoverMemberId, name: str, *, then: str) -> Step:
    """A step that waits until a member is an active backup in a mirror that is what the operator needs."""
    description = f"Waits until member {member} is an active backup, caught up."
    call = f"member await --needs {{{{ Needs }}}} --seconds {CATCH_UP_SECONDS}"
    return _call(member, name, description, call, CATCH_UP_SECONDS + _SLACK_SECONDS, then=then)


def hand_over(mirror: Mirror, member: FailoverMemberId, to: FailoverMemberId, name: str, *, then: str) -> list[Step]:
    """Steps that stop the IRIS of the primary so that the other member takes over, and make sure that it did.

    The host of the primary looks once more whether the other member can take over before it stops, and starts again if the
    other one doesn't.

    Args:
        mirror: The mirror.
        member: The primary.
        to: The other member.
        name: Name of the first step.
        then: The step after them.
    """
    asked, sure = f"Ask{to.upper()}After{name}", f"Did{name}Succeed"
    description = f"Stops IRIS on member {member}, so that member {to} takes over."
    call = "member hand-over --needs {{ Needs }}"
    return [
        _call(member, name, description, call, STOP_SECONDS, then=asked),
        ask(to, asked, then=sure),
        branch(
            sure,
            f"Goes on only if member {to} is the primary.",
            [(told(asked, "role", "primary"), then)],
            default=f"RefusedAfter{name}",
        ),
        refusal(mirror, f"RefusedAfter{name}", f"member {to} has to be the primary now, and says it is not"),
    ]


def told(step: str, key: str, value: str) -> Condition:
    """Holds if a member that was asked said so."""
    return {"Variable": f"{{{{ {step}.Output }}}}", "Contains": f"{key}={value};"}


def suffices(step: str, *more: Condition) -> list[Condition]:
    """The cases in which a member that was asked finds the mirror to be what the operator needs; each suffices.

    Args:
        step: The step that asked.
        *more: What has to hold beside it.
    """
    return [
        every(*more, told(step, "mirror", READY)),
        every(*more, told(step, "mirror", ACTIVE), chosen("Needs", ACTIVE)),
    ]


def _call(
    member: FailoverMemberId, name: str, description: str, call: str, seconds: int, *, then: str, attempts: int = 1
) -> Step:
    """A step that calls `cdk-host` and fails if that fails or takes too long.

    Args:
        member: The member; its host was found by `find_members`.
        name: Name of the step.
        description: What it is for.
        call: The arguments of `cdk-host`.
        seconds: How long the call may take.
        then: The step after it.
        attempts: How often it is tried; more than once only what changes nothing.
    """
    return {
        "name": name,
        "description": description,
        "action": "aws:runCommand",
        "maxAttempts": attempts,
        "timeoutSeconds": seconds + _DELIVERY_SECONDS + _SLACK_SECONDS,
        "onFailure": "Abort",
        "inputs": {
            "DocumentName": SHELL,
            "InstanceIds": [f"{{{{ Find{member.upper()}.InstanceId }}}}"],
            "TimeoutSeconds": _DELIVERY_SECONDS,
            "Parameters": {"commands": [f"{HOST} {call}"], "executionTimeout": [str(seconds)]},
        },
        "nextStep": then,
    }
