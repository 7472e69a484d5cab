"""The users and groups that IRIS and its agent run as."""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Mapping, Optional, TypeVar

from ..errors import StepError

if TYPE_CHECKING:
    from ..context import Context

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")

#: Owner of the instance and of its files.
IRISOWNER = "irisowner"
#: IRIS's effective user and group: what the superserver and its jobs run as, and whose group has every database and journal.
#: Nobody else is in that group. Source: System Administration Guide, "UNIX Users, Groups and Permissions".
IRISUSR = "irisusr"
#: What the ISCAgent runs as. Source: Installation Guide, "Adding UNIX Installation Packages", parameters of the agent.
ISCAGENT = "iscagent"


@dataclass(frozen=True)
class Account:
    """A user with a group of the same name.

    Args:
        name: Its name.
        number: Its uid and gid. None: any below 1000 that is free.
        about: What it is, as the password file's comment.
    """

    name: str
    number: Optional[int]
    about: str


#: Numbers as in InterSystems' own images. They are fixed because files on volumes outlive the host that made them.
_OWNER = Account(IRISOWNER, 51773, "IRIS instance owner")
_USER = Account(IRISUSR, 52773, "IRIS superserver and jobs")
_AGENT = Account(ISCAGENT, None, "ISCAgent")

_ACCOUNTS: Mapping[str, tuple[Account, ...]] = {
    "member": (_OWNER, _USER, _AGENT),
    "application": (_OWNER, _USER, _AGENT),
    "arbiter": (_AGENT,),
    # The Web Gateway runs in the web server, as its user.
    "web": (),
}

_NO_LOGIN = "/usr/sbin/nologin"


def users(host: Context) -> None:
    """Makes sure that the users and groups of the host's role are there, with the numbers that files on volumes have.

    Nobody logs in as one of them: they have no password, no shell and no home directory.

    Args:
        host: The host.

    Raises:
        StepError: A name has another number, or a number another name.
    """
    for account in _ACCOUNTS[host.description.role]:
        number = [] if account.number is None else [str(account.number)]
        if _group_is_missing(account):
            host.run(["groupadd", "--system", *(["--gid", *number] if number else []), account.name])
        if _user_is_missing(account):
            options = ["--system", "--gid", account.name, *(["--uid", *number] if number else []), "--comment", account.about]
            home = ["--home-dir", "/nonexistent", "--no-create-home", "--shell", _NO_LOGIN]
            host.run(["useradd", *options, *home, account.name])


def _group_is_missing(account: Account) -> bool:
    found = _find(grp.getgrnam, account.name)
    other = None if account.number is None else _find(grp.getgrgid, account.number)
    _refuse_another("group", account, found and found.gr_gid, other and other.gr_name)
    return found is None


def _user_is_missing(account: Account) -> bool:
    found = _find(pwd.getpwnam, account.name)
    other = None if account.number is None else _find(pwd.getpwuid, account.number)
    _refuse_another("user", account, found and found.pw_uid, other and other.pw_name)
    if found and found.pw_gid != grp.getgrnam(account.name).gr_gid:
        raise StepError(f"the user {account.name} has another group than {account.name}: remove it, or use an image without it")
    return found is None


def _find(look_up: Callable[[_Key], _Found], key: _Key) -> Optional[_Found]:
    try:
        return look_up(key)
    except KeyError:
        return None


def _refuse_another(kind: str, account: Account, number: Optional[int], name: Optional[str]) -> None:
    if account.number is None:
        return
    if number not in (None, account.number):
        raise StepError(
            f"the {kind} {account.name} has the number {number}, and files on the volumes have {account.number}: remove it, "
            "or use an image without it"
        )
    if name not in (None, account.name):
        raise StepError(
            f"the number {account.number} of the {kind} {account.name} belongs to {name}: give that another one, or use an "
            "image without it"
        )
