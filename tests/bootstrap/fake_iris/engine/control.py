"""What commands ask a running instance, over its abstract socket."""

import asyncio
from typing import TYPE_CHECKING, Any

from . import databases
from .installation import IrisError
from .objectscript import globals_store, jobs, system_calls

if TYPE_CHECKING:
    from .server import Server
    from .wire import Peer


async def serve(server: "Server", peer: "Peer") -> None:
    """Answers one command's questions until it hangs up."""
    async for request in peer.messages():
        peer.send(**await answer(server, request))


async def answer(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked; an error is an answer too."""
    try:
        answered = await _OPERATIONS[request["op"]](server, request)
    except IrisError as error:
        answered = {"error": str(error)}
    server.show()
    return answered


async def _log_in(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """Who a terminal session is: by its operating system's user, or by name and password."""
    if request.get("user"):
        if not server.security.log_in(request["user"], request["password"]):
            return {"user": ""}
        return {"user": request["user"]}
    return {"user": server.security.terminal_user(request["os_user"])}


async def _stop(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    if request.get("nofailover") and server.mirror:
        await server.mirror.set_no_failover(True)
    server.begin_stop(restart=bool(request.get("restart")))
    return {}


async def _merge(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    await server.merge(request["text"])
    return {}


async def _freeze(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """Backup.General.ExternalFreeze(): the write daemon is suspended; after the time-out updates block (Class Reference)."""
    if server.frozen:
        raise IrisError("The write daemon is already suspended")
    databases.write_back(server)
    server.frozen = True
    server.log(0, "Backup.General.ExternalFreeze: System suspended", "Generic.Event")
    if limit := float(request.get("limit") or 0):
        # WDSuspendLimit: then it goes on by itself.
        asyncio.get_running_loop().call_later(limit, lambda: setattr(server, "frozen", False))
    blocked_after = float(request.get("blocked_after") or 600)
    asyncio.get_running_loop().call_later(blocked_after, _hang, server)
    return {}


def _hang(server: "Server") -> None:
    """Monitoring Guide 5.4: HUNG when updates are blocked."""
    if server.frozen:
        server.health = "hung"
        server.show()


async def _thaw(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    server.frozen, server.health = False, "ok"
    server.log(0, "Backup.General.ExternalThaw: System resumed", "Generic.Event")
    return {}


async def _call(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """A class method of the system."""
    return await system_calls.call(server, request["class"], request["method"], request["arguments"])


async def _job(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """JOB: a process of the instance."""
    return {"process": jobs.job(server, *(request[name] for name in ("namespace", "label", "routine", "arguments")))}


async def _globals(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    return globals_store.serve(server, request)


async def _query(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    columns, rows = await system_calls.query(server, request["name"], request["arguments"])
    return {"columns": columns, "rows": rows}


async def _remove_member(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """What a person does in the Management Portal: Edit Mirror, Remove Other Mirror Member (HA, "Editing or Removing")."""
    if server.mirror is None or not server.mirror.is_primary():
        raise IrisError("Operation can only be performed on the primary mirror member")
    server.mirror.config.members.pop(request["name"], None)
    server.mirror.save_config()
    if server.mirror.primary:
        await server.mirror.primary.propagate()
    return {}


async def _agent(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """What an ISCAgent asks for another member (HA 4.14)."""
    if server.mirror is None:
        raise IrisError("This system has not been configured as a Mirror Member")
    return await server.mirror.agent_request(request["request"])


_OPERATIONS = {
    "log in": _log_in,
    "stop": _stop,
    "merge": _merge,
    "freeze": _freeze,
    "thaw": _thaw,
    "call": _call,
    "query": _query,
    "job": _job,
    "globals": _globals,
    "agent": _agent,
    "remove member": _remove_member,
}
