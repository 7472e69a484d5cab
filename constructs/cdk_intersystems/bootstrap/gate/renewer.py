"""Renews the lease of the gate each second, for as long as the instance on this host is primary.

One process that lives long: a renewal starts nothing but `iris-gate` and `iris qlist`. `iris-gate open` puts its token into the
kernel, and only then has the role asked for: by a command that asks back here. If this process dies, hangs or stands still, so
does the asking, and the lease runs out in the kernel.

Other rules and another version of this program are taken up as soon as their files are there. Loading rules leaves the lease as
it is, and the new program takes the place of this one in the same process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ..mirror_status.mirror_status import identity, seconds
from . import role

#: Policy, see docs/adr/0005: one question that fails costs no lease, and three seconds are less than the four before which no
#: backup finds its primary gone.
RENEW_EVERY_SECONDS = 1.0
LEASE_SECONDS = 3
#: How long one call of `iris-gate` may take: longer than it gives the command it asks, which is a lease.
CALL_SECONDS = 4.0

OPEN, CLOSED, NOT_LOADED = 0, 3, 4

#: What `iris-gate open` runs to ask for the role. It has one end of a pair of sockets made for this one question, so that no
#: answer to another one can ever reach it. Without an answer the role is unknown.
_COMMAND = 'echo >&"$0"; read -r status <&"$0" || exit 2; exit "$status"'


class Renewer:
    """Renews again and again.

    Args:
        program: The file this program was started from.
        instance: Name of the instance.
        rules: The file of rules.
        iris: The `iris` command.
    """

    def __init__(self, program: str, instance: str, rules: str, iris: str) -> None:
        self._program = program
        self._gate = str(Path(__file__).with_name("iris-gate"))
        self._instance = instance
        self._rules = rules
        self._iris = iris
        self._loaded: tuple[int, ...] | None = None
        self._told = ""

    def run(self) -> None:
        """Ends only with the process, or when the program was replaced."""
        started_from = identity(self._program)
        problem = self._load()
        notify("READY=1")
        while identity(self._program) in (started_from, None):
            started = seconds()
            if identity(self._rules) != self._loaded:
                problem = self._load()
            status, line = self._renew()
            if status == NOT_LOADED:
                # Somebody has flushed the rules, and with them the lease. Closed, until the next renewal.
                problem = self._load()
            self._tell(f"{line}; {problem}" if problem else line)
            time.sleep(max(0.0, started + RENEW_EVERY_SECONDS - seconds()))

    def _load(self) -> str:
        """Loads the rules; says what is wrong with them."""
        found = identity(self._rules)
        status, said = finish(self._start(["load", self._rules]), seconds() + CALL_SECONDS)
        if status:
            return f"{self._rules} can't be loaded: {said}"
        self._loaded = found
        return ""

    def _renew(self) -> tuple[int, str]:
        """Renews the lease if it may be; says how `iris-gate` ended, and what the gate is now and why."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                number = theirs.fileno()
                process = self._start(["open", str(LEASE_SECONDS), "/bin/sh", "-c", _COMMAND, str(number)], number)
            ends = seconds() + CALL_SECONDS
            ours.settimeout(CALL_SECONDS)
            answer = None
            with contextlib.suppress(OSError):
                # Nothing to read: iris-gate has ended without asking, as it does while a lease that ran out is waited for.
                if ours.recv(1):
                    answer = role.ask(self._iris, self._instance)
                    ours.sendall(f"{answer.status}\n".encode())
            status, said = finish(process, ends)
        if status == OPEN and answer:
            return status, f"open: {answer.why}"
        if status == CLOSED and answer and answer.status != role.PRIMARY:
            return status, f"{'closed' if answer.status == role.NOT_PRIMARY else 'not renewed'}: {answer.why}"
        if status == CLOSED:
            return status, f"closed: {said or 'a lease ran out a moment ago'}"
        return status, f"iris-gate open ended with {status}: {said}"

    def _start(self, words: list[str], *passed: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["/bin/bash", self._gate, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=passed,
            start_new_session=True,
        )

    def _tell(self, line: str) -> None:
        notify(f"WATCHDOG=1\nSTATUS={line}")
        if line != self._told:
            log(line)
            self._told = line


def finish(process: subprocess.Popen[str], ends: float) -> tuple[int, str]:
    """Waits for `iris-gate`, and ends it if it takes too long.

    Args:
        process: The process, in a session of its own.
        ends: Until when it may run.

    Returns:
        Its exit status, and the first line it said.
    """
    try:
        _, said = process.communicate(timeout=max(0.1, ends - seconds()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return process.returncode, f"it took longer than {CALL_SECONDS:g} s"
    finally:
        if process.stderr:
            process.stderr.close()
    return process.returncode, (said.strip().splitlines() or [""])[0].replace("iris-gate: ", "", 1)


def notify(state: str) -> None:
    """Tells systemd, by the protocol of sd_notify(3); nobody, if it wasn't systemd that started this."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def log(line: str) -> None:
    """Writes a line for the journal, if it takes one."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def main(program: str, arguments: list[str]) -> None:
    """Runs the renewer.

    Args:
        program: The file it was started from.
        arguments: The instance's name, the file of rules, and the `iris` command; by default `iris`, found by PATH.
    """
    if len(arguments) not in (2, 3):
        sys.exit(f"usage: {Path(program).name} INSTANCE RULES [IRIS]")
    instance, rules, *iris = arguments
    Renewer(program, instance, rules, *(iris or ["iris"])).run()
    # The program was replaced. The lease is not touched: what follows renews it.
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", program, *arguments])  # noqa: S606
