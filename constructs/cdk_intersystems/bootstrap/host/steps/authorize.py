"""Who may join the mirror, and who may connect through ECP: exactly the names of certificates that this deployment gives.

With TLS a new member, or a server, waits until its certificate's name is authorized. The authority issues for this
deployment alone; that is not enough, since whoever may ask it can ask for other names. Of the names that wait, those that
stand in the host's description are authorized, compared as names and not as text, and nothing else ever is.

Members are authorized by the primary. Servers are authorized by every member beforehand, since any may be their data server
one day.

Sources: High Availability Guide, "Authorize the Second Failover Member or Async"; class reference,
SYS.Mirror.AuthorizePendingMembers (takes exactly one name that waits, and fails for another), SYS.ECP.AddAuthorizedCN;
Scalability Guide, "Adding Authorized ECP Connections".

**Never run on a licensed IRIS.** A version that has no AuthorizePendingMembers needs a person, and the log says so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Iterable

from .. import iris, network
from ..context import RUN
from ..errors import StepError
from ..names import as_shown, same_name
from .certificates import trust_others

if TYPE_CHECKING:
    from ..context import Context

#: When the other members have connections nobody waits, most likely. It is looked all the same after this time: a
#: connection may have another purpose.
_LOOK_EVERY_SECONDS = 60
_LOOKED = RUN / "looked-for-pending"

_ANSWER = "cdk:"


def authorize_clients(host: Context) -> None:
    """Authorizes the application servers of this deployment beforehand.

    Raises:
        StepError: IRIS refused it.
    """
    wanted = host.description.mirror.ecp_subjects
    if not wanted:
        return
    known = [name for kind, name in _rows(_ask(host, "Clients^%ZcdkHost"))]
    for name in wanted:
        if not any(same_name(name, each) for each in known):
            _authorize(host, "AuthorizeClient", as_shown(name))


def authorize(host: Context) -> int:
    """Authorizes, on a primary, the members and servers of this deployment that wait for it. Cheap when none does.

    Returns:
        How many were authorized.

    Raises:
        StepError: IRIS refused it.
    """
    # Whoever waits could not even connect before.
    trust_others(host)
    instance = iris.look(host.description.instance)
    if instance is None or not instance.is_primary or _nobody_waits(host):
        return 0
    mirror = host.description.mirror
    answer = _rows(_ask(host, f'Pending^%ZcdkHost("{mirror.name}")'))
    members = [*mirror.member_subjects.values(), *(other.subject for other in mirror.others.values())]
    expected = {"member": members, "client": mirror.ecp_subjects}
    done = 0
    for kind, name in answer:
        if not any(same_name(name, each) for each in expected.get(kind, [])):
            host.log(f"warning: not authorized, as it is no name of this deployment: {kind} {printable(name)}")
            continue
        _authorize(host, f"Authorize{kind.capitalize()}", name)
        done += 1
    return done


def _nobody_waits(host: Context) -> bool:
    others = set(network.others_of(host, everywhere=True).values())
    if not others <= network.connected_to_superserver():
        _LOOKED.unlink(missing_ok=True)
        return False
    if _LOOKED.exists() and time.time() - _LOOKED.stat().st_mtime < _LOOK_EVERY_SECONDS:
        return True
    _LOOKED.parent.mkdir(mode=0o700, exist_ok=True)
    _LOOKED.touch()
    return False


def _authorize(host: Context, entry: str, name: str) -> None:
    # Compared before: there are only letters, digits and the punctuation of names in it.
    answer = list(_lines(iris.call(host, f'{entry}^%ZcdkHost("{name}")')))
    if answer != ["done"]:
        raise StepError(f"IRIS did not authorize {name}: {'; '.join(answer) or 'no answer'}; do so in the Management Portal")
    host.log(f"authorized {name}")


def _ask(host: Context, what: str) -> list[str]:
    answer = list(_lines(iris.call(host, what)))
    problems = [line for line in answer if line.startswith("error ")]
    if problems or answer[-1:] != ["end"]:
        said = problems[0].partition(" ")[2] if problems else "the answer has no end"
        raise StepError(f"IRIS can't tell who waits for being authorized ({printable(said)}): look in the Management Portal")
    return answer[:-1]


def _lines(output: str) -> Iterable[str]:
    for line in output.splitlines():
        if line.startswith(_ANSWER):
            yield line[len(_ANSWER) :]


def _rows(lines: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, name) for kind, _, name in (line.partition(" ") for line in lines)]


def printable(text: str) -> str:
    """A text of somebody else's, as it may stand in a log: one line of bounded length."""
    return "".join(each if each.isprintable() else "?" for each in text)[:200]
