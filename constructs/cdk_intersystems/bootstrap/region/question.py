"""Which region holds the mirror: decided from what can be read of it. Pure.

Each move of the mirror to another region has an epoch, a number that only grows. Of all that is known the highest epoch counts.
What can't be read says nothing: a member whose region has lost its way to the table starts as usual, since everything else
would make the loss of that way an outage.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional, Sequence

#: Roles of regions. `on_premises`: the pair outside AWS.
ROLES = ("primary", "dr", "on_premises")

#: DynamoDB shows whole numbers of this size without exponent.
_EPOCH = re.compile(r"0|[1-9][0-9]{0,17}")


class Holds(NamedTuple):
    """What one source says.

    Args:
        epoch: The epoch.
        serving: The role of the region that holds the mirror from it on.
        source: Who says so, in words.
    """

    epoch: int
    serving: str
    source: str


class Answer(NamedTuple):
    """What is known.

    Args:
        elsewhere: Whether another region holds the mirror.
        why: On what that rests, in one line.
    """

    elsewhere: bool
    why: str


def decide(own: str, known: Sequence[Holds]) -> Answer:
    """Whether another region than this one holds the mirror.

    Args:
        own: The role of this region.
        known: What the sources say that could be read.
    """
    if not known:
        return Answer(False, "nobody has said that another region holds the mirror, or nobody could be asked")
    newest = max(each.epoch for each in known)
    last = [each for each in known if each.epoch == newest]
    # Of two that contradict each other the one that has this member ask the primary: then it waits, and does no harm.
    says = next((each for each in last if each.serving != own), last[0])
    return Answer(says.serving != own, f"{says.source}: since epoch {says.epoch} the region {says.serving} holds the mirror")


def of_json(value: Any, source: str) -> Optional[Holds]:
    """What a JSON object `{"epoch": 7, "serving": "dr"}` says; None if it is none.

    Args:
        value: The object.
        source: Where it stood.
    """
    epoch = value.get("epoch") if isinstance(value, dict) else None
    if type(epoch) is not int or epoch < 0 or value.get("serving") not in ROLES:
        return None
    return Holds(epoch, str(value["serving"]), source)


def of_item(item: Any, source: str) -> Optional[Holds]:
    """What an item of the table says; None if it is none.

    Args:
        item: The item, as DynamoDB shows it.
        source: Where it stood.
    """
    epoch, serving = _typed(item, "epoch", "N"), _typed(item, "serving", "S")
    if not _EPOCH.fullmatch(epoch) or serving not in ROLES:
        return None
    return Holds(int(epoch), serving, source)


def _typed(item: Any, name: str, kind: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    text = value.get(kind) if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""
