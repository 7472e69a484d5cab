"""Entry point of the emulator's process: `python -P launch.py DIRECTORY DESCRIPTOR ADDRESS`, with the Python of `.venv-aws`.

It serves on the listening socket that it inherits as DESCRIPTOR (ministack would bind every interface on a fixed port) and,
where it was put into a network namespace of its own, on the same port of that namespace's 127.0.0.1 and ADDRESS too. It
loads ministack, puts the adapter in, prints the port as one line, and serves until its standard input ends. The parent
holds the other end of that pipe, so the emulator ends when the parent ends, however that comes about; it then removes
DIRECTORY, everything that was ever written, and takes its Lambda workers with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Serve until standard input ends."""
    directory, descriptor, address = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    listeners = [socket.socket(fileno=descriptor)]
    port = listeners[0].getsockname()[1]
    for one in dict.fromkeys(("127.0.0.1", address)):
        # Taken already, where no prefix led elsewhere.
        with contextlib.suppress(OSError) if one == "127.0.0.1" else contextlib.nullcontext():
            listeners.append(socket.create_server((one, port), backlog=128))
    for listener in listeners:
        listener.set_inheritable(False)
    os.environ["GATEWAY_PORT"] = str(port)
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://{address}:{port}")
    threading.Thread(target=_end_with_parent, args=(directory,), daemon=True).start()

    # The repository goes last on the path: it is only there for `local.adapter`, and shadows nothing.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from local.adapter import app

    asyncio.run(_serve(app.application(), [listener.fileno() for listener in listeners], port))


async def _serve(application: Any, descriptors: list[int], port: int) -> None:
    """Run the ASGI server on the sockets that are already bound, and say so once it answers."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{descriptor}" for descriptor in descriptors]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    print(f"port {port}", flush=True)
    await serve(application, config)


def _end_with_parent(directory: str) -> None:
    """Wait for the end of standard input, then leave nothing behind."""
    # os.read, not sys.stdin: a buffered read would hold a lock while Python shuts down.
    while os.read(0, 4096):
        pass
    # Whatever else ended with the parent (the CDK CLI) gets a moment to stop writing into the directory.
    time.sleep(0.2)
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
