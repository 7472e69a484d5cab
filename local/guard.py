"""Runs a command that ends when its parent ends: `python -P guard.py COMMAND [ARGUMENT...]`.

The CDK CLI is Node, starts more processes and does not notice that the program which started it is gone. This one
does: it holds the reading end of the parent's pipe, runs the command in a process group of its own, and ends that
group when the pipe does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command and return its exit code."""
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    signal.signal(signal.SIGTERM, end)
    # Ctrl-C reaches the parent too, which closes the pipe in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
