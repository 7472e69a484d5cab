"""What a failover member does when it has lost a connection. Pure.

Source: High Availability Guide 2025.3, section 3.3.5, "Automatic Failover Mechanics Detailed", with its table 3-1.
"""

from enum import Enum
from typing import Literal

Mode = Literal["arbiter", "agent"]


class PrimaryResponse(Enum):
    """What the primary does."""

    CONTINUE = "goes on as primary"
    CONTINUE_ALONE = "goes on as primary, in agent-controlled mode, without an active backup"
    AGENT_MODE = "goes on as primary, in agent-controlled mode, with its backup"
    TROUBLE = "in trouble until it hears of the backup or a person acts: the backup may have taken over"
    TROUBLE_UNTIL_TIMEOUT = "in trouble until the trouble timeout, then goes on alone"


class BackupResponse(Enum):
    """What the backup does."""

    WAIT = "nothing: the arbiter hasn't decided yet, or it isn't its turn"
    AGENT_MODE = "remains backup, in agent-controlled mode"
    FALL_BEHIND = "is no longer active, and tries to reach the primary again"
    TAKE_OVER = "becomes primary"


def primary_response(
    *, mode: Mode, active: bool, lost_backup: bool, reaches_backup: bool, lost_arbiter: bool, reaches_arbiter: bool
) -> PrimaryResponse:
    """What the primary does.

    Args:
        mode: The mirror's mode.
        active: Whether the backup is active: it has everything the primary has committed.
        lost_backup: Whether the primary has noticed that its connection to the backup is broken.
        reaches_backup: Whether the connection can in fact be used: a member that loses one connection tests the other.
        lost_arbiter: Whether it has noticed that its connection to the arbiter is broken.
        reaches_arbiter: Whether that can in fact be used.
    """
    if lost_backup:
        if not active:
            return PrimaryResponse.CONTINUE
        if mode == "agent":
            return PrimaryResponse.TROUBLE_UNTIL_TIMEOUT
        return PrimaryResponse.CONTINUE_ALONE if reaches_arbiter else PrimaryResponse.TROUBLE
    if lost_arbiter and mode == "arbiter" and reaches_backup:
        return PrimaryResponse.AGENT_MODE
    return PrimaryResponse.CONTINUE


def backup_response(
    *,
    mode: Mode,
    active: bool,
    lost_primary: bool,
    reaches_primary: bool,
    lost_arbiter: bool,
    reaches_arbiter: bool,
    arbiter_lost_primary: bool,
    arbiter_reaches_primary: bool,
    agent_says_down: bool,
) -> BackupResponse:
    """What the backup does.

    Args:
        mode: The mirror's mode.
        active: Whether this backup is active.
        lost_primary: Whether it has noticed that its connection to the primary is broken.
        reaches_primary: Whether that can in fact be used.
        lost_arbiter: Whether it has noticed that its connection to the arbiter is broken.
        reaches_arbiter: Whether that can in fact be used.
        arbiter_lost_primary: Whether the arbiter has noticed that the primary doesn't answer.
        arbiter_reaches_primary: Whether it could.
        agent_says_down: Whether the ISCAgent of the primary's host answers, and says that the instance is down. It has the
            primary's newest journal for a backup that isn't active.
    """
    if not lost_primary:
        return BackupResponse.AGENT_MODE if lost_arbiter and mode == "arbiter" and reaches_primary else BackupResponse.WAIT
    if agent_says_down:
        return BackupResponse.TAKE_OVER
    if mode == "agent" or not active:
        # Only the primary itself or its agent can let it take over, and neither answers.
        return BackupResponse.FALL_BEHIND if active else BackupResponse.WAIT
    if not reaches_arbiter:
        return BackupResponse.FALL_BEHIND
    if arbiter_lost_primary:
        return BackupResponse.TAKE_OVER
    # The arbiter hears the primary; or it doesn't, and will notice within the QoS timeout.
    return BackupResponse.FALL_BEHIND if arbiter_reaches_primary else BackupResponse.WAIT
