"""`CSP.ini`: what the Web Gateway of a web server works with.

Pure: the same servers give the same text. The parameters are those of the Web Gateway Guide, "Web Gateway Configuration File
(CSP.ini) Parameter Reference"; a test holds every rendered name against a table of them.

**Never read by a licensed Web Gateway.** What the documentation leaves open stands in docs/hosts/web-server.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

from .layout import SUPERSERVER_PORT

#: TLS towards the superserver. The guide lists 4 for it; InterSystems' own container example, and every other published file
#: that a Web Gateway has written with TLS, has 10. `gateway_parameters` of the web tier sets another.
TLS_LEVEL = "10"

#: Bits of a protocol version: 16 is TLS 1.2, 32 is TLS 1.3. Source: Web Gateway Guide, SSLCC_Protocol_Min.
_TLS_1_2, _TLS_1_3 = "16", "32"

#: 2 is InterSystems IRIS, IRIS for Health and HealthShare. Source: Web Gateway Guide, Product.
_IRIS = "2"

#: Of the general parameters, those a deployment may set.
_GENERAL = frozenset(
    {"Server_Response_Timeout", "Queued_Request_Timeout", "No_Activity_Timeout", "MAX_CONNECTIONS", "MAX_CACHE_SIZE"}
)
#: Of each server's parameters, likewise.
_OF_A_SERVER = frozenset(
    {
        "Connection_Security_Level",
        "Minimum_Server_Connections",
        "Maximum_Server_Connections",
        "Maximum_Session_Connections",
        "SSLCC_Cipher_Suites",
        "SSLCC_Cipher_Suites_1_3",
    }
)
#: What `gateway_parameters` may name.
ADJUSTABLE = _GENERAL | _OF_A_SERVER

#: Source: Web Gateway Guide, "Through the Web Gateway": paths are case-sensitive and have no dots.
_PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")


@dataclass(frozen=True)
class Server:
    """An IRIS instance behind the web server.

    Args:
        name: A name that stays its own for as long as it lives.
        address: Its address.
    """

    name: str
    address: str


@dataclass(frozen=True)
class Gateway:
    """What doesn't depend on the servers.

    Args:
        paths: The application paths, as they begin in a browser: `/csp`.
        password_command: The command that prints CSPSystem's password. The Web Gateway runs it whenever it finds RELOAD=1,
            and keeps what it printed in memory only (Web Gateway Guide, "Retrieve Passwords Programmatically").
        ca_file: Certificate of the authority that has issued the instances' certificates.
        event_log: Where the Web Gateway's event log goes.
        parameters: Parameters that a deployment sets, by name; see `ADJUSTABLE`.
    """

    paths: Sequence[str]
    password_command: str
    ca_file: str
    event_log: str
    parameters: Mapping[str, str]


def to_application_servers(servers: Sequence[Server], gateway: Gateway, *, web_server: str) -> str:
    """`CSP.ini` of a web server in front of application servers.

    Each new session goes to the next server, and stays there as long as the server answers (Web Gateway Guide, "Load
    Balancing and Failover Between Multiple InterSystems IRIS Server Instances").

    Args:
        servers: The application servers, in any order.
        gateway: All else.
        web_server: Name of this web server. Each begins with another application server, and a server that comes or goes
            leaves the order of the others as it was.

    Raises:
        ValueError: A path or parameter isn't one, or two servers have the same name.
    """
    ordered = sorted(servers, key=lambda each: hashlib.sha256(f"{web_server} {each.name}".encode()).hexdigest())
    return _render(ordered, gateway, alternatives="LoadBalancing", mirror_aware=False)


def to_mirror(members: Sequence[Server], gateway: Gateway) -> str:
    """`CSP.ini` of a web server in front of a mirror.

    The Web Gateway learns all members from the one it is given, and follows the primary. As it has to reach that one the
    first time, there is a second profile that begins with the other one.

    Args:
        members: The failover members, the one to be asked first in front.
        gateway: All else.

    Raises:
        ValueError: A path or parameter isn't one, or two members have the same name.
    """
    return _render(list(members), gateway, alternatives="FailOver", mirror_aware=True)


def _render(servers: Sequence[Server], gateway: Gateway, *, alternatives: str, mirror_aware: bool) -> str:
    problem = path_problem(gateway.paths) or parameter_problem(gateway.parameters)
    if problem:
        raise ValueError(problem)
    names = [server.name for server in servers]
    if len(set(names)) != len(names):
        raise ValueError(f"two servers have the same name: {', '.join(names)}")
    sections = [
        ("SYSTEM", _general(names[:1], gateway)),
        ("SYSTEM_INDEX", [(name, "Enabled") for name in names]),
        *((server.name, _profile(server, gateway, mirror_aware=mirror_aware)) for server in servers),
        ("APP_PATH_INDEX", [(path, "Enabled") for path in gateway.paths]),
        *((f"APP_PATH:{path}", _application(names, alternatives)) for path in gateway.paths),
    ]
    return "\n".join(_text(name, parameters) for name, parameters in sections)


def _general(default: Sequence[str], gateway: Gateway) -> list[tuple[str, str]]:
    parameters = {
        # Read within about a minute, then taken out of the file by the Web Gateway (Web Gateway Guide, "Using Scripts
        # External to InterSystems IRIS").
        "RELOAD": "1",
        # Without them the Web Gateway never tries a server again that it has found offline (Web Gateway Guide, "Load
        # Balancing and Failover Between Multiple InterSystems IRIS Server Instances").
        "REGISTRY_METHODS": "Enabled",
        # No management pages, from nowhere; Apache refuses them before the Web Gateway is asked.
        "SM_Forms": "Disabled",
        "System_Manager": "127.0.0.1",
        "Accept_X_Forwarded_For": "Disabled",
        "System_Manager_UNPW_Override": "0",
        # The load balancer has a cookie of its own.
        "Web_Server_ID_Cookie": "Disabled",
        # Both shorter than the load balancer waits, so that the browser gets the Web Gateway's answer and not the load
        # balancer's.
        "Server_Response_Timeout": "60",
        "Queued_Request_Timeout": "60",
        "No_Activity_Timeout": "86400",
        "Event_Log_File": gateway.event_log,
        # By default it grows for ever.
        "Event_Log_Rotation_Size": "8M",
        **{name: gateway.parameters[name] for name in sorted(_GENERAL & set(gateway.parameters))},
    }
    return [*parameters.items(), *(("Default_Server", name) for name in default)]


def _profile(server: Server, gateway: Gateway, *, mirror_aware: bool) -> list[tuple[str, str]]:
    parameters = {
        "Ip_Address": server.address,
        "TCP_Port": str(SUPERSERVER_PORT),
        **({"Mirror_Aware": "1"} if mirror_aware else {}),
        "Product": _IRIS,
        "Username": "CSPSystem",
        "Password": f"{{{gateway.password_command}}}",
        "Connection_Security_Level": TLS_LEVEL,
        "SSLCC_Protocol_Min": _TLS_1_2,
        "SSLCC_Protocol_Max": _TLS_1_3,
        "SSLCC_Verify_Peer": "1",
        "SSLCC_CA_Certificate_File": gateway.ca_file,
        **{name: gateway.parameters[name] for name in sorted(_OF_A_SERVER & set(gateway.parameters))},
    }
    return list(parameters.items())


def _application(names: Sequence[str], alternatives: str) -> list[tuple[str, str]]:
    return [
        *(("Default_Server", name) for name in names[:1]),
        ("Alternative_Servers", alternatives),
        *((f"Alternative_Server_{number}", f"1~~~~~~{name}") for number, name in enumerate(names)),
        # Else the Web Gateway sends the headers past Apache, and Apache's security headers are missing.
        ("Non_Parsed_Headers", "Disabled"),
    ]


def _text(name: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in parameters)


def path_problem(paths: Sequence[str]) -> Optional[str]:
    """Says why application paths can't be such; None if they can."""
    if not paths:
        return "a web server has at least one application path"
    for path in paths:
        if not _PATH.fullmatch(path):
            return f"an application path is like /csp or /trakcare/csp, of letters, digits, _ and -, got {path!r}"
    return None if len(set(paths)) == len(paths) else f"an application path is given twice: {', '.join(paths)}"


def parameter_problem(parameters: Mapping[str, str]) -> Optional[str]:
    """Says why parameters can't be set by a deployment; None if they can."""
    for name, value in parameters.items():
        if name not in ADJUSTABLE:
            return f"{name} can't be set, only {', '.join(sorted(ADJUSTABLE))}"
        if not re.fullmatch(r"[A-Za-z0-9_:!+,@-]+", value):
            return f"the value of {name} has letters, digits and _ : ! + , @ -, got {value!r}"
    return None


def read(text: str) -> dict[str, dict[str, str]]:
    """The sections of a `CSP.ini`: name -> parameter -> value."""
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        heading = re.fullmatch(r"\[(.+)\]\s*", line)
        key, equals, value = line.partition("=")
        if heading:
            current = sections.setdefault(heading.group(1), {})
        elif equals:
            current[key.strip()] = value.strip()
    return sections


def holds(found: str, rendered: str) -> bool:
    """Whether a `CSP.ini` still says all that was rendered, but for what the Web Gateway itself changes in it.

    It takes RELOAD out, encodes passwords, and adds what it likes.
    """
    sections = read(found)
    for name, parameters in read(rendered).items():
        there = sections.get(name, {})
        for key, value in parameters.items():
            if key == "RELOAD":
                continue
            if key == "Password":
                if not there.get(key):
                    return False
            elif there.get(key) != value:
                return False
    return True
