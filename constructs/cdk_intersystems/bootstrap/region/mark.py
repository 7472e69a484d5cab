"""What a member remembers by itself: that it was fenced, since another region holds the mirror."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Optional

from . import question

#: On the root volume, as everything that is about this host: a volume that is attached to another instance isn't fenced by it.
MARK = Path("/var/lib/cdk-intersystems/fenced.json")
SOURCE = f"the mark on this host, {MARK}"


def read() -> Optional[question.Holds]:
    """What the mark says; None if there is none. One that can't be read is one that says nothing: the table says it too."""
    try:
        return question.of_json(json.loads(MARK.read_text(encoding="utf-8")), SOURCE)
    except (OSError, ValueError):
        return None


def write(epoch: int, serving: str) -> None:
    """Writes it, unless one of a newer epoch is there.

    Args:
        epoch: The epoch.
        serving: The region that holds the mirror from it on.
    """
    before = read()
    if before is not None and before.epoch > epoch:
        return
    MARK.parent.mkdir(parents=True, exist_ok=True)
    new = MARK.with_name(f".{MARK.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"epoch": epoch, "serving": serving}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(MARK)
    folder = os.open(MARK.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove() -> None:
    """Removes it."""
    MARK.unlink(missing_ok=True)
