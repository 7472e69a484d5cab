"""What a host is to become: `host.json`, which stands in the bundle for every host of a group.

Written by `model/host_description.py` from the deployment; read here. A key that is missing or unknown is an error, so that a
host never runs with a bundle of another age than its code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Optional, Type, TypeVar, Union, get_type_hints

from .errors import StepError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1

_T = TypeVar("_T")


@dataclass(frozen=True)
class S3Object:
    """An object in S3 and what it has to contain.

    Args:
        bucket: Name of its bucket.
        key: Its key.
        sha256: SHA-256 of its content, 64 hexadecimal digits.
        region: The bucket's region. Empty: the host's.
    """

    bucket: str
    key: str
    sha256: str
    region: str


@dataclass(frozen=True)
class Volume:
    """A volume of a member: one EBS volume, or several that are striped.

    Args:
        role: What it holds: installation, data, wij, journal, alternate_journal.
        tag: Value of the tag cdk-intersystems:volume of each of its EBS volumes.
        count: How many EBS volumes it is made of.
        mount_point: Where it is mounted.
        file_system: `xfs` or `ext4`.
    """

    role: str
    tag: str
    count: int
    mount_point: str
    file_system: str


@dataclass(frozen=True)
class Tls:
    """Where a host's certificate comes from, and what it says.

    Args:
        authority: `secret` (a CA in Secrets Manager) or `private-ca` (AWS Private CA).
        private_ca_arn: ARN of the private CA. Empty with `secret`.
        subject: The distinguished name as openssl's `-subj` takes it: `/O=trakcare/OU=TRAK/CN=TRAKA`.
        days: For how many days a certificate is good.
    """

    authority: str
    private_ca_arn: str
    subject: str
    days: int


@dataclass(frozen=True)
class Other:
    """A member of the mirror that stands elsewhere.

    Args:
        address: Its fixed address.
        subject: Its distinguished name, as IRIS shows it.
    """

    address: str
    subject: str


@dataclass(frozen=True)
class Mirror:
    """The mirror a host belongs to or works with.

    Args:
        name: Its name.
        members: System name of each of the two members in the host's region -> its fixed address.
        arbiter: Fixed address of the arbiter in the host's region.
        databases: Names of the mirrored databases.
        member_subjects: System name of each member in the host's region -> its distinguished name, as IRIS shows it.
        ecp_subjects: Distinguished names of the application tiers that may connect through ECP.
        created_parameter: Name of the SSM parameter that says who created the mirror.
        authority_parameter: Name of the SSM parameter with the certificate of the deployment's certificate authority, in PEM.
        others: System name of each member elsewhere -> what it is. Empty: the mirror has one region.
        other_authority_region: The region whose parameter of that name has the certificate of the others' authority. Empty: all
            have the same one.
    """

    name: str
    members: dict[str, str]
    arbiter: str
    databases: list[str]
    member_subjects: dict[str, str]
    ecp_subjects: list[str]
    created_parameter: str
    authority_parameter: str
    others: dict[str, Other]
    other_authority_region: str


@dataclass(frozen=True)
class Web:
    """What a web server works with.

    Args:
        application_tier: Name of the application tier behind it. Empty: the mirror itself, mirror-aware.
        server_name: Name in the web server's own certificate.
        paths: The application paths that lead to IRIS, as they begin in a browser: `/csp`.
        gateway_parameters: Parameters of the Web Gateway that the deployment sets, by name; see `csp_ini.ADJUSTABLE`.
    """

    application_tier: str
    server_name: str
    paths: list[str]
    gateway_parameters: dict[str, str]


@dataclass(frozen=True)
class CallOut:
    """As what a failover member takes route epochs.

    Args:
        mirror_set: Name of the mirror set.
        member: `a` or `b`.
        takeover_wait_seconds: How long a takeover waits for the epoch at most.
    """

    mirror_set: str
    member: str
    takeover_wait_seconds: int


@dataclass(frozen=True)
class Region:
    """What a member asks before IRIS starts: which region holds the mirror. A server knows by it that it may have to wait.

    Args:
        role: The role of the host's region: `primary` or `dr`.
        own: The word for it in the table.
        mirror_set: Name of the mirror set.
        table: Name of the DynamoDB table.
        table_region: Its region.
        fenced_parameter: Name of the SSM parameter of the host's region that says so too.
    """

    role: str
    own: str
    mirror_set: str
    table: str
    table_region: str
    fenced_parameter: str


@dataclass(frozen=True)
class Description:
    """A host.

    Args:
        schema: Always `SCHEMA`.
        role: `member`, `arbiter`, `application` or `web`.
        member_type: As what it joins the mirror: `failover` or `dr`, for disaster recovery. Empty for all other roles. What it
            is then is the mirror's to say: a member for disaster recovery can be promoted, and one that was can be demoted.
        deployment: Name of the deployment.
        group: Name of the mirror set or of the tier.
        host: `a`, `b` or `arbiter`; of a tier's servers `server`.
        name: The host's name, which is a failover member's system name; of a tier's servers the beginning of it.
        hosts: Name -> address of the hosts that /etc/hosts has to know.
        operating_system: `rhel9`, `rhel10`, `ubuntu2204` or `ubuntu2404`.
        architecture: `x86_64` or `arm64`.
        packages_from: `repositories` (the distribution's), `archive` (`packages`), or `image` (they are there).
        packages: The archive of packages. None unless `packages_from` is `archive`.
        kit: The installation kit; an arbiter's is that of the ISCAgent. None: the image has the product installed.
        instance: Name of the IRIS instance.
        huge_pages: Number of huge pages of 2 MiB; 0 where no IRIS runs.
        volumes: The volumes, of a member.
        local_storage: Whether instance store volumes hold what needs not survive a stop.
        tls: Where its certificate comes from. None: it has none.
        mirror: The mirror it belongs to or works with.
        web: What a web server works with. None for all others.
        service_ports: Ports of the mirror endpoint, of a member.
        lifecycle_hook: Name of the Auto Scaling lifecycle hook that waits until this server has left. Empty: none.
        call_out: As what it takes route epochs, of a failover member. None for all others.
        region: What a member asks before IRIS starts, and in which kind of region a server stands. None: the mirror has one
            region.
    """

    schema: int
    role: str
    member_type: str
    deployment: str
    group: str
    host: str
    name: str
    hosts: dict[str, str]
    operating_system: str
    architecture: str
    packages_from: str
    packages: Optional[S3Object]
    kit: Optional[S3Object]
    instance: str
    huge_pages: int
    volumes: list[Volume]
    local_storage: bool
    tls: Optional[Tls]
    mirror: Mirror
    web: Optional[Web]
    service_ports: list[int]
    lifecycle_hook: str
    call_out: Optional[CallOut]
    region: Optional[Region]


def read_description(path: "Path") -> Description:
    """Reads a `host.json`.

    Args:
        path: Where it stands.

    Raises:
        StepError: It isn't there, or isn't one of this schema.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StepError(f"cannot read the description of this host, {path}: {error}") from None
    description = build(Description, data, str(path))
    if description.schema != SCHEMA:
        raise StepError(
            f"{path} has schema {description.schema}, and this bundle's code reads {SCHEMA}: publish the bundle again"
        )
    return description


def build(kind: Type[_T], data: Any, where: str) -> _T:
    """Makes a dataclass of parsed JSON, with exactly its fields.

    Args:
        kind: The dataclass.
        data: What was parsed.
        where: What to name in an error.

    Raises:
        StepError: A key is missing or unknown, or a value is of the wrong type.
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(data, dict) or set(data) != names:
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise StepError(f"{where} needs exactly {', '.join(sorted(names))}, got {found}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], data[name], f"{where}: {name}") for name in names})


def _value(hint: Any, value: Any, where: str) -> Any:
    origin: Any = getattr(hint, "__origin__", None)
    arguments: Any = getattr(hint, "__args__", ())
    if origin is Union:
        return None if value is None else _value(arguments[0], value, where)
    if origin is list and isinstance(value, list):
        return [_value(arguments[0], each, where) for each in value]
    if origin is dict and isinstance(value, dict):
        return {key: _value(arguments[1], each, where) for key, each in value.items()}
    if hasattr(hint, "__dataclass_fields__"):
        return build(hint, value, where)
    if origin is None and type(value) is hint:
        return value
    raise StepError(f"{where} has a value of the wrong type, {type(value).__name__}")
