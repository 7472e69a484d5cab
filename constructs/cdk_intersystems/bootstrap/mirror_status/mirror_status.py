"""Answers `mirror_status.cxw` for the mirror member it runs on, as InterSystems' Web Gateway does.

It runs on the hosts with the Python they come with (3.9 on RHEL 9) and its standard library: keep to the syntax of 3.9. systemd
hands it the listening sockets (mirror-status.socket). One thread asks `iris qlist`; the loop answers with ready-made bytes and
waits for nothing, so that a hung `iris` or a slow client delays no answer.

docs/concepts/mirror-status.md tells what is answered when, and why.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

# With vfork all threads of Python 3.10 (Ubuntu 22.04's) wait until the kernel has loaded `iris`: as long as a disk stalls.
# Measured with execve delayed by 2 s: the main thread stood still for 2 s; without vfork, or with 3.9, 3.11, 3.12, for 10 ms.
subprocess._USE_VFORK = False  # type: ignore[misc]

# --- What `iris qlist` says, and what is answered -----------------------------------------------------------------------------

#: How often `iris qlist` is started.
ASK_EVERY_SECONDS = 0.25
#: How long `iris qlist` may take. Together with the interval, and the time of the next call, it is less than an answer is kept:
#: neither slowness within the limit nor one call that fails or hangs leaves a gap between two answers.
ASK_LIMIT_SECONDS = 0.6
#: How long an answer is given after `iris qlist` ended. After that nobody can tell, and the member counts as not primary.
KEEP_SECONDS = 1.0
#: More than `iris qlist` says of one instance: 14 fields, of which only paths are long (4096 bytes at most).
MOST_OUTPUT_BYTES = 16384

#: Source of the fields: System Administration Guide, "Controlling InterSystems IRIS Instances", iris qlist.
STATUS_FIELD, SUPERSERVER_FIELD, HEALTH_FIELD, MEMBER_TYPE_FIELD, MIRROR_STATUS_FIELD = 3, 5, 8, 10, 11
#: Of an instance that belongs to no mirror: the field is empty. The words are those of the interface $SYSTEM.Mirror.
NO_MEMBER = ("", "Not Member")


class Answer:
    """One of the three responses; `why` is for the journal alone."""

    def __init__(self, status: str, body: str, why: str) -> None:
        lines = (f"HTTP/1.1 {status}", "Content-Type: text/plain", "Connection: close", f"Content-Length: {len(body)}")
        self.head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.full = self.head + body.encode()
        self.log_line = f"answering {status}: {why}"


def primary(why: str) -> Answer:
    """The response of the primary. Source of all three: reference architecture, "ELB Polling Method"."""
    return Answer("200 OK", "SUCCESS", why)


def not_primary(why: str) -> Answer:
    """The response of a member that is not the primary, as far as anyone can tell."""
    return Answer("503 Service Unavailable", "FAILED", why)


def no_member(why: str) -> Answer:
    """The response of an instance that can't have a mirror status."""
    return Answer("500 Internal Server Error", "FAILED", why)


class UnknownError(Exception):
    """`iris qlist` gave nothing to rely on; the message says why."""


def fields_of(output: str, instance: str) -> list[str]:
    """The fields of what `iris qlist` said.

    Args:
        output: Its standard output.
        instance: The instance it was asked about.

    Raises:
        UnknownError: If it isn't one line about this instance with the documented fields.
    """
    lines = output.splitlines()
    fields = lines[0].split("^") if len(lines) == 1 else []
    if len(fields) <= MIRROR_STATUS_FIELD:
        raise UnknownError(f"iris qlist said {output[:80]!r}, not one line with {MIRROR_STATUS_FIELD + 1} fields or more")
    if fields[0].upper() != instance.upper():
        raise UnknownError(f"iris qlist told about instance {fields[0][:40]!r}, not {instance!r}")
    return fields


def answer_for(output: str, instance: str) -> Answer:
    """The answer to what `iris qlist` said.

    Args:
        output: Its standard output.
        instance: The instance it was asked about.

    Raises:
        UnknownError: If it isn't one line about this instance with the documented fields.
    """
    fields = fields_of(output, instance)
    # "running, since Sun Nov 22 10:00:00 2026"; without the time the reason stays the same from one reading to the next.
    status = fields[STATUS_FIELD].split(",")[0]
    member_type, mirror_status = fields[MEMBER_TYPE_FIELD], fields[MIRROR_STATUS_FIELD]
    why = f"instance {instance} is {status}, member type {member_type!r}, mirror status {mirror_status!r}"
    if status != "running":
        return not_primary(why)
    if member_type in NO_MEMBER:
        return no_member(why)
    return primary(why) if (member_type, mirror_status) == ("Failover", "Primary") else not_primary(why)


def seconds() -> float:
    """A clock that nobody sets, and that runs on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def identity(file: str) -> tuple[int, ...] | None:
    """What tells a file from the one that replaces it, through all links; None if it isn't there."""
    try:
        found = os.stat(file)  # noqa: PTH116 - pathlib isn't loaded here
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def output_of(command: list[str], limit: float) -> str:
    """Runs a program and returns what it printed.

    Args:
        command: The program.
        limit: How many seconds it may take. Then it and its children are killed, and waited for: there is never more than one.

    Raises:
        UnknownError: If it can't be started, takes longer, prints too much, or fails.
    """
    started = seconds()
    try:
        # A session of its own, so that its children end with it.
        process = subprocess.Popen(  # the command is our own caller's
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise UnknownError(f"{command[0]} can't be started: {error.strerror}") from error
    try:
        output = _read(process, started + limit)
    except UnknownError:
        # Not waited for yet: the number can't belong to another process group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
    # Read after the host was frozen, what it printed may be from before.
    if seconds() - started > limit:
        raise UnknownError(f"iris qlist took longer than {limit} s")
    if process.returncode:
        raise UnknownError(f"iris qlist ended with status {process.returncode}")
    return output.decode("utf-8", "replace")


def _read(process: subprocess.Popen[bytes], until: float) -> bytes:
    assert process.stdout
    pipe, output = process.stdout.fileno(), b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(max(0.0, until - seconds()) * 1000):
            raise UnknownError("iris qlist hangs")
        chunk = os.read(pipe, MOST_OUTPUT_BYTES)
        if not chunk:
            break
        output += chunk
        if len(output) > MOST_OUTPUT_BYTES:
            raise UnknownError(f"iris qlist said more than {MOST_OUTPUT_BYTES} bytes")
    try:
        process.wait(max(0.0, until - seconds()))
    except subprocess.TimeoutExpired as error:
        raise UnknownError("iris qlist hangs") from error
    return output


class Watcher(threading.Thread):
    """Asks `iris qlist` again and again, and knows the answer of the moment."""

    def __init__(self, command: str, instance: str) -> None:
        super().__init__(name="watcher", daemon=True)
        self.asked_once = threading.Event()
        self._command = [command, "qlist", instance]
        self._instance = instance
        self._unknown = not_primary("nothing was heard from iris qlist for too long")
        # Replaced as a whole: whoever reads it sees an answer with its own end.
        self._known = (self._unknown, 0.0)
        self._logged = ""

    def answer(self) -> Answer:
        """What to answer now."""
        answer, until = self._known
        return answer if seconds() < until else self._unknown

    def run(self) -> None:
        """Ends with the process, and ends it if it fails, as there would be no answer but 503, or if the program was replaced.

        systemd starts it anew, and holds the port meanwhile.
        """
        try:
            started_from = identity(__file__)
            while identity(__file__) in (started_from, None):
                started = seconds()
                self._ask()
                self.asked_once.set()
                time.sleep(max(0.0, started + ASK_EVERY_SECONDS - seconds()))
            log("the program was replaced")
            os._exit(0)
        except BaseException as error:
            log(f"the watcher failed: {error!r}")
            os._exit(1)

    def _ask(self) -> None:
        try:
            answer = answer_for(output_of(self._command, ASK_LIMIT_SECONDS), self._instance)
        except UnknownError as error:
            # What is known stays so until its end.
            self._log(f"no reading: {error}")
            return
        self._known = (answer, seconds() + KEEP_SECONDS)
        self._log(answer.log_line)

    def _log(self, line: str) -> None:
        if line != self._logged:
            log(line)
            self._logged = line


# --- HTTP ---------------------------------------------------------------------------------------------------------------------

#: A load balancer's health check has some 150 bytes.
MOST_REQUEST_BYTES = 4096
#: How long a connection may take from its first to its last byte.
CONNECTION_SECONDS = 2.0
#: How many connections are open at a time. One more closes the oldest, which is no health check: those are answered at once.
MOST_CONNECTIONS = 400
#: How many connections are taken before those at hand are looked after.
ACCEPT_AT_ONCE = 64

#: The documented paths: /csp/bin/ for the local instance, and that of any application.
PATH = re.compile(rb"/csp/(?:[A-Za-z0-9_.~%-]+/)*mirror_status\.cxw(?:\?.*)?")


def _refusal(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "Connection: close", "Content-Length: 0", "", "")).encode()


BAD_REQUEST = _refusal("400 Bad Request")
NOT_FOUND = _refusal("404 Not Found")
NOT_ALLOWED = _refusal("405 Method Not Allowed", "Allow: GET, HEAD")
TIMED_OUT = _refusal("408 Request Timeout")
TOO_LARGE = _refusal("431 Request Header Fields Too Large")


def response_to(request: bytes, answer: Answer) -> bytes:
    """The response to a request with a whole header."""
    words = request[: request.index(b"\r\n")].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return BAD_REQUEST
    if not PATH.fullmatch(words[1]):
        return NOT_FOUND
    if words[0] == b"GET":
        return answer.full
    return answer.head if words[0] == b"HEAD" else NOT_ALLOWED


class _Connection:
    __slots__ = ("answered", "end", "received", "socket")

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.end = seconds() + CONNECTION_SECONDS
        self.received = b""
        self.answered = False


class Responder:
    """Serves all connections in one loop."""

    def __init__(self, listeners: list[socket.socket], watcher: Watcher) -> None:
        self._watcher = watcher
        self._selector = selectors.DefaultSelector()
        # In the order of their ends, since all have the same time.
        self._open: dict[int, _Connection] = {}
        for listener in listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serves until the process ends."""
        while True:
            oldest = next(iter(self._open.values()), None)
            for key, _ in self._selector.select(max(0.0, oldest.end - seconds()) if oldest else None):
                if key.data is None:
                    self._accept(key.fileobj)  # type: ignore[arg-type]
                elif self._open.get(key.fd) is key.data:
                    self._read(self._open[key.fd])
            self._end_late_ones()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                accepted, _address = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # The client is gone already, or no file is left to open.
                self._close_oldest()
                return
            accepted.setblocking(False)
            while len(self._open) >= MOST_CONNECTIONS:
                self._close_oldest()
            connection = _Connection(accepted)
            self._open[accepted.fileno()] = connection
            self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _read(self, connection: _Connection) -> None:
        try:
            chunk = connection.socket.recv(MOST_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._close(connection)
        elif not connection.answered:
            connection.received += chunk
            # A header may end with the last byte allowed, not later.
            if b"\r\n\r\n" in connection.received[:MOST_REQUEST_BYTES]:
                self._respond(connection, response_to(connection.received, self._watcher.answer()))
            elif len(connection.received) >= MOST_REQUEST_BYTES:
                self._respond(connection, TOO_LARGE)

    def _respond(self, connection: _Connection, response: bytes) -> None:
        connection.answered = True
        try:
            # It is less than any empty send buffer takes.
            connection.socket.send(response)
            if response in (BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE):
                # More of the request may come; closing now would reset the connection before the response is read.
                connection.socket.shutdown(socket.SHUT_WR)
                return
        except OSError:
            pass
        self._close(connection)

    def _end_late_ones(self) -> None:
        now = seconds()
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.end > now:
                return
            if not oldest.answered:
                self._respond(oldest, TIMED_OUT)
            else:
                self._close(oldest)

    def _close_oldest(self) -> None:
        if self._open:
            self._close(next(iter(self._open.values())))

    def _close(self, connection: _Connection) -> None:
        del self._open[connection.socket.fileno()]
        self._selector.unregister(connection.socket)
        connection.socket.close()


# --- Start --------------------------------------------------------------------------------------------------------------------

USAGE = "usage: mirror_status.py INSTANCE [--iris COMMAND] [--port PORT]"


def log(line: str) -> None:
    """Writes a line for the journal, if it takes one."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def passed_sockets() -> list[socket.socket]:
    """The listening sockets systemd has handed over, by the protocol of sd_listen_fds(3); empty if it hasn't."""
    count, pid = os.environ.pop("LISTEN_FDS", "0"), os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()):
        return []
    first = 3  # SD_LISTEN_FDS_START
    sockets = [socket.socket(fileno=number) for number in range(first, first + int(count))]
    for passed in sockets:
        passed.set_inheritable(False)
    return sockets


def main(arguments: list[str]) -> None:
    """Runs the responder.

    Args:
        arguments: The instance's name; --iris COMMAND, by default `iris`, found by PATH; --port PORT, a port of 127.0.0.1 to
            listen on where no systemd hands over sockets.
    """
    options = {"--iris": "iris", "--port": ""}
    rest = list(arguments)
    while len(rest) > 1 and rest[-2] in options:
        options[rest[-2]] = rest[-1]
        del rest[-2:]
    if len(rest) != 1 or not re.fullmatch("[A-Za-z0-9_-]+", rest[0]) or not re.fullmatch("[0-9]{0,5}", options["--port"]):
        sys.exit(f"got {' '.join(arguments)!r}; {USAGE}")
    listeners = passed_sockets()
    if options["--port"]:
        listeners.append(socket.create_server(("127.0.0.1", int(options["--port"])), backlog=1024))
    if not listeners:
        sys.exit(f"no socket was passed (LISTEN_FDS) and no port given; {USAGE}")
    # A switch to the watcher and back costs a request at most this long.
    sys.setswitchinterval(0.0005)
    watcher = Watcher(options["--iris"], rest[0])
    watcher.start()
    # The first requests wait in the sockets' queue rather than being told 503 by a member that may be primary.
    watcher.asked_once.wait(ASK_LIMIT_SECONDS)
    Responder(listeners, watcher).run()


if __name__ == "__main__":
    main(sys.argv[1:])
