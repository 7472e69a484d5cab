"""Looks at members all the time: whether each one's gate is open, and what its instance says it is.

`observer.py NAME=NET:PIDFILE ...`: for each member the network namespace, and a file with the number of its process 1, 0 while
it is off. A line of JSON whenever something of a member has changed:

{"member": "a", "at": 12.3, "open": true, "status": "Primary", "mode": "Arbiter Controlled", "active": false, ...}

The gate is looked at in the kernel: it is open exactly as long as the lease is there. Asking the library of nftables, and not
the command, costs a fiftieth of it, so that it can be asked twenty times a second beside what is measured.
"""

import ctypes
import json
import os
import sys
import threading
import time
from pathlib import Path

EVERY_SECONDS = 0.03
_CLONE_NEWNET = 0x40000000
_SHOWN = "/dev/shm/fake-iris-irissys-sys.json"
_COMMAND = b"list set inet iris_gate lease"


class Gate:
    """The gate of the network namespace that this thread is in."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libnftables.so.1")
        self._library.nft_ctx_new.restype = ctypes.c_void_p
        self._library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        self._context = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def is_open(self) -> bool:
        status = self._library.nft_run_cmd_from_buffer(self._context, _COMMAND)
        said = self._library.nft_ctx_get_output_buffer(self._context)
        return status == 0 and b"elements" in said


def _shown(pid_file: Path) -> dict[str, object]:
    """What the instance shows of itself; empty if there is none."""
    pid = pid_file.read_text().strip()
    try:
        found = json.loads(Path(f"/proc/{pid}/root{_SHOWN}").read_text())
        alive = Path(f"/proc/{pid}/root/proc/{found['pid']}").exists()
    except (OSError, ValueError):
        return {}
    if not alive:
        return {}
    mirror = found.get("mirror") or {}
    return {
        "status": found["mirror_status"],
        "mode": mirror.get("mode", ""),
        "active": mirror.get("active", False),
        "connected": sorted(name for name, how in mirror.get("connected", {}).items() if how == "Active"),
        "arbiter": mirror.get("arbiter_connected", False),
    }


def _watch(member: str, network: str, pid_file: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(network).open() as there:
        if libc.setns(there.fileno(), _CLONE_NEWNET):
            os._exit(1)
    gate, before = Gate(), None
    while True:
        at = time.monotonic()
        now = {"open": gate.is_open(), **_shown(pid_file)}
        if now != before:
            # In one piece: two threads write here, and `print` writes the end of a line by itself.
            os.write(1, (json.dumps({"member": member, "at": round(at, 4), **now}) + "\n").encode())
            before = now
        time.sleep(EVERY_SECONDS)


def main(members: list[str]) -> None:
    for each in members:
        name, _, places = each.partition("=")
        network, _, pid_file = places.partition(":")
        threading.Thread(target=_watch, args=(name, network, Path(pid_file)), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
