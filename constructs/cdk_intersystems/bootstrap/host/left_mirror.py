"""What a member remembers that was taken out of its mirror to be rebuilt: with which volumes it left.

As long as the mark is there nothing but `iris-region restored` brings the member back. With the databases that it left with it
must not join, nor may a member that once created the mirror create another one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Optional

from .context import STATE, sync
from .errors import StepError

if TYPE_CHECKING:
    from .context import Context

#: On the root volume, as everything that is about this host.
MARK = STATE / "left-mirror.json"
#: The role of the volumes that databases are on.
DATA = "data"


def read() -> Optional[list[str]]:
    """The ids of the volumes with which the member has left; None if it hasn't.

    Raises:
        StepError: The mark is there and can't be read.
    """
    try:
        return [str(each) for each in json.loads(MARK.read_text(encoding="utf-8"))["volumes"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(f"{MARK} can't be read: {error}") from None


def write(host: Context, volumes: list[str]) -> None:
    """Leaves the mark, on disk before anything else is done.

    Args:
        host: The host.
        volumes: The ids of the volumes that the databases are on now.
    """
    host.write(MARK, json.dumps({"volumes": volumes}) + "\n", mode=0o600)
    sync(MARK.parent)


def remove() -> None:
    """Removes the mark: the member is in its mirror again."""
    if MARK.exists():
        MARK.unlink()
        sync(MARK.parent)


def refuse() -> None:
    """Refuses whatever would bring the member into the mirror another way.

    Raises:
        StepError: The mark is there.
    """
    if read() is not None:
        raise StepError("this member was taken out of its mirror to be rebuilt: only iris-region restored brings it back")
