"""HAProxy in the place of a Network Load Balancer, set up from a deployed target group.

What it does as the load balancer does: health checks at the interval, with the timeout and the thresholds of the group, of the
same page; resets for the connections of a target that has become unhealthy; traffic to all targets while none is healthy. What
it doesn't: a Network Load Balancer's checks come from several places that have to agree, and its changes take time to reach all
of it. Both make a real failover longer, see docs/how-to/drill.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

_GLOBAL = """\
global
  log stdout format raw local0 notice
  stats socket {socket} level admin
defaults
  mode tcp
  log global
  timeout connect 2s
  timeout client 1h
  timeout server 1h
"""
_RESET = "target_health_state.unhealthy.connection_termination.enabled"
# Of AWS, where a group doesn't say. Source: ELB API, TargetGroupAttribute.
_RESETS_BY_DEFAULT = "true"


@dataclass(frozen=True)
class Group:
    """A target group, as ELB describes it.

    Attributes:
        name: What it is called here.
        targets: Address and port of each target.
        arn: Its ARN.
        protocol: Of the health check: `HTTP` or `TCP`.
        port: Where the health of each is asked for.
        path: Which page is asked.
        codes: Which answers are good.
        interval: Seconds between two questions.
        timeout: How long an answer may take, in seconds.
        healthy: After how many good answers a target is healthy.
        unhealthy: After how many others it isn't.
        resets: Whether a target that becomes unhealthy has its connections ended.
    """

    name: str
    targets: tuple[tuple[str, int], ...]
    protocol: str
    port: int
    path: str
    codes: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    resets: bool
    arn: str = ""

    @classmethod
    def deployed(
        cls, name: str, group: Mapping[str, Any], attributes: Mapping[str, str], targets: Sequence[Mapping[str, Any]]
    ) -> Self:
        """From what DescribeTargetGroups, DescribeTargetGroupAttributes and DescribeTargetHealth answer."""
        return cls(
            name=name,
            targets=tuple(sorted((str(each["Id"]), int(each["Port"])) for each in targets)),
            protocol=group["HealthCheckProtocol"],
            port=int(group["HealthCheckPort"]),
            path=group.get("HealthCheckPath", ""),
            codes=group.get("Matcher", {}).get("HttpCode", ""),
            interval=int(group["HealthCheckIntervalSeconds"]),
            timeout=int(group["HealthCheckTimeoutSeconds"]),
            healthy=int(group["HealthyThresholdCount"]),
            unhealthy=int(group["UnhealthyThresholdCount"]),
            resets=attributes.get(_RESET, _RESETS_BY_DEFAULT) == "true",
            arn=group.get("TargetGroupArn", ""),
        )

    def slower(self, name: str, interval: int, threshold: int) -> Self:
        """The same with another interval and other thresholds, for comparison."""
        return replace(self, name=name, interval=interval, healthy=threshold, unhealthy=threshold)

    @property
    def budget(self) -> float:
        """The longest time from a target's first good answer to its being healthy, in seconds."""
        return self.interval * self.healthy


def configuration(listeners: Mapping[tuple[str, int], Group], socket: str) -> str:
    """HAProxy's configuration.

    Args:
        listeners: Address and port -> the group behind it.
        socket: Where HAProxy takes commands.
    """
    return _GLOBAL.format(socket=socket) + "".join(
        _listener(address, port, group) for (address, port), group in listeners.items()
    )


def moved(address: str, port: int, groups: Sequence[Group], *, leads: Path, socket: Path) -> str:
    """HAProxy's configuration for a listener whose weights are moved between target groups.

    Connections that are there stay where they are when the weights change, as they do in AWS.

    Args:
        address: Of the listener.
        port: Of the listener.
        groups: Its target groups.
        leads: HAProxy's map of what the listener leads to, changed while it runs.
        socket: Where HAProxy takes commands.
    """
    one = f"str(listener),map_str({leads})"
    front = (
        f"\nfrontend listener\n  bind {address}:{port}\n"
        f"  use_backend %[{one}]-open if {{ {one},nbsrv eq 0 }}\n  use_backend %[{one}]\n"
    )
    return _GLOBAL.format(socket=socket) + front + "".join(_backends(group) for group in groups)


def _listener(address: str, port: int, group: Group) -> str:
    name = group.name
    return (
        f"\nfrontend {name}\n  bind {address}:{port}\n  use_backend {name}-open if {{ nbsrv({name}) eq 0 }}\n"
        f"  default_backend {name}\n{_backends(group)}"
    )


def _backends(group: Group) -> str:
    """A group's targets that are checked, and all of them for when none is healthy: the load balancer then fails open."""
    name = group.name
    check = f"check port {group.port} inter {group.interval}s fall {group.unhealthy} rise {group.healthy}"
    ends = " on-marked-down shutdown-sessions" if group.resets else ""
    how = ""
    if group.protocol == "HTTP":
        how = f"  option httpchk GET {group.path}\n  http-check expect status {group.codes}\n"
    checked = "".join(f"  server {_short(to)} {to}:{at} {check}{ends}\n" for to, at in group.targets)
    unchecked = "".join(f"  server {_short(to)} {to}:{at}\n" for to, at in group.targets)
    return (
        f"\nbackend {name}\n  balance roundrobin\n  timeout check {group.timeout}s\n{how}{checked}"
        f"\nbackend {name}-open\n  balance roundrobin\n{unchecked}"
    )


def _short(address: str) -> str:
    return "target-" + address.replace(".", "-")
