"""^ZMIRROR (HA 4.17): if %SYS has the routine, the entry points that it has are called."""

from typing import TYPE_CHECKING

from .objectscript import jobs
from .objectscript.globals_store import has_label
from .objectscript.values import ScriptError, truth

if TYPE_CHECKING:
    from .server import Server


async def _call(server: "Server", entry: str) -> str:
    """What an entry point returns, however long it takes; 1 if the routine doesn't have it."""
    if not has_label(server, "ZMIRROR", entry):
        return "1"
    _, done = jobs.start(server, "%SYS", entry, "ZMIRROR", [])
    try:
        return await done
    except ScriptError as error:
        # What comes of an error in it is documented nowhere. Worst case.
        server.log(2, f"{entry}^ZMIRROR: {error}")
        return "0"


async def may_become_primary(server: "Server") -> bool:
    """CanNodeStartToBecomePrimary and CheckBecomePrimaryOK, before users are let in."""
    for entry in ("CanNodeStartToBecomePrimary", "CheckBecomePrimaryOK"):
        if not truth(await _call(server, entry)):
            server.log(1, f"$${entry}^ZMIRROR returned 0")
            return False
    return True


def notify(server: "Server", entry: str) -> None:
    """NotifyBecomePrimary and NotifyBecomePrimaryFailed: no value."""
    server.task(_notify(server, entry))


async def _notify(server: "Server", entry: str) -> None:
    await _call(server, entry)
