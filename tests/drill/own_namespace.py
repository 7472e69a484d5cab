"""A network namespace of this program's own, which in the drill is AWS's: the embedded AWS and its functions are in it."""

import os
import sys

from tests.bootstrap.lab.namespaces import run

_MARK = "CDK_DRILL_NAMESPACE"


def enter(arguments: list[str]) -> None:
    """Runs this program again, in a namespace of its own, unless it is there already; nothing of this machine's network is.

    Args:
        arguments: What follows the interpreter in the command.
    """
    if os.environ.get(_MARK) == str(os.getpid()):
        run(["ip", "link", "set", "lo", "up"])
        return
    # `unshare` is replaced by the program: the process stays the same one.
    os.environ[_MARK] = str(os.getpid())
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *arguments])
