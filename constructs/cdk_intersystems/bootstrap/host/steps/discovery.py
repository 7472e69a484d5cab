"""The application servers behind a web server: found by their tags, and told to the Web Gateway as they come and go."""

from __future__ import annotations

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .. import csp_ini
from ..apache import CSP_INI, GATEWAY_LOGS, PASSWORD, RENDERED_CSP_INI, distribution
from ..aws import ec2
from ..context import STATE
from ..csp_ini import Gateway, Server
from ..errors import StepError
from ..layout import CA_FILE, SUPERSERVER_PORT
from ..network import takes_connections
from .web_gateway import restore_label

if TYPE_CHECKING:
    from ..context import Context
    from ..description import Web

#: The servers that were found last: what a web server goes on with whatever AWS says.
KNOWN = STATE / "application-servers.json"
_LOCK = STATE / "discovery.lock"

#: The tags of an application server. The same as DEPLOYMENT and TIER in model/tags.py.
_DEPLOYMENT_TAG, _TIER_TAG = "cdk-intersystems:deployment", "cdk-intersystems:tier"

#: How long the first look may take to find a server. After that the web server starts without one: what is missing then is
#: behind it.
_FIRST_LOOK_SECONDS = 60
_CONNECT_SECONDS = 1.0


def discovery(host: Context) -> None:
    """Writes the Web Gateway's configuration before Apache starts.

    A web server that knows no application server yet waits for the first, a minute at most.

    Args:
        host: The host.
    """
    if not _web(host).application_tier:
        configure(host, [])
        return
    if not known_servers():
        try:
            host.wait_until("a first application server", lambda: bool(_looked(host)), seconds=_FIRST_LOOK_SECONDS)
        except StepError as error:
            host.log(f"{error}: starting without one")
    configure(host, known_servers())


def discover(host: Context) -> None:
    """Looks for the application servers, and writes the Web Gateway's configuration if it isn't as it has to be.

    A server is taken up when it answers, and let go when it doesn't run any more. Nothing that AWS fails to say takes a
    server away, nor an answer without any.

    Args:
        host: The host.

    Raises:
        StepError: AWS couldn't be asked. The servers stay as they were.
    """
    configure(host, _looked(host) if _web(host).application_tier else [])


def known_servers() -> list[Server]:
    """The servers that were found last."""
    try:
        found = json.loads(KNOWN.read_text(encoding="utf-8"))
        return [Server(name=str(each["name"]), address=str(each["address"])) for each in found]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def configure(host: Context, servers: list[Server]) -> bool:
    """Makes the Web Gateway work with these servers: it reads its configuration again within about a minute.

    Args:
        host: The host.
        servers: The application servers. Without an application tier it works with the mirror.

    Returns:
        Whether anything changed.
    """
    web = _web(host)
    gateway = Gateway(
        paths=web.paths,
        password_command=f"cat {PASSWORD}",
        ca_file=str(CA_FILE),
        event_log=f"{GATEWAY_LOGS}/CSP.log",
        parameters=web.gateway_parameters,
    )
    try:
        if web.application_tier:
            text = csp_ini.to_application_servers(servers, gateway, web_server=host.me.instance_id)
        else:
            members = host.description.mirror.members
            text = csp_ini.to_mirror([Server(name, members[name]) for name in sorted(members)], gateway)
    except ValueError as error:
        raise StepError(f"the web tier can't be configured: {error}") from None
    path, rendered = Path(CSP_INI), Path(RENDERED_CSP_INI)
    found = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    before = rendered.read_text(encoding="utf-8") if rendered.exists() else ""
    if text == before and csp_ini.holds(found, text):
        return False
    user = distribution(host.description.operating_system).user
    # The one that is read first: interrupted between the two, the next run writes both again.
    host.write(path, text, mode=0o640, owner=f"{user}:{user}")
    restore_label(host, CSP_INI)
    host.write(rendered, text)
    host.log(f"the Web Gateway works with {', '.join(f'{name} {where}' for name, where in _told(text)) or 'no server'}")
    return True


def _told(text: str) -> list[tuple[str, str]]:
    sections = csp_ini.read(text)
    return [(name, sections[name]["Ip_Address"]) for name in sections["SYSTEM_INDEX"]]


def _looked(host: Context) -> list[Server]:
    """The servers to work with from now on, after a look at which there are."""
    web = _web(host)
    STATE.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tags = {_DEPLOYMENT_TAG: host.description.deployment, _TIER_TAG: web.application_tier}
        running = [Server(_name(instance), address) for instance, address in ec2.running_instances(host.aws, tags) if address]
        known = known_servers()
        chosen = _chosen(running, known)
        if chosen is None:
            if known:
                host.log(f"no server of the tier {web.application_tier} runs or answers, says AWS: going on with those known")
            return known
        if chosen != known:
            _log_difference(host, known, chosen)
            host.write(KNOWN, json.dumps([{"name": each.name, "address": each.address} for each in chosen], indent=1) + "\n")
        return chosen


def _chosen(running: list[Server], known: list[Server]) -> Optional[list[Server]]:
    """Of the running servers those that are known or answer. None: leave things as they are."""
    new = [each for each in running if each not in known]
    with ThreadPoolExecutor(max_workers=16) as asking:
        ready = [each for each in asking.map(_if_it_answers, new) if each]
    chosen = sorted((each for each in running if each in known or each in ready), key=lambda each: each.name)
    if chosen:
        return chosen
    # Better than none: those that are only starting.
    return sorted(running, key=lambda each: each.name) if running and not known else None


def _if_it_answers(server: Server) -> Optional[Server]:
    return server if takes_connections(server.address, SUPERSERVER_PORT, _CONNECT_SECONDS) else None


def _log_difference(host: Context, before: list[Server], after: list[Server]) -> None:
    for each in after:
        if each not in before:
            host.log(f"application server {each.name} at {each.address} has come")
    for each in before:
        if each not in after:
            host.log(f"application server {each.name} at {each.address} has gone")


def _name(instance_id: str) -> str:
    """The name of a server's profile. Names in the documentation have letters and digits only."""
    return instance_id.replace("-", "")


def _web(host: Context) -> Web:
    web = host.description.web
    if web is None:
        raise StepError(f"this host is a {host.description.role}, and its description has nothing of a web server")
    return web
