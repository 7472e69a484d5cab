"""%SYSTEM.Event with named resources, by the Class Reference. Process ID resources aren't here."""

import asyncio
from typing import TYPE_CHECKING

from .values import List, ScriptError

if TYPE_CHECKING:
    from ..server import Server


class Event:
    """A named resource: wake-ups that nobody waited for are queued."""

    def __init__(self) -> None:
        self.queued: list[str] = []
        self.waiting: list[asyncio.Future[List]] = []


def _find(server: "Server", name: str) -> Event:
    if name == "" or name.isdigit():
        raise ScriptError("<FUNCTION> the fake knows named events only, no process ids")
    if name not in server.events:
        # "If the resource does not exist, a Named Resource gives an error (ERUNDEF)".
        raise ScriptError(f"<UNDEFINED> *{name}")
    return server.events[name]


def _create(server: "Server", name: str) -> str:
    """0 if there was one by that name already."""
    if name in server.events:
        return "0"
    server.events[name] = Event()
    return "1"


def _delete(server: "Server", name: str) -> str:
    """Whoever waits is awakened with -1."""
    event = server.events.pop(name, None)
    for waiting in event.waiting if event else ():
        if not waiting.done():
            waiting.set_result(List(["-1", ""]))
    return str(int(event is not None))


def _signal(server: "Server", name: str, message: str = "") -> str:
    event = _find(server, name)
    waiting = next((each for each in event.waiting if not each.done()), None)
    if waiting:
        waiting.set_result(List(["1", message]))
    else:
        event.queued.append(message)
    return "1"


async def _wait_message(server: "Server", name: str = "", timeout: str = "-1") -> List:
    """$LB(code,message): 1 awakened, 0 timed out, -1 deleted meanwhile. A timeout below 0 is none."""
    event = _find(server, name)
    if event.queued:
        return List(["1", event.queued.pop(0)])
    waiting: asyncio.Future[List] = asyncio.get_running_loop().create_future()
    event.waiting.append(waiting)
    try:
        return await asyncio.wait_for(waiting, float(timeout) if float(timeout) >= 0 else None)
    except TimeoutError:
        return List(["0", ""])
    finally:
        event.waiting.remove(waiting)


async def _wait(server: "Server", name: str = "", timeout: str = "-1") -> str:
    return str((await _wait_message(server, name, timeout))[0])


METHODS = {
    "%SYSTEM.Event.Create": _create,
    "%SYSTEM.Event.Delete": _delete,
    "%SYSTEM.Event.Defined": lambda server, name: str(int(name in server.events)),
    "%SYSTEM.Event.Signal": _signal,
    "%SYSTEM.Event.Wait": _wait,
    "%SYSTEM.Event.WaitMsg": _wait_message,
    "%SYSTEM.Event.Clear": lambda server, name: [_find(server, name).queued.clear(), "1"][1],
    "%SYSTEM.Event.Count": lambda server, name: str(len(_find(server, name).queued)),
}
