"""The fake `iris` command: `command.py STATE_FOLDER start|stop|qlist ...`.

It does what InterSystems' documentation says of the commands that are used here, and nothing else. Each behaviour names the
page it follows; where no public page tells, it says so. It runs with the standard library alone.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from engine.qlist_line import format_line


def main(folder: Path, arguments: list[str]) -> int:
    with (folder / "calls").open("a") as log:
        log.write(" ".join(arguments) + "\n")
    fault = folder / "fault"
    if fault.exists():
        _fail(fault)
    command, names = arguments[0], [word for word in arguments[1:] if word != "quietly"]
    files = [folder / f"{name.upper()}.json" for name in names] or sorted(folder.glob("*.json"))
    for file in files:
        if not file.exists():
            # No public page tells what is said of an unknown instance, or the exit status.
            print(f"no instance {file.stem}", file=sys.stderr)
            return 1
        _COMMANDS[command](file)
    return 0


def _qlist(file: Path) -> None:
    print(format_line({"name": file.stem, "port": "1972", "product": "IRIS", **json.loads(file.read_text())}))


def _start(file: Path) -> None:
    # High Availability Guide, "Mirror Member Journal Transfer and Dejournaling Status": a member that starts is in transition
    # until it knows whether another one is primary.
    state = json.loads(file.read_text())
    _change(file, status="running, since Sun Nov 22 10:00:00 2026", mirror_status="Transition" if state["member_type"] else "")


def _stop(file: Path) -> None:
    # The same: the status of a member that isn't up is Down; that `iris qlist` says so for itself no public page tells.
    state = json.loads(file.read_text())
    _change(file, status="down, last used Sun Nov 22 10:00:00 2026", mirror_status="Down" if state["member_type"] else "")


_COMMANDS = {"qlist": _qlist, "start": _start, "stop": _stop}


def _change(file: Path, **fields: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    new.replace(file)


def _fail(file: Path) -> None:
    """What no documentation promises and every host does one day."""
    fault = file.read_text()
    kind, _, value = fault.partition(" ")
    if kind == "slow":
        time.sleep(float(value))
    elif kind in ("fail-once", "hang-once"):
        file.unlink()
        time.sleep(600 if kind == "hang-once" else 0)
        sys.exit(1)
    elif kind == "hang":
        time.sleep(600)
    elif kind == "hang-with-child":
        # The child holds the output open, and would live on.
        child = subprocess.Popen(["sleep", "600"])
        with file.with_name("children").open("a") as log:
            log.write(f"{child.pid}\n")
        sys.exit(0)
    elif kind == "hang-after-output":
        print(value, flush=True)
        os.close(1)
        time.sleep(600)
    elif kind == "say-and-fail":
        print(value)
        sys.exit(1)
    elif kind == "say":
        print(value)
        sys.exit(0)
    elif kind == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    else:
        sys.exit(f"the fake has no fault {fault!r}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
