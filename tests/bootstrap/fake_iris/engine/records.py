"""What clients do with an instance: set and get numbered records, a line each.

    SET text      OK 17, once the record is durable; or ERROR and why
    GET 17        OK text
    LAST          OK 17
    ROLE          OK Primary

A member that isn't primary refuses SET with <PROTECT>: its mirrored databases are read-only (HA 3.2). A primary in trouble
doesn't
commit: SET waits (HA 3.3.2.1). An application server passes all on to its data server.
"""

from typing import TYPE_CHECKING

from .installation import IrisError

if TYPE_CHECKING:
    from .server import Server
    from .wire import Peer


async def serve_data(server: "Server", peer: "Peer") -> None:
    """Serves one client."""
    while line := await peer.line():
        try:
            peer.write_line("OK " + await answer(server, line))
        except (IrisError, OSError) as error:
            peer.write_line(f"ERROR {error}")


async def answer(server: "Server", line: str, identity: str = "") -> str:
    """The answer to a line.

    Args:
        server: The instance.
        line: The line.
        identity: Whose and which it is, if it may come again: then it is done once.

    Raises:
        IrisError: If it can't be done.
    """
    verb, _, rest = line.partition(" ")
    if verb == "ROLE":
        return server.mirror.shown_status() if server.mirror else ""
    if server.ecp_client.is_used():
        return await server.ecp_client.pass_on(line)
    if verb == "SET":
        if server.health == "hung":
            raise IrisError("<HUNG>")
        if server.mirror is None:
            return str(server.journal.append(0, rest)["n"])
        return str(await server.mirror.write(rest, identity))
    if verb == "LAST":
        return str(len(server.journal.records))
    number = int(rest) if verb == "GET" and rest.isdigit() else 0
    if not 0 < number <= len(server.journal.records):
        raise IrisError("<UNDEFINED>" if verb == "GET" else "<SYNTAX>")
    return str(server.journal.records[number - 1]["v"])
