"""The certificate authority of a mirror: in a secret in Secrets Manager, or in AWS Private CA. docs/adr/0008-certificates.md.

The one in a secret is made by the first member that needs it. Two that do so at once make two, and Secrets Manager takes one.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Sequence

from ..call_out.awake import Awake
from ..call_out.requests import Aws as BoundedAws
from ..call_out.requests import FailedError
from ..call_out.said import Teller
from . import certificate
from .aws import private_ca, secrets, ssm
from .aws.client import AwsError
from .context import RUN, STATE
from .errors import StepError
from .layout import TLS

if TYPE_CHECKING:
    from .context import Context
    from .description import Tls

#: Policy: for how many days the authority in a secret is good, and with how many left it is told of each day.
_DAYS = 3650
_WARN_DAYS = 365
_DAY = 86_400

#: What is known of the authority of the members in the other region.
_OTHERS = STATE / "other-authority.pem"
#: Why it couldn't be asked for.
_SAID = RUN / "other-authority-problem"

#: How long a server that can't make the authority waits for a member to do it.
_SECONDS = 900


@dataclass(frozen=True)
class Authority:
    """A certificate authority.

    Args:
        certificate: Its certificate, with those above it, in PEM.
        private_key: Its private key; empty if AWS Private CA keeps that.
    """

    certificate: str
    private_key: str


def authority(host: Context) -> Authority:
    """The authority, made if nobody has yet; its certificate is published for those who can't read the secret.

    Args:
        host: The host: a member or an application server.

    Raises:
        StepError: It can't be read or made, has ended, or another one was published.
    """
    if _tls(host).authority == "private-ca":
        found = Authority(private_ca.certificate(host.aws, _tls(host).private_ca_arn), "")
    else:
        found = _of_secret(host)
    _check_time(host, found.certificate)
    if host.description.role == "member":
        _publish(host, found.certificate)
    return found


def published(host: Context) -> str:
    """The authority's certificate, for a host that has nothing to do with its key.

    Args:
        host: The host: a web server. It waits for a member to publish it.

    Raises:
        StepError: It wasn't published in time, or has ended.
    """
    name = host.description.mirror.authority_parameter
    found: list[str] = []

    def is_there() -> bool:
        try:
            found.append(ssm.get_parameter(host.aws, name))
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise
        return bool(found)

    host.wait_until(
        f"a member to publish the certificate authority, SSM parameter {name}", is_there, seconds=_SECONDS, every=10
    )
    _check_time(host, found[0])
    return found[0]


def of_others(host: Context) -> str:
    """The certificate of the authority of the members in the other region, in PEM; empty if it isn't known yet.

    It is read from that region's parameter, which that region's members write, and kept. Asked without patience: the other
    region may be gone, and nothing here waits for it.

    Args:
        host: The host.
    """
    kept = kept_of_others(host)
    if kept and time.time() - _OTHERS.stat().st_mtime < _DAY:
        return kept
    region, name = host.description.mirror.other_authority_region, host.description.mirror.authority_parameter
    try:
        answer = bounded(host).call("ssm", "AmazonSSM.GetParameter", {"Name": name}, name, region, "1.1")
        pem = str(answer["Parameter"]["Value"]).strip() + "\n"
    except (FailedError, KeyError, TypeError) as error:
        _say_once(host, f"asked {region} for its certificate authority, and will again: {error}")
        if kept:
            # Not again at once.
            os.utime(_OTHERS)
        return kept
    if certificate.read(host, pem) is None:
        host.log(f"warning: the parameter {name} in {region} is no certificate that OpenSSL can read: not trusted")
        return kept
    host.write(_OTHERS, pem)
    os.utime(_OTHERS)
    return pem


def _say_once(host: Context, problem: str) -> None:
    """Says what is so every few seconds once, since this start of the host; not as something that was done."""
    if not _SAID.is_file() or _SAID.read_text(encoding="utf-8") != problem:
        _SAID.parent.mkdir(mode=0o700, exist_ok=True)
        _SAID.write_text(problem, encoding="utf-8")
        host.log(f"+ {problem}")


def kept_of_others(host: Context) -> str:
    """What `of_others` read last; empty if nothing, or if the mirror has one region."""
    if not host.description.mirror.other_authority_region or not _OTHERS.is_file():
        return ""
    return _OTHERS.read_text(encoding="ascii", errors="replace")


def together(own: str, other: str) -> str:
    """Certificates of authorities as one file, this host's own first."""
    return own.rstrip() + "\n" + (other.rstrip() + "\n" if other.strip() and other.strip() not in own else "")


def first_of(pem: str) -> str:
    """What stands there of this host's own authority, without what `together` added."""
    other = _OTHERS.read_text(encoding="ascii", errors="replace").strip() if _OTHERS.is_file() else ""
    return pem.replace(other, "") if other and not pem.strip().startswith(other) else pem


def bounded(host: Context) -> BoundedAws:
    """AWS, for questions that nobody waits long for."""
    return BoundedAws(Awake(), Teller(host.description.name, in_journal=True))


def issue(host: Context, by: Authority, csr: str, names: Sequence[str]) -> str:
    """Issues the host's certificate.

    Args:
        host: The host.
        by: The authority.
        csr: The host's request.
        names: Its names and addresses.

    Returns:
        The certificate, with those between it and the authority's own behind it, in PEM.

    Raises:
        StepError: It is refused.
    """
    days = _tls(host).days
    if by.private_key:
        return certificate.sign(host, csr, authority=by.certificate, authority_key=by.private_key, names=names, days=days)
    return private_ca.issue(host.aws, _tls(host).private_ca_arn, csr, days)


def warn_of_its_end(host: Context, pem: str) -> None:
    """Says so in the log if the authority ends within a year.

    Args:
        host: The host.
        pem: The authority's certificate.
    """
    found = certificate.read(host, pem)
    days = int((found.ends - time.time()) // _DAY) if found else 0
    if days < _WARN_DAYS:
        name = host.description.mirror.name
        host.log(f"warning: the certificate authority of {name} ends in {days} days; see ADR 8 on beginning anew")


def _tls(host: Context) -> Tls:
    assert host.description.tls is not None
    return host.description.tls


def _of_secret(host: Context) -> Authority:
    found: list[Authority] = []

    def is_there() -> bool:
        found.extend(filter(None, [_read(host)]))
        return bool(found)

    if not is_there() and host.description.role == "member":
        return _make(host)
    host.wait_until("a member to make the certificate authority", is_there, seconds=_SECONDS, every=10)
    return found[0]


def _read(host: Context) -> Optional[Authority]:
    arn = host.settings.secrets.authority
    try:
        text = secrets.get_secret(host.aws, arn)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return None
    try:
        value = json.loads(text)
        found = Authority(value["certificate"], value["private_key"])
    except (ValueError, KeyError, TypeError):
        raise StepError(f'the secret {arn} needs {{"certificate": PEM, "private_key": PEM}}: give it that, or none') from None
    made = certificate.read(host, found.certificate)
    if made is None or made.public_key != certificate.public_key_of(host, found.private_key):
        raise StepError(f"the secret {arn} has a certificate and a private key that don't belong together")
    return found


def _make(host: Context) -> Authority:
    mirror = host.description.mirror.name
    key = certificate.new_key(host)
    name = f"/O={host.description.deployment}/OU={mirror}/CN={mirror} certificate authority"
    made = Authority(certificate.new_authority(host, key, name, _DAYS), key)
    value = json.dumps({"certificate": made.certificate, "private_key": made.private_key})
    if secrets.put_secret_once(host.aws, host.settings.secrets.authority, value):
        host.log(f"made the certificate authority of {mirror}")
        return made
    host.log(f"the other member made the certificate authority of {mirror}")
    won = _read(host)
    if won is None:
        raise StepError(f"the secret {host.settings.secrets.authority} was written by another host, and can't be read yet")
    return won


def _publish(host: Context, pem: str) -> None:
    name = host.description.mirror.authority_parameter
    if not ssm.put_parameter_once(host.aws, name, pem) and ssm.get_parameter(host.aws, name).strip() != pem.strip():
        raise StepError(
            f"the SSM parameter {name} has the certificate of another authority: delete it, and every host's {TLS}, "
            "to begin anew with this one"
        )


def _check_time(host: Context, pem: str) -> None:
    found = certificate.read(host, pem)
    if found is None:
        name = host.description.mirror.name
        raise StepError(f"the certificate authority of {name} has no certificate that OpenSSL can read")
    refuse_by_time(found, "the certificate authority's certificate")
    if found.ends < time.time():
        name = host.description.mirror.name
        raise StepError(f"the certificate authority of {name} ended on {day(found.ends)}: begin anew, see ADR 8")


def refuse_by_time(found: certificate.Certificate, what: str) -> None:
    """Refuses a certificate that isn't good yet: that is a clock that is wrong.

    Args:
        found: The certificate.
        what: What to call it.

    Raises:
        StepError: It isn't good yet.
    """
    now = time.time()
    if found.begins > now:
        raise StepError(
            f"{what} is good from {day(found.begins)} on, and this host's clock says {day(now)}: set the clock "
            "(chronyc tracking)"
        )


def day(seconds: float) -> str:
    """A moment, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
