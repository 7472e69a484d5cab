"""Processes of the instance that run routines in the background: what JOB starts, and what the instance calls itself.

Each is a thread here, so that one which hangs holds up nobody else. They end with the instance, and so do their programs.
"""

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any

from .interpreter import Interpreter, Leave
from .values import ScriptError, from_json, text

if TYPE_CHECKING:
    from ..server import Server
    from .expressions import Tree

_numbers = itertools.count(100_001)


class _Background(Interpreter):
    """Its principal device is the null device."""

    def write(self, shown: str) -> None:
        """Writes nowhere."""


def start(server: "Server", namespace: str, label: str, routine: str, arguments: list[Any]) -> tuple[str, asyncio.Future[str]]:
    """Runs a label of a routine in a process of its own.

    Returns:
        The number of the process, and what the label will have returned; a ScriptError if it failed.
    """
    from ..control import answer
    from .run import System

    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()
    number = str(next(_numbers))

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run_coroutine_threadsafe(answer(server, request), loop).result()

    def work() -> None:
        system = System(server.installation, ask, "%System")
        system.process, system.children = number, server.children
        trees: list[Tree] = [("value", from_json(argument)) for argument in arguments]
        try:
            result: str | BaseException = text(_Background(system, namespace).value(("routine", label, routine, trees, True)))
        except Leave:
            result = ""
        except BaseException as error:
            result = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell, done, result)

    threading.Thread(target=work, daemon=True).start()
    return number, done


def job(server: "Server", namespace: str, label: str, routine: str, arguments: list[Any]) -> str:
    """JOB: nobody waits for what it comes to. An error goes into the log, as into that of a process without a terminal."""
    number, done = start(server, namespace, label, routine, arguments)
    done.add_done_callback(lambda ended: _log(server, f"{label}^{routine}", ended))
    return number


def _log(server: "Server", what: str, ended: "asyncio.Future[str]") -> None:
    if not ended.cancelled() and isinstance(ended.exception(), ScriptError):
        server.log(2, f"Job of {what} ended: {ended.exception()}", "Generic.Event")


def _tell(done: "asyncio.Future[str]", result: "str | BaseException") -> None:
    if done.cancelled():
        return
    if isinstance(result, str):
        done.set_result(result)
    else:
        done.set_exception(result)
