"""$ZF(-100): runs a program of the host (ObjectScript Reference, "$ZF(-100)")."""

import os
import shlex
import subprocess

from .values import ScriptError

_PLAIN = ("/ASYNC", "/SHELL", "/LOGCMD", "/NOQUOTE")
_STREAMS = ("/STDIN", "/STDOUT", "/STDERR")


def run(flags: str, command: list[str], children: set[subprocess.Popen[bytes]]) -> str:
    """Runs a program.

    Args:
        flags: The keyword flags, separated by blanks.
        command: The program and its arguments.
        children: Is told which programs run.

    Returns:
        Its exit status; of one that is not waited for, 0. -1 if it can't be started.
    """
    wanted, streams = set(), {}
    for flag in shlex.split(flags):
        name, equals, value = flag.partition("=")
        adds = name.endswith("+")
        name = name.rstrip("+").upper()
        if equals and name in _STREAMS:
            streams[name] = os.open(
                value,
                os.O_RDONLY if name == "/STDIN" else os.O_WRONLY | os.O_CREAT | (os.O_APPEND if adds else os.O_TRUNC),
                0o666,
            )
        elif name in _PLAIN and not equals:
            wanted.add(name)
        else:
            raise ScriptError(f"<FUNCTION> $ZF(-100) knows no {flag}")
    if "/SHELL" in wanted:
        command = ["/bin/sh", "-c", shlex.join(command)]
    try:
        process = subprocess.Popen(
            command, stdin=streams.get("/STDIN"), stdout=streams.get("/STDOUT"), stderr=streams.get("/STDERR")
        )
    except OSError:
        return "-1"
    finally:
        for stream in streams.values():
            os.close(stream)
    children.add(process)
    if "/ASYNC" in wanted:
        return "0"
    try:
        return str(process.wait())
    finally:
        children.discard(process)
