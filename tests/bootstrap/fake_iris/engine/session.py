"""`iris terminal`, also called `iris session`: a log-in, then one thing to run or lines to read (SAG 27.3)."""

import getpass
import os
import sys

from .commands import ask
from .installation import Installation, os_user


def log_in(installation: Installation) -> str:
    """Logs in as the operating system's user, or asks for name and password as a terminal does.

    Returns:
        The user; empty if access was denied.
    """
    (answer,) = ask(installation, {"op": "log in", "os_user": os_user()})
    if answer["user"]:
        return str(answer["user"])
    print(f"\nNode: {os.uname().nodename}, Instance: {installation.name}\n\nUsername: ", end="", flush=True)
    name = sys.stdin.readline().strip()
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    (answer,) = ask(installation, {"op": "log in", "os_user": "", "user": name, "password": password})
    return str(answer["user"])
