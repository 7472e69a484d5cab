"""`iris-region status`: what this member is in its mirror, how far behind, and whom it can reach."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ..host import certificate, iris, left_mirror, network
from ..host.errors import StepError
from ..host.layout import CERTIFICATE_FILE, ISCAGENT_PORT
from . import asking, cpf, diverged, mark

if TYPE_CHECKING:
    from ..host.context import Context

#: For a connection to an agent, all at once.
_AGENT_SECONDS = 2.0
#: High Availability Guide, 5.1.1.2: what is shown of a member that has everything.
_NOT_BEHIND = ("Active", "Caught up")
_SECONDS = re.compile(r"(\d+)(?:\.\d+)?\s*s(?:ec|econds?)?\b", re.IGNORECASE)
_COLUMNS = 5


def status(host: Context) -> Dict[str, Any]:
    """What this member is. What can't be known is null: an instance that is down can't be asked.

    Args:
        host: The host.
    """
    mirror = host.description.mirror
    instance = iris.look(host.description.instance)
    running = instance is not None and instance.is_running
    arbiter = cpf.arbiter(instance.cpf, mirror.name) if instance else ""
    found: Dict[str, Any] = {
        "system_name": host.description.name,
        "role": host.description.region.role if host.description.region else "primary",
        "mirror": mirror.name,
        "running": running,
        "member_type": instance.member_type if instance and running else "",
        "status": (instance.mirror_status if running else "Down") if instance else "Not installed",
        "is_primary": bool(instance and instance.is_primary),
        "journal_lag_seconds": None,
        "database_lag_seconds": None,
        "caught_up": bool(instance and instance.is_primary),
        "members": [],
        "agents": agents(host),
        "validated": bool(instance and cpf.is_validated(instance.cpf)),
        "fenced": mark.read() is not None,
        "inconsistent": diverged.is_inconsistent(instance, mirror.name) if instance else None,
        "rebuilding": left_mirror.MARK.exists(),
        "certificate_expires": _expires(host),
        "arbiter": {"address": arbiter, "own_region": arbiter == mirror.arbiter},
    }
    if running:
        try:
            found.update(_asked(host, is_primary=bool(found["is_primary"])))
        except StepError as error:
            found["problem"] = str(error)
    return found


def agents(host: Context) -> Dict[str, bool]:
    """Whether the ISCAgent of each other member takes connections."""
    mirror = host.description.mirror
    addresses = {**mirror.members, **{name: other.address for name, other in mirror.others.items()}}
    addresses.pop(host.description.name, None)
    found = dict.fromkeys(addresses, False)

    def look(name: str) -> None:
        found[name] = network.takes_connections(addresses[name], ISCAGENT_PORT, _AGENT_SECONDS)

    threads = [threading.Thread(target=look, args=(name,), daemon=True) for name in addresses]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + _AGENT_SECONDS + 1
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return dict(found)


def seconds_of(shown: str) -> Optional[int]:
    """How far behind a member is, in seconds, from what the list of members shows in words; None if that isn't told."""
    if shown in _NOT_BEHIND:
        return 0
    found = _SECONDS.search(shown)
    return int(found[1]) if found else None


def _asked(host: Context, *, is_primary: bool) -> Dict[str, Any]:
    asking.load(host)
    answer = asking.call(host, f'Status("{host.description.mirror.name}")', asking.ASK_SECONDS)
    journal, databases = _numbers(answer, "latency")
    found: Dict[str, Any] = {
        "journal_lag_seconds": journal if journal is not None and journal >= 0 else None,
        "database_lag_seconds": databases if databases is not None and databases >= 0 else None,
        "caught_up": is_primary or _numbers(answer, "distance") == [1, 1],
        "members": [_member(line) for line in answer.get("member", []) if line.count("^") == _COLUMNS - 1],
    }
    if said := asking.problem(answer):
        found["problem"] = said
    return found


def _numbers(answer: Dict[str, List[str]], word: str) -> List[Optional[int]]:
    parts = [*(answer.get(word) or [""])[0].split(), "", ""][:2]
    return [int(part) if re.fullmatch(r"-?\d+", part) else None for part in parts]


def _member(line: str) -> Dict[str, Any]:
    name, kind, shown, journal, databases = line.split("^")
    return {
        "name": name,
        "type": kind,
        "status": shown,
        "journal_lag_seconds": seconds_of(journal),
        "database_lag_seconds": seconds_of(databases),
    }


def _expires(host: Context) -> Optional[str]:
    try:
        found = certificate.read(host, CERTIFICATE_FILE.read_text(encoding="ascii", errors="replace"))
    except (OSError, StepError):
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.ends)) if found else None
