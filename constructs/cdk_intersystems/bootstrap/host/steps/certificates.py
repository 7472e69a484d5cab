"""The host's certificate, its key and the authority's certificate, where IRIS and the web server look for them.

The key is made once and stays: a certificate is renewed by replacing one file, so that at no moment a key stands there that
doesn't fit. A key that may have got into other hands is deleted; then everything is made anew.

**Never run on a licensed IRIS**: that `Security.SSLConfigs.ActivateAll` makes a running instance use a renewed certificate
for new connections (class reference). If it doesn't, it is used from the next start on, for which there are 30 days.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from .. import authority, certificate, iris
from ..errors import StepError
from ..layout import CA_FILE, CERTIFICATE_FILE, PRIVATE_KEY_FILE
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import Context
    from ..description import Tls

#: Policy: renewed when this part of its days is left.
_RENEW_AT = 1 / 3
_DAY = 86_400

_READ_ALL = 0o644
#: IRIS's processes read it as their effective group, in which nobody else is. A web server reads it as root, when it starts.
_READ_GROUP = 0o640
_READ_ROOT = 0o600


@dataclass(frozen=True)
class _Found:
    problem: str
    is_due: bool


def certificates(host: Context) -> None:
    """Makes sure that the host has a certificate that is good, with its key and the authority's certificate.

    One that is due for renewal and can't be renewed now is kept: the daily renewal goes on trying.

    Raises:
        StepError: It has none and can't get one, or the clock is wrong.
    """
    if host.description.tls is None:
        return
    found = _look(host, host.description.tls)
    if found.problem:
        host.log(f"needs a certificate: {found.problem}")
        _make(host, host.description.tls)
    elif found.is_due:
        try:
            _make(host, host.description.tls)
        except StepError as error:
            host.log(f"warning: the certificate is due for renewal: {error}")
    trust_others(host)


def renew(host: Context) -> bool:
    """Renews the host's certificate if it is due, keeping its name, and has a running instance use it.

    Returns:
        Whether it was renewed.

    Raises:
        StepError: It is due and can't be renewed.
    """
    if host.description.tls is None:
        return False
    found = _look(host, host.description.tls)
    if CA_FILE.exists():
        authority.warn_of_its_end(host, CA_FILE.read_text(encoding="ascii"))
    if not found.problem and not found.is_due:
        return False
    _make(host, host.description.tls)
    if host.description.role in ("member", "application"):
        _activate(host)
    return True


def _activate(host: Context) -> None:
    instance = iris.look(host.description.instance)
    if instance is not None and instance.is_running:
        try:
            iris.call(host, "##class(Security.SSLConfigs).ActivateAll()")
        except StepError as error:
            host.log(f"warning: the instance uses the renewed certificate from its next start on: {error}")


def trust_others(host: Context) -> bool:
    """Makes sure that the certificates of the members in the other region are taken for good here too.

    Each region has an authority of its own. What was read of the other one's is kept, and looked at again once a day.

    Args:
        host: The host.

    Returns:
        Whether it is so; also if there is no other region, or all have the same authority.
    """
    if host.description.role != "member" or not host.description.mirror.other_authority_region:
        return True
    there = CA_FILE.read_text(encoding="ascii", errors="replace") if CA_FILE.is_file() else ""
    # Before another one may be read in the place of what was added.
    own = authority.first_of(there)
    other = authority.of_others(host)
    if other and own:
        text = authority.together(own, other)
        if text != there:
            _write(host, CA_FILE, text)
            host.log(f"trusts the certificate authority of {host.description.mirror.other_authority_region} too")
            _activate(host)
    return bool(other)


def subject_of(tls: Tls) -> str:
    """A distinguished name as certificates are asked for it, the common name first: `CN=TRAKA,OU=TRAK,O=trakcare`."""
    return ",".join(reversed(tls.subject.strip("/").split("/")))


def _look(host: Context, tls: Tls) -> _Found:
    missing = [str(path) for path in (PRIVATE_KEY_FILE, CERTIFICATE_FILE, CA_FILE) if not path.is_file()]
    if missing:
        return _Found(f"{missing[0]} is missing", False)
    found = certificate.read(host, CERTIFICATE_FILE.read_text(encoding="ascii", errors="replace"))
    if found is None:
        return _Found(f"{CERTIFICATE_FILE} is not a certificate", False)
    authority.refuse_by_time(found, f"the certificate in {CERTIFICATE_FILE}")
    if found.public_key != certificate.public_key_of(host, _own_key()):
        return _Found(f"{PRIVATE_KEY_FILE} is not its key", False)
    if found.subject != subject_of(tls):
        return _Found(f"the one in {CERTIFICATE_FILE} is for {found.subject}, not {subject_of(tls)}", False)
    if host.description.role != "web" and not certificate.is_issued_by(host, CERTIFICATE_FILE, CA_FILE):
        return _Found(f"the one in {CERTIFICATE_FILE} is not of the authority in {CA_FILE}", False)
    _write(host, PRIVATE_KEY_FILE, _own_key())
    left = found.ends - time.time()
    return _Found("", left < tls.days * _DAY * _RENEW_AT)


def _make(host: Context, tls: Tls) -> None:
    key = _own_key() if PRIVATE_KEY_FILE.is_file() else ""
    if not certificate.public_key_of(host, key):
        key = certificate.new_key(host)
    name = socket.gethostname()
    names = [f"DNS:{name}", f"IP:{host.me.address}"]
    if host.description.web is not None:
        names.insert(0, f"DNS:{host.description.web.server_name}")
        above = authority.published(host)
        own = certificate.self_signed(host, key, tls.subject, names, tls.days)
    else:
        by = authority.authority(host)
        above = authority.together(by.certificate, authority.kept_of_others(host))
        own = authority.issue(host, by, certificate.request(host, key, tls.subject, names), names)
    made: Optional[certificate.Certificate] = certificate.read(host, own)
    if made is None or made.subject != subject_of(tls):
        shown = made.subject if made else "nobody"
        raise StepError(f"the certificate authority issued a certificate for {shown}, not {subject_of(tls)}")
    _write(host, CA_FILE, above)
    _write(host, PRIVATE_KEY_FILE, key)
    _write(host, CERTIFICATE_FILE, own)


def _own_key() -> str:
    return PRIVATE_KEY_FILE.read_text(encoding="ascii", errors="replace")


def _write(host: Context, path: Path, text: str) -> None:
    is_web = host.description.role == "web"
    mode = _READ_ALL
    if path == PRIVATE_KEY_FILE:
        mode = _READ_ROOT if is_web else _READ_GROUP
    host.write(path, text, mode=mode, owner="root:root" if is_web else f"{IRISOWNER}:{IRISUSR}")
