"""What each host is to become: the `host.json` that `bootstrap/host/description.py` reads on it.

Pure: from plain values to plain values. A test has the host's own reader accept what is written here, for every role.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from . import layout
from .mirror_facts import LONGEST_TAKEOVER_WAIT_SECONDS, TAKEOVER_WAIT_SECONDS, MirrorFacts, Other, RegionStateAt
from .names import LIFECYCLE_HOOK, authority_parameter, checked_name, created_parameter, fenced_parameter
from .platform import Platform
from .storage import MemberVolumes, VolumeRole
from .topology import FAILOVER_MEMBERS, FailoverMemberId

__all__ = [
    "CERTIFICATE_DAYS",
    "INSTANCE",
    "LONGEST_TAKEOVER_WAIT_SECONDS",
    "SCHEMA",
    "TAKEOVER_WAIT_SECONDS",
    "MirrorFacts",
    "Other",
    "RegionStateAt",
    "application_server",
    "arbiter",
    "member",
    "text",
    "web_server",
]

#: The schema of `bootstrap/host/description.py`.
SCHEMA: Final = 1

INSTANCE: Final = "IRIS"

#: Policy: for how many days a certificate is good. It is renewed when a third is left, so a certificate authority that is
#: away for a month does no harm.
CERTIFICATE_DAYS: Final = 90

#: ext4 for what is written in sequence, as the write image journal and the journals are; XFS for databases.
#: Source: InterSystems Supported Platforms and System Resource Planning and Management, "File systems".
_FILE_SYSTEMS: Final[Mapping[VolumeRole, str]] = {
    "installation": "xfs",
    "data": "xfs",
    "wij": "ext4",
    "journal": "ext4",
    "alternate_journal": "ext4",
}


def member(
    platform: Platform, mirror: MirrorFacts, which: FailoverMemberId, *, volumes: MemberVolumes, huge_pages: int
) -> dict[str, Any]:
    """Describes a failover member.

    Args:
        platform: What all hosts have in common.
        mirror: Its mirror.
        which: Which of the two it is.
        volumes: Its volumes.
        huge_pages: Huge pages for its shared memory.
    """
    return _host(
        platform,
        mirror.deployment,
        mirror.name,
        role="member",
        host=which,
        name=mirror.host_name(which),
        hosts=mirror.hosts(),
        kit=platform.kit,
        huge_pages=huge_pages,
        volumes=[_volume(role, spec.count) for role, spec in volumes.by_role().items()],
        tls=_tls(mirror, _member_subject(mirror, which)),
        mirror=_mirror(mirror),
        service_ports=sorted(mirror.service_ports),
        call_out={
            "mirror_set": mirror.name,
            "member": which,
            "takeover_wait_seconds": mirror.takeover_wait_seconds,
        },
        member_type="dr" if mirror.role == "dr" else "failover",
        region=_region(mirror),
    )


def arbiter(platform: Platform, mirror: MirrorFacts) -> dict[str, Any]:
    """Describes the arbiter. It needs no certificate: members ask it for nothing that TLS would protect.

    Args:
        platform: What all hosts have in common.
        mirror: Its mirror.
    """
    return _host(
        platform,
        mirror.deployment,
        mirror.name,
        role="arbiter",
        host="arbiter",
        name=mirror.host_name("arbiter"),
        hosts=mirror.hosts(),
        kit=platform.arbiter_kit,
        mirror=_mirror(mirror),
    )


def application_server(
    platform: Platform, mirror: MirrorFacts, tier: str, *, huge_pages: int, local_storage: bool
) -> dict[str, Any]:
    """Describes the servers of an application tier.

    Args:
        platform: What all hosts have in common.
        mirror: The mirror whose databases they work on.
        tier: Name of the tier.
        huge_pages: Huge pages for their shared memory.
        local_storage: Whether instance store volumes hold what needs not survive a stop.
    """
    return _host(
        platform,
        mirror.deployment,
        tier,
        role="application",
        host="server",
        name=tier,
        hosts=mirror.hosts(),
        kit=platform.kit,
        huge_pages=huge_pages,
        local_storage=local_storage,
        tls=_tls(mirror, _ecp_subject(mirror)),
        mirror=_mirror(mirror),
        region=_region(mirror),
        lifecycle_hook=LIFECYCLE_HOOK,
    )


def web_server(
    platform: Platform,
    mirror: MirrorFacts,
    tier: str,
    *,
    application_tier: str,
    paths: Sequence[str],
    gateway_parameters: Mapping[str, str],
) -> dict[str, Any]:
    """Describes the servers of a web tier.

    Args:
        platform: What all hosts have in common.
        mirror: The mirror they work with or, behind an application tier, whose members they ask for the region's status.
        tier: Name of the tier.
        application_tier: Name of the application tier behind them. Empty: the mirror itself.
        paths: The application paths that lead to IRIS.
        gateway_parameters: Parameters of the Web Gateway, by name; `bootstrap/host/csp_ini.py` has those that can be set.
    """
    name = f"{checked_name(tier)}.{checked_name(mirror.deployment)}.internal"
    return _host(
        platform,
        mirror.deployment,
        tier,
        role="web",
        host="server",
        name=tier,
        hosts=mirror.hosts(),
        kit=platform.kit,
        tls=_tls(mirror, _subject(mirror.deployment, tier, name)),
        mirror=_mirror(mirror),
        region=_region(mirror),
        web={
            "application_tier": application_tier,
            "server_name": name,
            "paths": list(paths),
            "gateway_parameters": dict(gateway_parameters),
        },
    )


def text(description: Mapping[str, Any]) -> str:
    """`host.json`: the same text for the same description, always, and one that a person can compare."""
    return json.dumps(description, indent=2, sort_keys=True) + "\n"


def _host(platform: Platform, deployment: str, group: str, **own: Any) -> dict[str, Any]:
    described = {
        "schema": SCHEMA,
        "deployment": checked_name(deployment),
        "group": checked_name(group),
        "operating_system": platform.operating_system,
        "architecture": platform.architecture,
        "packages_from": platform.packages_from,
        "packages": platform.archive.description() if platform.archive else None,
        "instance": INSTANCE,
        "huge_pages": 0,
        "volumes": [],
        "local_storage": False,
        "tls": None,
        "web": None,
        "service_ports": [],
        "member_type": "",
        "lifecycle_hook": "",
        "call_out": None,
        "region": None,
    }
    kit = own.pop("kit")
    return described | own | {"kit": kit.description() if kit else None}


def _volume(role: VolumeRole, count: int) -> dict[str, Any]:
    return {
        "role": role,
        # As the volumes are tagged, see `mirrored_database/member_volumes.py`.
        "tag": role.replace("_", "-"),
        "count": count,
        "mount_point": layout.MOUNT_POINTS[role],
        "file_system": _FILE_SYSTEMS[role],
    }


def _mirror(mirror: MirrorFacts) -> dict[str, Any]:
    return {
        "name": mirror.name,
        "members": {mirror.system_name(each): mirror.addresses[each] for each in FAILOVER_MEMBERS},
        "arbiter": mirror.addresses["arbiter"],
        "databases": list(mirror.databases),
        "member_subjects": {mirror.system_name(each): _shown(_member_subject(mirror, each)) for each in FAILOVER_MEMBERS},
        "ecp_subjects": [_shown(_ecp_subject(mirror))] if mirror.ecp_clients else [],
        "created_parameter": created_parameter(mirror.deployment, mirror.name),
        "authority_parameter": authority_parameter(mirror.deployment, mirror.name),
        "others": {
            name: {"address": other.address, "subject": other.subject or _shown(_subject(mirror.deployment, mirror.name, name))}
            for name, other in mirror.others.items()
        },
        "other_authority_region": mirror.other_region,
    }


def _region(mirror: MirrorFacts) -> dict[str, Any] | None:
    if mirror.region_state is None:
        return None
    return {
        "role": mirror.role,
        "own": mirror.role,
        "mirror_set": mirror.name,
        "table": mirror.region_state.table,
        "table_region": mirror.region_state.region,
        "fenced_parameter": fenced_parameter(mirror.deployment, mirror.name),
    }


def _tls(mirror: MirrorFacts, subject: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "authority": "private-ca" if mirror.private_ca_arn else "secret",
        "private_ca_arn": mirror.private_ca_arn,
        "subject": "".join(f"/{kind}={value}" for kind, value in subject),
        "days": CERTIFICATE_DAYS,
    }


def _member_subject(mirror: MirrorFacts, which: FailoverMemberId) -> tuple[tuple[str, str], ...]:
    return _subject(mirror.deployment, mirror.name, mirror.system_name(which))


def _ecp_subject(mirror: MirrorFacts) -> tuple[tuple[str, str], ...]:
    """One name for all application servers of a mirror, as they come and go: a new tier changes nothing on the members.

    Source: Scalability Guide, "Securing Application Server Connections to a Data Server with TLS": servers may share a name.
    """
    return _subject(mirror.deployment, mirror.name, "ecp-client")


def _subject(deployment: str, group: str, name: str) -> tuple[tuple[str, str], ...]:
    return (("O", checked_name(deployment)), ("OU", checked_name(group)), ("CN", name))


def _shown(subject: tuple[tuple[str, str], ...]) -> str:
    """A distinguished name as IRIS shows it; that it begins with the common name was never seen on a licensed IRIS."""
    return ",".join(f"{kind}={value}" for kind, value in reversed(subject))
