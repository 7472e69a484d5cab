"""Certificates of hosts: with the right name and uses, repaired, and renewed in time and without a gap."""

import os
import ssl
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import authority, certificate, iris
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import certificates
from tests.bootstrap.certificate_files import AUTHORITY_PARAMETER, Folder, later, ready_made_keys, shown
from tests.bootstrap.step_host import StepHost, Store, refusal


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(certificate, "new_key", ready_made_keys())
    return Folder(tmp_path, monkeypatch)


def test_the_first_member_makes_the_authority_and_its_certificate(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With keys as hosts make them.
    tls = Folder(tmp_path, monkeypatch)
    host = StepHost(store)
    certificates.certificates(host)

    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=TRAKA,OU=TRAK,O=lab\n"
    assert subprocess.run(["openssl", "verify", "-CAfile", tls.ca, tls.certificate], check=False).returncode == 0
    # Both uses of both kinds, or mirroring fails: Security Reference, "About Mirroring and TLS".
    uses = shown(tls.certificate, "-ext", "keyUsage,extendedKeyUsage,subjectAltName,basicConstraints")
    for wanted in (
        "Digital Signature, Key Encipherment",
        "TLS Web Client Authentication, TLS Web Server Authentication",
        f"DNS:{os.uname().nodename}, IP Address:10.20.1.10",
        "CA:FALSE",
    ):
        assert wanted in uses
    assert "CA:TRUE, pathlen:0" in shown(tls.ca, "-ext", "basicConstraints")
    assert "Certificate Sign, CRL Sign" in shown(tls.ca, "-ext", "keyUsage")
    text = shown(tls.certificate, "-text")
    assert "Public-Key: (3072 bit)" in text
    assert "Signature Algorithm: sha256WithRSAEncryption" in text
    assert store.parameters[AUTHORITY_PARAMETER] == tls.ca.read_text()
    # Python's own TLS takes key and certificate as belonging together.
    ssl.create_default_context().load_cert_chain(tls.certificate, tls.key)


def test_who_may_read_what(store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, tuple[int, str]] = {}
    plain = StepHost.write

    def write(host: StepHost, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        written[path.name] = (mode, owner)
        return plain(host, path, text, mode=mode)

    monkeypatch.setattr(StepHost, "write", write)
    certificates.certificates(StepHost(store))
    assert written["PrivateKeyFile.pem"] == (0o640, "irisowner:irisusr")
    assert written["CertificateFile.pem"] == written["CAFile.pem"] == (0o644, "irisowner:irisusr")
    assert set(written) == {"PrivateKeyFile.pem", "CertificateFile.pem", "CAFile.pem"}


def test_a_mode_that_was_changed_is_put_right(store: Store, tls: Folder) -> None:
    certificates.certificates(StepHost(store))
    tls.key.chmod(0o644)
    certificates.certificates(StepHost(store))

    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o640


def test_the_second_time_nothing_is_written_and_nobody_asked(store: Store, tls: Folder) -> None:
    certificates.certificates(StepHost(store))
    before, store.calls = tls.texts(), []
    host = StepHost(store)
    certificates.certificates(host)

    assert tls.texts() == before
    assert store.calls == []
    assert not [line for line in host.said if not line.startswith("+ ")]


@pytest.mark.parametrize(("days", "renewed"), [(0, False), (59.9, False), (60.1, True), (89.9, True), (200, True)])
def test_a_certificate_is_renewed_when_a_third_of_its_days_is_left(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch, days: float, renewed: bool
) -> None:
    certificates.certificates(StepHost(store))
    ca, before, key = tls.texts()
    name = shown(tls.certificate, "-subject")
    monkeypatch.setattr(iris, "look", lambda _name: None)
    with later(monkeypatch, days):
        assert certificates.renew(StepHost(store)) is renewed

    assert (tls.certificate.read_text() != before) is renewed
    # The same name, so that nothing has to be authorized; the same key, so that it fits at every moment.
    assert shown(tls.certificate, "-subject") == name
    assert (tls.ca.read_text(), tls.key.read_text()) == (ca, key)


def test_while_it_is_renewed_key_and_certificate_fit_at_every_moment(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.certificates(StepHost(store))
    moments = 0

    class Watching(StepHost):
        def write(self, path: Path, text: str, **options: Any) -> bool:
            nonlocal moments
            done = super().write(path, text, **options)
            ssl.create_default_context(cafile=str(tls.ca)).load_cert_chain(tls.certificate, tls.key)
            moments += 1
            return done

    monkeypatch.setattr(iris, "look", lambda _name: None)
    with later(monkeypatch, 70):
        assert certificates.renew(Watching(store))
    assert moments > 3


def test_one_that_is_due_at_a_start_and_cannot_be_renewed_is_kept(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.certificates(StepHost(store))
    before = tls.texts()
    store.refused["GetSecretValue"] = "AccessDeniedException"
    host = StepHost(store)
    with later(monkeypatch, 70):
        certificates.certificates(host)
        assert "AccessDeniedException" in refusal(lambda: certificates.renew(StepHost(store)))

    assert tls.texts() == before
    assert [line for line in host.said if line.startswith("warning: the certificate is due for renewal: ")]


def test_a_running_instance_is_told_of_a_renewed_certificate(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.certificates(StepHost(store))
    running = iris.Instance(Path("/"), "running", Path("/"), "Failover", "Backup")
    monkeypatch.setattr(iris, "look", lambda _name: running)
    host = StepHost(store)
    called: list[str] = []
    monkeypatch.setattr(iris, "call", lambda _host, what: called.append(what))
    with later(monkeypatch, 70):
        certificates.renew(host)
    assert called == ["##class(Security.SSLConfigs).ActivateAll()"]

    def refused(_host: StepHost, _what: str) -> None:
        raise StepError("nobody may enter")

    # It is renewed all the same.
    monkeypatch.setattr(iris, "call", refused)
    tls.certificate.unlink()
    assert certificates.renew(host)
    assert tls.certificate.exists()
    assert "warning: the instance uses the renewed certificate from its next start on: nobody may enter" in host.said


def broken(tls: Folder, how: str) -> None:
    match how:
        case "no key" | "no certificate" | "no authority":
            {"no key": tls.key, "no certificate": tls.certificate, "no authority": tls.ca}[how].unlink()
        case "half a key" | "half a certificate":
            path = tls.key if how == "half a key" else tls.certificate
            path.write_text(path.read_text()[:200])
        case "an empty certificate":
            tls.certificate.write_text("")
        case "another key":
            tls.key.write_text(subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(
    "how",
    ["no key", "no certificate", "no authority", "half a key", "half a certificate", "an empty certificate", "another key"],
)
def test_what_was_interrupted_or_broken_is_repaired(store: Store, tls: Folder, how: str) -> None:
    certificates.certificates(StepHost(store))
    broken(tls, how)
    certificates.certificates(StepHost(store))

    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=TRAKA,OU=TRAK,O=lab\n"
    ssl.create_default_context(cafile=str(tls.ca)).load_cert_chain(tls.certificate, tls.key)
    assert subprocess.run(["openssl", "verify", "-CAfile", tls.ca, tls.certificate], check=False).returncode == 0


def test_a_certificate_for_another_name_or_of_another_authority_is_replaced(store: Store, tls: Folder) -> None:
    certificates.certificates(StepHost(store))
    other = {"authority": "secret", "private_ca_arn": "", "subject": "/O=lab/OU=TRAK/CN=TRAKB", "days": 90}
    certificates.certificates(StepHost(store, name="TRAKB", tls=other))
    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=TRAKB,OU=TRAK,O=lab\n"

    anew = Store()
    authority.authority(StepHost(anew))
    tls.ca.write_text(anew.parameters[AUTHORITY_PARAMETER])
    host = StepHost(store, name="TRAKB", tls=other)
    certificates.certificates(host)
    assert any(line.startswith("needs a certificate: ") and "is not of the authority" in line for line in host.said)
    assert tls.ca.read_text() == store.parameters[AUTHORITY_PARAMETER]


def test_a_clock_that_is_wrong_is_told_and_nothing_is_touched(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.certificates(StepHost(store))
    before = tls.texts()
    with later(monkeypatch, -2):
        said = refusal(lambda: certificates.certificates(StepHost(store)))
        assert "is good from" in said
        assert "this host's clock says" in said
        tls.certificate.unlink()
        assert "the certificate authority's certificate is good from" in refusal(
            lambda: certificates.certificates(StepHost(store))
        )
    assert [tls.ca.read_text(), tls.key.read_text()] == [before[0], before[2]]


def test_a_host_without_tls_has_nothing_to_do(store: Store, tls: Folder) -> None:
    certificates.certificates(StepHost(store, "arbiter"))
    assert certificates.renew(StepHost(store, "arbiter")) is False
    assert store.calls == []
