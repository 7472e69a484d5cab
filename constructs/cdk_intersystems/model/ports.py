"""Every TCP port that a deployment gives a meaning to, and the rules for the ports of a mirror endpoint."""

from collections.abc import Mapping
from typing import Final

#: Superserver: ECP, the mirror's data channel, the Web Gateway, JDBC and ODBC.
#: Source: Installation Guide for UNIX and Linux; Configuration Parameter File Reference, DefaultPort.
SUPERSERVER_PORT: Final = 1972

#: ISCAgent, on the failover members and the arbiter. Source: High Availability Guide, "Configuring the ISCAgent".
ISCAGENT_PORT: Final = 2188

#: The responder on each failover member that answers `mirror_status.cxw` for the load balancer's health check (IRIS has no
#: private web server since 2023.2). Next to the ISCAgent's; above 1023, so that it needs no privilege; below the ports
#: Linux hands to outgoing connections (32768 and up); and none of 80, 443, 8080 or 52773, on which a member of an
#: upgraded site may still run a web server.
MIRROR_STATUS_PORT: Final = 2189

#: What the responder answers, for the member's own instance. Source: reference architecture, "ELB Polling Method"; the path
#: of the local instance is attested by several public deployments of mirrors.
MIRROR_STATUS_PATH: Final = "/csp/bin/mirror_status.cxw"

#: A listener of the endpoint forwards to this much above the service port. The target ports are apart from the service's
#: own from the first day, because a target group cannot change its port, and a member that is not primary has to be able to
#: refuse what comes through the load balancer without refusing its mirror partner.
ENDPOINT_PORT_OFFSET: Final = 10_000

#: The highest service port whose target port is still a port.
HIGHEST_SERVICE_PORT: Final = 65_535 - ENDPOINT_PORT_OFFSET

#: Source: Elastic Load Balancing quotas, "Listeners per Network Load Balancer".
MOST_ENDPOINT_PORTS: Final = 50

#: What a security group admits, unless AWS has raised the account's quota.
#: Source: Amazon VPC User Guide, "Amazon VPC quotas", inbound or outbound rules per security group.
MOST_INBOUND_RULES: Final = 60

#: The name of the endpoint port that is IRIS's superserver.
SUPERSERVER: Final = "superserver"

#: Ports no service of the endpoint may have, with what they are for.
_TAKEN: Final[Mapping[int, str]] = {
    22: "SSH, which nothing in a deployment opens",
    ISCAGENT_PORT: "the ISCAgent's",
    MIRROR_STATUS_PORT: "the mirror status responder's",
}


def target_port(service_port: int) -> int:
    """The port on the members that the endpoint's listener for a service forwards to."""
    return service_port + ENDPOINT_PORT_OFFSET


def service_port_problems(ports: Mapping[str, int]) -> list[tuple[str, str]]:
    """Checks the service ports of a mirror endpoint.

    Args:
        ports: Name of the service -> its port, at the endpoint and on the primary alike.

    Returns:
        For each problem the name of the service and what is wrong, in words; empty if there is none.
    """
    problems: list[tuple[str, str]] = []
    taken = dict(_TAKEN)
    users: dict[int, str] = {}
    for name, port in ports.items():
        if not 1 <= port <= HIGHEST_SERVICE_PORT:
            problems.append(
                (
                    name,
                    f"a service port is 1 to {HIGHEST_SERVICE_PORT}, so that port + {ENDPOINT_PORT_OFFSET} is one too",
                )
            )
            continue
        if port in taken:
            problems.append((name, f"port {port} is {taken[port]}"))
        elif target_port(port) in taken:
            problems.append((name, f"its target port {target_port(port)} is {taken[target_port(port)]}"))
        if port in users:
            problems.append((name, f"port {port} is already that of {users[port]}"))
        if name == SUPERSERVER and port != SUPERSERVER_PORT:
            problems.append((name, f"the superserver of every member listens on {SUPERSERVER_PORT}"))
        if name != SUPERSERVER and port == SUPERSERVER_PORT:
            problems.append((name, f"port {port} is the superserver's: name it {SUPERSERVER}"))
        users.setdefault(port, name)
    for name, port in ports.items():
        if (other := users.get(target_port(port))) is not None:
            problems.append((name, f"its target port {target_port(port)} is the service port of {other}"))
    first: dict[str, str] = {}
    for name in ports:
        # What the ids of its listener and target group are made of, in which these letters don't count.
        if (other := first.setdefault(name.replace("-", "").replace("_", "").lower(), name)) != name:
            problems.append((name, f"its name differs from {other} only by hyphens, underscores or capitals: choose another"))
    return problems
