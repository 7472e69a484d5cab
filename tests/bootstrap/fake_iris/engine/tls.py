"""Certificates and TLS between instances, checked as the guides say."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

from .installation import IrisError

#: Merge 9.6.3, "ConfigMirror Arguments", SSLDir: the three files.
CA, CERTIFICATE, KEY = "CAFile.pem", "CertificateFile.pem", "PrivateKeyFile.pem"


def files_in(folder: str) -> dict[str, str]:
    """The TLS configuration that a folder for ConfigMirror holds.

    Raises:
        IrisError: If a file is missing or can't be read.
    """
    found = {}
    for key, name in (("CAFile", CA), ("CertificateFile", CERTIFICATE), ("PrivateKeyFile", KEY)):
        path = Path(folder, name)
        try:
            path.read_bytes()
        except OSError as error:
            raise IrisError(f"SSLDir: {path}: {error.strerror}") from error
        found[key] = str(path)
    return found


def check(configuration: dict[str, Any]) -> str:
    """Checks that a certificate can be both client's and server's, and fits to its key and authority.

    Security, "Special Considerations for Certificates for Mirror Members": if Key Usage is there it needs digital signature
    and key encipherment, if Extended Key Usage is there it needs client and server authentication.

    Returns:
        The certificate's distinguished name.

    Raises:
        IrisError: If it isn't so. The texts are those of the Error Reference.
    """
    certificate, authority = configuration["CertificateFile"], configuration["CAFile"]
    extensions = _openssl("x509", "-in", certificate, "-noout", "-ext", "keyUsage,extendedKeyUsage")
    for title, needed in (
        ("X509v3 Key Usage", ("Digital Signature", "Key Encipherment")),
        ("X509v3 Extended Key Usage", ("TLS Web Client Authentication", "TLS Web Server Authentication")),
    ):
        _, found, rest = extensions.partition(title + ":")
        if found and not all(use in rest.splitlines()[1] for use in needed):
            raise IrisError("error:14094413:SSL routines:SSL3_READ_BYTES:sslv3 alert unsupported certificate")
    try:
        context(configuration, server=True)
    except ssl.SSLError as error:
        key = configuration["PrivateKeyFile"]
        raise IrisError(f"The public key in certificate {certificate} and the private key in {key} do not match") from error
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", authority, certificate], capture_output=True, text=True, check=False
    )
    if verified.returncode:
        reason = (verified.stderr.strip().splitlines() or ["?"])[-1]
        raise IrisError(f"Verification of certificate {certificate} with CA file {authority} failed, error= {reason}")
    return name_of(_openssl("x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253,sep_comma_plus_space"))


def name_of(line: str) -> str:
    return line.strip().removeprefix("subject=").strip()


def distinguished_name(certificate: dict[str, Any]) -> str:
    """The distinguished name of a peer's certificate, as Scale 4.2 has one: "CN=..., OU=..., O=..., C=US"."""
    short = {"commonName": "CN", "organizationalUnitName": "OU", "organizationName": "O", "countryName": "C",
             "localityName": "L", "stateOrProvinceName": "ST", "domainComponent": "DC"}  # fmt: skip
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    return ", ".join(f"{short.get(name, name)}={value}" for name, value in reversed(pairs))


def same_name(one: str, other: str) -> bool:
    """Whether two distinguished names are the same: blanks after the commas don't count."""
    return [part.strip() for part in one.split(",")] == [part.strip() for part in other.split(",")]


def context(configuration: dict[str, Any], *, server: bool) -> ssl.SSLContext:
    """A TLS context that shows the own certificate and wants one of the same authority from the other end.

    Raises:
        OSError: If a file isn't good.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    # Members are told by their distinguished name, not by a host name (Security, "When TLS is enabled").
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_verify_locations(configuration["CAFile"])
    made.load_cert_chain(configuration["CertificateFile"], configuration["PrivateKeyFile"])
    return made


def _openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode and "No extensions matched" not in done.stderr:
        raise IrisError(f"Certificate {arguments[2]} is not valid: {done.stderr.strip()[:200]}")
    return done.stdout
