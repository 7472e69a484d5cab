"""`iris-region` on a member whose mirror spans regions: it moves the mirror, and asks who holds it before IRIS starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..context import Context

#: Where the document of Systems Manager, `iris.service` and people find the program. For root alone.
COMMAND = Path("/usr/local/sbin/iris-region")


def region(host: Context) -> None:
    """Installs the program. A mirror of one region has none.

    Args:
        host: The host.
    """
    if host.description.region is None:
        return
    program = f"/usr/bin/python3 -I -S -B {host.code('region/iris-region')}"
    host.write(COMMAND, f'#!/bin/sh\nexec {program} "$@"\n', mode=0o700)
