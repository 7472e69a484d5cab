"""^ZMIRROR (HA 4.17): if %SYS has the routine, a command of the test is called for each entry point that it has."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import Server


async def _run(server: "Server", entry: str) -> int:
    from .objectscript.globals_store import has_label

    command = server.settings.zmirror
    if not command or not has_label(server, "ZMIRROR", entry):
        return 0
    process = await asyncio.create_subprocess_exec(command, entry)
    return await process.wait()


async def may_become_primary(server: "Server") -> bool:
    """CanNodeStartToBecomePrimary and CheckBecomePrimaryOK. A command's status 0 stands for the result 1."""
    for entry in ("CanNodeStartToBecomePrimary", "CheckBecomePrimaryOK"):
        if await _run(server, entry):
            server.log(1, f"$${entry}^ZMIRROR returned 0")
            return False
    return True


def notify(server: "Server", entry: str) -> None:
    """NotifyBecomePrimary and NotifyBecomePrimaryFailed: no value."""
    server.task(_run(server, entry))
