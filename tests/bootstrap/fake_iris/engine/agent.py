"""The ISCAgent: it answers for the instances of its host when they can't, and is the arbiter of mirrors (HA 3.1.3, 3.1.4,
4.14).

It runs as user iscagent. What it needs more for, an instance lets it do by a program with more privileges (HA 4.14,
irisuxagent); here a process that stays root does it. That agents check certificates too isn't in the fake.
"""

import asyncio
import contextlib
import json
import os
import pwd
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from . import arbiter
from .files import note_call
from .installation import Installation, IrisError, registered
from .wire import Peer, handler

_CONFIGURATION = Path("/etc/iscagent/iscagent.conf")
_PID = Path("/run/iscagent.pid")


def main(arguments: list[str]) -> int:
    """Starts the agent in the background, as its unit file expects."""
    note_call("ISCAgent", arguments)
    if os.geteuid() != 0:
        # HA 4.14.1: started by the system, or by a user with root privileges.
        print("ISCAgent must be started by root", file=sys.stderr)
        return 1
    options = _options()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    interface = options.get("application_server.interface_address", "*")
    try:
        listener.bind(("" if interface == "*" else interface, int(options.get("application_server.port", 2188))))
    except OSError as error:
        print(f"ISCAgent: {error.strerror}", file=sys.stderr)
        return 1
    listener.listen(64)
    if pid := os.fork():
        _PID.write_text(f"{pid}\n")
        return 0
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _drop_privileges(options)
        asyncio.run(_serve(listener, theirs))
    listener.close()
    theirs.close()
    _help(ours)
    return 0


def _options() -> dict[str, str]:
    """HA 4.14.2, "Customizing the ISCAgent"."""
    lines = _CONFIGURATION.read_text().splitlines() if _CONFIGURATION.exists() else []
    return {key.strip(): value.strip() for key, equals, value in (line.partition("=") for line in lines) if equals}


def _drop_privileges(options: dict[str, str]) -> None:
    import grp

    user = pwd.getpwnam(options.get("privileges.user", "iscagent"))
    names = options.get("privileges.group", "iscagent").split(",")
    groups = [grp.getgrnam(name.strip()).gr_gid for name in names]
    os.setgroups(groups)
    os.setresgid(groups[0], groups[0], groups[0])
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


# The part without privileges


async def _serve(listener: socket.socket, helper: socket.socket) -> None:
    service = arbiter.Arbiter()
    reader, writer = await asyncio.open_connection(sock=helper, limit=1 << 26)
    privileged, one_at_a_time = Peer(reader, writer), asyncio.Lock()

    async def handle(purpose: str, peer: Peer) -> None:
        if purpose == "arbiter":
            await service.serve(peer)
            return
        async for request in peer.messages():
            try:
                answer = await _answer(request, privileged, one_at_a_time)
            except IrisError as error:
                answer = {"error": str(error)}
            peer.send(**answer)

    def no_context(_purpose: str) -> Any:
        raise OSError("the fake agent does no TLS")

    server = await asyncio.start_server(handler(no_context, handle), sock=listener, limit=1 << 22)
    await server.serve_forever()


async def _answer(request: dict[str, Any], privileged: Peer, lock: asyncio.Lock) -> dict[str, Any]:
    installation = _wanted(request["instance"])
    running = bool(installation.locked_by())
    if request["op"] in ("join", "entry", "promotion", "demotion"):
        if not running:
            raise IrisError(f"Instance {installation.name} is not running")
        return await _ask_instance(installation, request)
    if request["op"] == "status":
        return await _status(installation, request) if running else {"running": False}
    if request["op"] == "demoted" and running:
        return await _ask_instance(installation, request)
    async with lock:
        return await privileged.ask(30, **{**request, "directory": str(installation.directory)})


async def _status(installation: Installation, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"running": True, "hung": False, **await _ask_instance(installation, request)}
    except TimeoutError:
        return {"running": True, "hung": True, "state": None}
    except (OSError, IrisError):
        # It is starting or stopping.
        return {"running": True, "hung": False, "state": "Transition"}


def _wanted(instance: dict[str, str]) -> Installation:
    for installation in registered():
        if instance.get("name", installation.name) == installation.name and (
            instance.get("directory", f"{installation.directory}/") == f"{installation.directory}/"
        ):
            return installation
    raise IrisError(f"Failed to lookup instance name, reason: {instance}")


async def _ask_instance(installation: Installation, request: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(installation.socket, limit=1 << 22)
    peer = Peer(reader, writer)
    peer.write_line("command")
    try:
        # An instance that doesn't answer for this long is hung. How an agent finds that out isn't public.
        answer = await peer.ask(1, op="agent", request=request)
    finally:
        peer.close()
    if "error" in answer:
        raise IrisError(answer["error"])
    return answer


# The part with privileges


def _help(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, lambda *_: os._exit(1))
    with connection.makefile("rw") as stream:
        for line in stream:
            request = json.loads(line)
            stream.write(json.dumps(_PRIVILEGED[request["op"]](request)) + "\n")
            stream.flush()


def _force(request: dict[str, Any]) -> dict[str, Any]:
    """Forces an instance down (HA 3.3.2.2)."""
    from .installation import load
    from .log import Log

    installation = load(Path(request["directory"]))
    if pid := installation.locked_by():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while installation.locked_by():
            os.sched_yield()
        Log(installation.mgr / "messages.log")(3, "Instance was forced down by the ISCAgent", "Generic.Event")
    return {"running": False}


def _journal(request: dict[str, Any]) -> dict[str, Any]:
    """Gives the journal data that another member lacks (HA 3.1.3)."""
    from .installation import load
    from .journal import Journal

    mirror = request["instance"]["mirror"]
    journal = Journal(_journal_folder(load(Path(request["directory"])), mirror))
    journal.open_mirror(mirror)
    return {"records": journal.records[journal.common_with(request["outline"]) :]}


def _journal_folder(installation: Installation, mirror: str) -> Path:
    from .cpf import Document
    from .journal import Journal

    cpf = Document(installation.cpf.read_text())
    folders = [Path(cpf.get("Journal", key)) for key in ("CurrentDirectory", "AlternateDirectory")]
    return next((folder for folder in folders if Journal.left_by(folder, mirror)), folders[0])


def _demoted(request: dict[str, Any]) -> dict[str, Any]:
    """HA 5.5: the agent of a former failover member sets ValidatedMember=0, so that it asks for its role when it starts."""
    from .cpf import Document
    from .installation import load

    installation = load(Path(request["directory"]))
    cpf = Document(installation.cpf.read_text())
    cpf.set("MirrorMember", "ValidatedMember", "0")
    installation.cpf.write_text(cpf.text())
    return {"running": False}


def _history(request: dict[str, Any]) -> dict[str, Any]:
    """What an instance that is down was last: who was primary last is known by that (HA 5.5)."""
    from .files import read_json
    from .installation import load
    from .journal import Journal

    installation = load(Path(request["directory"]))
    mirror = request["instance"]["mirror"]
    notes = read_json(installation.mgr / f"mirror-{mirror}.json", {"term": 0, "was_primary": False})
    journal = Journal(_journal_folder(installation, mirror))
    journal.open_mirror(mirror)
    return {"was_primary": notes["was_primary"], "term": notes["term"], "position": journal.position}


_PRIVILEGED = {"force": _force, "journal": _journal, "demoted": _demoted, "history": _history}
