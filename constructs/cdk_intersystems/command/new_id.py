"""Names of what a command makes, never used before."""

import secrets
from datetime import UTC, datetime


def new_id(kind: str) -> str:
    """A name that tells when it was made.

    Args:
        kind: A letter for what has it.
    """
    return f"{kind}-{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(4)}"
