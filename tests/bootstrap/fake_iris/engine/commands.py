"""The `iris` command (SAG 27.3, "Controlling an Instance"). Exit statuses that no public page tells are 0 for done, 1 for not
done.
"""

import os
import signal
import sys
import time
from pathlib import Path

from . import qlist
from .asking import ask
from .files import note_call
from .installation import Installation, IrisError, find, os_user, registered
from .log import Log

_STOP_SECONDS = 300


def main(arguments: list[str]) -> int:
    """Runs the command.

    Args:
        arguments: Those of the command line.

    Returns:
        Its exit status.
    """
    function, *rest = arguments or ["help"]
    try:
        if function not in _FUNCTIONS:
            raise IrisError(f"Unknown function: {function}")
        if function in ("start", "stop", "restart", "force") and rest:
            _with_group(find(rest[0]), arguments)
        note_call("iris", arguments)
        return _FUNCTIONS[function](rest)
    except IrisError as error:
        print(error, file=sys.stderr)
        return 1


def _may_control(installation: Installation) -> None:
    """SAG 25.1: root, the owner, and the group allowed to may start and stop. The last isn't tried here."""
    if os.geteuid() != 0 and os_user() != installation.owner:
        raise IrisError(f"User {os_user()} is not allowed to start and stop instance {installation.name}")


def _with_group(installation: Installation, arguments: list[str]) -> None:
    """SAG 25.3.2: the programs of an instance run with its group, by their mode. Scripts can't: bin/irisdb runs this one."""
    _, gid = installation.owner_ids()
    if os.geteuid() != 0 and os.getegid() != gid:
        if os.environ.get("FAKE_IRISDB"):
            raise IrisError(f"{installation.directory}/bin/irisdb: Permission denied")
        os.environ["FAKE_IRISDB"] = "1"
        program = str(installation.directory / "bin" / "irisdb")
        os.execv(program, [program, "-I", "-B", str(Path(__file__).parent.parent / "main.py"), "iris", *arguments])


def _start(words: list[str]) -> int:
    from . import startup

    names = [word for word in words if word != "quietly"]
    if len(names) != 1:
        raise IrisError("iris start: an instance, and nothing else that the fake knows")
    installation = find(names[0])
    _may_control(installation)
    return startup.start(installation)


def _stop(words: list[str]) -> int:
    known = {"quietly", "nofailover", "restart"}
    names = [word for word in words if word not in known]
    if len(names) != 1:
        # On UNIX the argument is `nofailover`; `/nofailover`, which HA 6.1.3 has, is that of Windows (SAG 27.5).
        raise IrisError(f"iris stop: unknown argument in {words}")
    installation = find(names[0])
    _may_control(installation)
    if not installation.locked_by():
        raise IrisError(f"Instance {installation.name} is not running.")
    if "quietly" not in words:
        # "quietly: as the final argument, shuts down the instance without requiring confirmation."
        print("Do you want to shut down? <No> ", end="", flush=True)
        if not sys.stdin.readline().strip().lower().startswith("y"):
            return 1
    ask(installation, {"op": "stop", "nofailover": "nofailover" in words, "restart": "restart" in words})
    ends = time.monotonic() + _STOP_SECONDS
    while (pid := installation.locked_by()) and time.monotonic() < ends:
        time.sleep(0.02)
    if pid:
        raise IrisError(f"Instance {installation.name} did not shut down; use iris force")
    return 0


def _force(words: list[str]) -> int:
    """ "Use only as a last resort." """
    installation = find(words[0])
    _may_control(installation)
    if pid := installation.locked_by():
        os.kill(pid, signal.SIGKILL)
        while installation.locked_by():
            time.sleep(0.02)
    Log(installation.mgr / "messages.log")(2, "System forced down", "Generic.Event")
    installation.shared_memory.unlink(missing_ok=True)
    return 0


def _merge(words: list[str]) -> int:
    """Merge 7: a file, or that of ISC_CPF_MERGE_FILE; the CPF is found by the registry; a log-in is needed."""
    from .session import log_in

    words = [word for word in words if word != "quietly"]
    installation = find(words[0])
    file = words[1] if len(words) > 1 else os.environ.get("ISC_CPF_MERGE_FILE", "")
    # "No merge is performed if: the specified merge file is not present ..."
    if not file or not Path(file).is_file():
        raise IrisError(f"Merge file {file or '(none)'} does not exist; no merge is performed")
    # "absolute or relative path to the active CPF"; a folder of the environment counts before the registry.
    folder = os.environ.get("ISC_PACKAGE_INSTALLDIR", str(installation.directory))
    target = Path(words[2]) if len(words) > 2 else Path(folder)
    target = target / "iris.cpf" if target.is_dir() else target
    if not target.is_file() or not target.samefile(installation.cpf):
        raise IrisError(f"There is no active CPF of {installation.name} at {target}; no merge is performed")
    if not log_in(installation):
        raise IrisError("Access Denied")
    ask(installation, {"op": "merge", "text": Path(file).read_text()})
    print("IRIS Merge of", file, "into", target)
    return 0


def _freeze(words: list[str]) -> int:
    """Integrity 4.3.1.1: `iris freeze instance [timeout=seconds]`; success and failure by the exit status."""
    options = dict(word.split("=", 1) for word in words[1:])
    ask(find(words[0]), {"op": "freeze", "blocked_after": options.get("timeout", 0)})
    return 0


def _thaw(words: list[str]) -> int:
    ask(find(words[0]), {"op": "thaw"})
    return 0


def _session(words: list[str]) -> int:
    from .session import session

    return session(words)


def _list(words: list[str]) -> int:
    for installation in _wanted(words):
        print(qlist.listed(installation))
    return 0


def _qlist(words: list[str]) -> int:
    for installation in _wanted(words):
        print(qlist.line(installation))
    return 0


def _all(words: list[str]) -> int:
    for installation in _wanted(words):
        print(qlist.short(installation))
    return 0


def _wanted(words: list[str]) -> list[Installation]:
    names = [word for word in words if word != "quietly"]
    return [find(name) for name in names] if names else registered()


def _restart(words: list[str]) -> int:
    """ "equivalent of iris stop instname restart" """
    return _stop([*words[:1], "restart", *words[1:], "quietly"])


def _help(_words: list[str]) -> int:
    print("\n".join(f"iris {name}" for name in _FUNCTIONS))
    return 0


_FUNCTIONS = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "force": _force,
    "merge": _merge,
    "list": _list,
    "qlist": _qlist,
    "all": _all,
    "terminal": _session,
    "session": _session,
    "freeze": _freeze,
    "thaw": _thaw,
    "help": _help,
}
