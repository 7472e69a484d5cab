"""`iris terminal`, also called `iris session`: a log-in, then one thing to run or lines to read (SAG 27.3)."""

import getpass
import os
import re
import sys
from typing import Any

from .asking import Asker, ask
from .installation import Installation, IrisError, find, os_user

#: Class Reference, Backup.General, ExternalFreeze() and ExternalThaw(): the exit status "as part of an O/S script". Of other
#: methods nothing public tells of one: 0.
_WITH_STATUS = re.compile(r"##class\(Backup\.General\)\.(ExternalFreeze|ExternalThaw|IsWDSuspendedExt)\b", re.IGNORECASE)
_GOOD, _BAD = 5, 3
#: The forms that the guide lists. Parameters are literals.
_FORMS = re.compile(
    r"(##class\([A-Za-z0-9.%]+\)\.%?[A-Za-z0-9]+|%?[A-Za-z0-9]*\^?%?[A-Za-z0-9]+)(\(.*\))?", re.IGNORECASE | re.DOTALL
)


def log_in(installation: Installation) -> str:
    """Logs in as the operating system's user, or asks for name and password as a terminal does.

    Returns:
        The user; empty if access was denied.
    """
    answer = ask(installation, {"op": "log in", "os_user": os_user()})
    if answer["user"]:
        return str(answer["user"])
    print("\nUsername: ", end="", flush=True)
    name = sys.stdin.readline().strip()
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    answer = ask(installation, {"op": "log in", "os_user": "", "user": name, "password": password})
    return str(answer["user"])


def session(words: list[str]) -> int:
    """Runs a session.

    Args:
        words: Instance, `-U namespace` or `-Unamespace`, and what to run.

    Returns:
        The exit status.
    """
    from .objectscript.run import script

    installation, namespace, what = find(words[0]), "USER", ""
    rest = words[1:]
    while rest:
        word = rest.pop(0)
        if word == "-U":
            namespace = rest.pop(0)
        elif word.startswith("-U"):
            namespace = word[2:]
        elif word.startswith("-"):
            raise IrisError(f"the fake's terminal knows no {word}")
        else:
            what = word
    if not installation.locked_by():
        raise IrisError(f"Instance {installation.name} is not running.")
    if not what:
        print(f"\nNode: {os.uname().nodename}, Instance: {installation.name}")
    user = log_in(installation)
    if not user:
        print("Access Denied")
        return 1
    run = script(installation, Asker(installation), user, namespace)
    try:
        run.namespace = run.system.namespace(namespace)
    except Exception as error:
        print(error)
        return 1
    return _one(run, what) if what else _lines(run)


def _one(run: Any, what: str) -> int:
    """Something to run, given as an argument."""
    from .objectscript.interpreter import Leave
    from .objectscript.values import ScriptError, truth

    if not _FORMS.fullmatch(what):
        print(f"<SYNTAX> {what}: not one of the forms that iris terminal takes")
        return 1
    try:
        value = run.value(_tree(what))
    except Leave as leaving:
        return int(leaving.value or 0)
    except ScriptError as error:
        print(error)
        return _BAD if _WITH_STATUS.match(what) else 1
    if _WITH_STATUS.match(what):
        return _GOOD if truth(value) else _BAD
    return 0


def _tree(what: str) -> Any:
    from .objectscript.parser import Parser

    if what.startswith("##"):
        return Parser(what).expression()
    name, _, arguments = what.partition("(")
    label, caret, routine = name.rpartition("^")
    return Parser(f"$${label if caret else ''}^{routine}" + (f"({arguments}" if arguments else "")).expression()


def _lines(run: Any) -> int:
    """Lines from the standard input, each after a prompt, until HALT.

    That prompts are shown to a pipe too is what users see; no guide says it.
    """
    from .objectscript.interpreter import Leave
    from .objectscript.values import ScriptError

    while True:
        run.write(f"\n{run.namespace}>")
        line = sys.stdin.readline()
        if not line:
            print("<ENDOFFILE>")
            return 1
        if not line.strip():
            continue
        run.write("\n")
        try:
            run.line(line.strip("\r\n"))
        except Leave as leaving:
            if leaving.what == "halt":
                sys.stdout.flush()
                return int(leaving.value or 0)
        except ScriptError as error:
            run.write(f"\n{error}\n")
