"""Keys, requests and certificates, with OpenSSL's command line: what InterSystems' products use on these systems, too.

A private key goes through pipes, from and to OpenSSL and, of the host's own, once to its file.
"""

from __future__ import annotations

import contextlib
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional, Sequence

from .context import RUN

if TYPE_CHECKING:
    from .context import Context

#: Policy: as strong as AES-128, which is more than a 2048-bit key. Source: NIST SP 800-57 Part 1, table 2. IRIS takes RSA
#: or DSA.
_BITS = 3072

#: IRIS uses one certificate as client and as server, and refuses others. Source: Security Reference, "About Mirroring and TLS".
_HOST = """
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth, serverAuth
subjectKeyIdentifier = hash
"""
_AUTHORITY = """
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
#: Not the distribution's: what it adds to a certificate differs.
_BASIS = "[req]\nprompt = no\ndistinguished_name = name\n[name]\n"


@dataclass(frozen=True)
class Certificate:
    """What a certificate says.

    Args:
        subject: Its distinguished name, the common name first: `CN=TRAKA,OU=TRAK,O=trakcare`.
        begins: From when it is good, in seconds since 1970.
        ends: Until when.
        public_key: The key it is for, in PEM.
    """

    subject: str
    begins: int
    ends: int
    public_key: str


def new_key(host: Context) -> str:
    """A new private key, in PEM."""
    return host.run(["openssl", "genrsa", str(_BITS)]).output


def public_key_of(host: Context, key: str) -> str:
    """The public key that belongs to a private one, in PEM; empty if it isn't a key."""
    done = host.run(["openssl", "pkey", "-pubout"], stdin=key, check=False)
    return "" if done.status else done.output


def read(host: Context, pem: str) -> Optional[Certificate]:
    """What a certificate in PEM says, of several the first; None if it isn't one."""
    shown = ["-noout", "-subject", "-nameopt", "RFC2253", "-startdate", "-enddate", "-pubkey"]
    done = host.run(["openssl", "x509", *shown], stdin=pem, check=False)
    if done.status:
        return None
    said, _, key = done.output.partition("-----BEGIN")
    facts = dict(line.split("=", 1) for line in said.splitlines())
    return Certificate(
        subject=facts["subject"],
        begins=int(ssl.cert_time_to_seconds(facts["notBefore"])),
        ends=int(ssl.cert_time_to_seconds(facts["notAfter"])),
        public_key=f"-----BEGIN{key}",
    )


def is_issued_by(host: Context, file: Path, authority: Path) -> bool:
    """Whether a certificate was issued by an authority, whatever the time is.

    Args:
        host: The host.
        file: The file with the certificate, and those between it and the authority behind it.
        authority: The file with the authority's certificate.
    """
    command = ["openssl", "verify", "-no_check_time", "-CAfile", str(authority), "-untrusted", str(file), str(file)]
    return host.run(command, check=False).status == 0


def request(host: Context, key: str, subject: str, names: Sequence[str]) -> str:
    """A certificate signing request, in PEM.

    Args:
        host: The host.
        key: The private key.
        subject: The distinguished name, as `/O=trakcare/OU=TRAK/CN=TRAKA`.
        names: The host's names and addresses, as `DNS:traka` and `IP:10.0.0.1`.
    """
    with _files(settings=_BASIS + _with_names(_HOST, names)) as folder:
        command = ["openssl", "req", "-new", "-sha256", "-key", "/dev/stdin", "-config", f"{folder}/settings"]
        return host.run([*command, "-subj", subject, "-reqexts", "host"], stdin=key).output


def sign(host: Context, csr: str, *, authority: str, authority_key: str, names: Sequence[str], days: int) -> str:
    """Issues a certificate for a request, in PEM.

    Args:
        host: The host.
        csr: The request.
        authority: The authority's certificate.
        authority_key: Its private key.
        names: As for `request`: what the request asks for isn't looked at.
        days: For how many days it is good.
    """
    settings = _with_names(_HOST, names) + "authorityKeyIdentifier = keyid\n"
    with _files(issuer=authority, request=csr, settings=settings) as folder:
        command = ["openssl", "x509", "-req", "-sha256", "-in", f"{folder}/request", "-CA", f"{folder}/issuer"]
        own = ["-CAkey", "/dev/stdin", "-set_serial", _serial(), "-days", str(days)]
        extensions = ["-extfile", f"{folder}/settings", "-extensions", "host"]
        return host.run([*command, *own, *extensions], stdin=authority_key).output


def self_signed(host: Context, key: str, subject: str, names: Sequence[str], days: int) -> str:
    """A host's certificate that it has issued itself, in PEM.

    Args:
        host: The host.
        key: Its private key.
        subject: As for `request`.
        names: As for `request`.
        days: For how many days it is good.
    """
    return _self_signed(host, key, subject, days, extensions=_with_names(_HOST, names), section="host")


def new_authority(host: Context, key: str, subject: str, days: int) -> str:
    """The certificate of a certificate authority, in PEM.

    Args:
        host: The host.
        key: Its private key.
        subject: Its distinguished name, as for `request`.
        days: For how many days it is good.
    """
    return _self_signed(host, key, subject, days, extensions=_AUTHORITY, section="authority")


def _self_signed(host: Context, key: str, subject: str, days: int, *, extensions: str, section: str) -> str:
    with _files(settings=_BASIS + extensions) as folder:
        command = ["openssl", "req", "-new", "-x509", "-sha256", "-key", "/dev/stdin", "-config", f"{folder}/settings"]
        own = ["-subj", subject, "-set_serial", _serial(), "-days", str(days), "-extensions", section]
        return host.run([*command, *own], stdin=key).output


def _with_names(extensions: str, names: Sequence[str]) -> str:
    return f"{extensions}subjectAltName = {', '.join(names)}\n"


def _serial() -> str:
    """Random, since nobody keeps count: no two ever meet. Source: RFC 5280, 4.1.2.2: positive, 20 bytes at most."""
    return hex(secrets.randbits(158) | 1 << 158)


@contextlib.contextmanager
def _files(**texts: str) -> Iterator[str]:
    """A folder with files that OpenSSL reads more than once, of which none is secret, for as long as a command needs them."""
    with tempfile.TemporaryDirectory(dir=RUN) as folder:
        for name, text in texts.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        yield folder
