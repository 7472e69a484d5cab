"""Certificates of hosts: from the mirror's own authority, with the right name and uses, renewed in time and without a gap."""

import itertools
import json
import os
import re
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import authority, certificate, iris
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import certificates
from tests.bootstrap.step_host import SECRETS, StepHost, Store, refusal

AUTHORITY_PARAMETER = "/cdk-intersystems/lab/TRAK/authority"
DAY = 86_400


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(scope="module")
def pool() -> list[str]:
    """Keys to choose from, since making one takes up to a second; shorter than those of hosts."""
    making = [subprocess.Popen(["openssl", "genrsa", "2048"], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    return [process.communicate()[0] for process in making]


@pytest.fixture(autouse=True)
def keys(request: pytest.FixtureRequest, pool: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if "own_keys" not in request.fixturenames:
        turn = itertools.cycle(pool)
        monkeypatch.setattr(certificate, "new_key", lambda _host: next(turn))


@pytest.fixture
def own_keys() -> None:
    """The test has its keys made as hosts do."""


class Folder:
    """The folder of a host's certificate."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.ca, self.certificate, self.key = (path / f"{name}.pem" for name in ("CAFile", "CertificateFile", "PrivateKeyFile"))

    def texts(self) -> list[str]:
        return [path.read_text() for path in (self.ca, self.certificate, self.key)]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    folder = Folder(tmp_path / "tls")
    use(folder, monkeypatch)
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setattr(certificate, "RUN", tmp_path / "run")
    return folder


def use(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is the host's folder."""
    for name, path in (("CA_FILE", folder.ca), ("CERTIFICATE_FILE", folder.certificate), ("PRIVATE_KEY_FILE", folder.key)):
        monkeypatch.setattr(certificates, name, path)


def shown(pem: Path, *options: str) -> str:
    command = ["openssl", "x509", "-in", pem, "-noout", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, days: float) -> Iterator[None]:
    """As if so many days had passed, for the host; OpenSSL's clock goes on as it is."""
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + days * DAY)
        yield


def test_the_first_member_makes_the_authority_and_its_certificate(store: Store, tls: Folder, own_keys: None) -> None:
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


def test_the_key_of_the_authority_is_in_no_file_no_log_and_no_command(store: Store, tls: Folder, tmp_path: Path) -> None:
    seen: list[str] = []

    class Watching(StepHost):
        def run(self, command: Any, **options: Any) -> Any:
            # While the command is about to run, all files of the host that there are.
            seen.extend(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
            seen.append(" ".join(command))
            return super().run(command, **options)

    host = Watching(store)
    certificates.certificates(host)
    secret = json.loads(store.secrets[SECRETS["authority"]])["private_key"]
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]

    everywhere = "\n".join([*seen, *host.said, *(path.read_text() for path in tmp_path.rglob("*") if path.is_file())])
    assert len(lines) > 20
    assert not [line for line in lines if line in everywhere]
    # Nor is anything left of the signing.
    assert list((tmp_path / "run").iterdir()) == []


def test_of_two_members_that_make_the_authority_at_once_one_wins(
    store: Store, tls: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(2)
    plain = Store.json

    def json_(self: Store, service: str, action: str, request: Any, about: str = "") -> Any:
        if action == "PutSecretValue":
            barrier.wait(20)
        return plain(self, service, action, request, about)

    monkeypatch.setattr(Store, "json", json_)
    found: dict[str, authority.Authority] = {}

    def boot(name: str) -> None:
        found[name] = authority.authority(StepHost(store, name=name))

    threads = [threading.Thread(target=boot, args=(name,)) for name in ("TRAKA", "TRAKB")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found["TRAKA"] == found["TRAKB"]
    assert store.parameters[AUTHORITY_PARAMETER] == found["TRAKA"].certificate
    assert json.loads(store.secrets[SECRETS["authority"]])["private_key"] == found["TRAKB"].private_key


def test_serial_numbers_are_never_the_same(store: Store, tls: Folder) -> None:
    host = StepHost(store)
    by = authority.authority(host)
    csr = certificate.request(host, certificate.new_key(host), "/O=lab/OU=TRAK/CN=TRAKA", ["DNS:a"])
    serials = set()
    for _ in range(3):
        tls.certificate.write_text(authority.issue(host, by, csr, ["DNS:a"]))
        serials.add(shown(tls.certificate, "-serial"))

    assert len(serials) == 3
    assert all(re.fullmatch(r"serial=[4-7][0-9A-F]{39}\n", serial) for serial in serials)


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


def test_the_end_of_the_authority_is_told_a_year_ahead(store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.certificates(StepHost(store))
    monkeypatch.setattr(iris, "look", lambda _name: None)
    for days, told in ((3650 - 366, False), (3650 - 364, True)):
        host = StepHost(store)
        with later(monkeypatch, days):
            certificates.renew(host)
        assert any("warning: the certificate authority of TRAK ends in 36" in line for line in host.said) is told
    with later(monkeypatch, 3651):
        assert "the certificate authority of TRAK ended on" in refusal(lambda: certificates.renew(StepHost(store)))


def test_a_secret_with_something_else_in_it_is_refused(store: Store, tls: Folder) -> None:
    store.secrets[SECRETS["authority"]] = "a password that somebody had generated"
    said = refusal(lambda: certificates.certificates(StepHost(store)))
    assert "needs {" in said
    assert "somebody" not in said

    one, other = (authority.authority(StepHost(Store())) for _ in range(2))
    mixed = {"certificate": one.certificate, "private_key": other.private_key}
    store.secrets[SECRETS["authority"]] = json.dumps(mixed)
    assert "don't belong together" in refusal(lambda: certificates.certificates(StepHost(store)))


def test_a_published_authority_that_is_another_one_is_refused(store: Store, tls: Folder) -> None:
    store.parameters[AUTHORITY_PARAMETER] = authority.authority(StepHost(Store())).certificate

    said = refusal(lambda: certificates.certificates(StepHost(store)))

    assert f"the SSM parameter {AUTHORITY_PARAMETER} has the certificate of another authority" in said
    assert not tls.certificate.exists()


def test_an_application_server_takes_its_certificate_from_the_same_authority_and_makes_none(store: Store, tls: Folder) -> None:
    assert "for a member to make the certificate authority" in refusal(
        lambda: certificates.certificates(StepHost(store, "application"))
    )
    authority.authority(StepHost(store))
    store.calls.clear()
    certificates.certificates(StepHost(store, "application"))

    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=ecp-client,OU=TRAK,O=lab\n"
    assert set(store.calls) == {"GetSecretValue"}


def test_a_web_server_never_asks_for_the_key_of_the_authority(store: Store, tls: Folder) -> None:
    assert "for a member to publish the certificate authority" in refusal(
        lambda: certificates.certificates(StepHost(store, "web"))
    )
    authority.authority(StepHost(store))
    store.calls.clear()
    for _ in range(2):
        certificates.certificates(StepHost(store, "web"))

    assert store.calls == ["GetParameter"]
    assert tls.ca.read_text() == store.parameters[AUTHORITY_PARAMETER]
    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == shown(
        tls.certificate, "-issuer", "-nameopt", "RFC2253"
    ).replace("issuer", "subject")
    assert "DNS:web.lab.internal" in shown(tls.certificate, "-ext", "subjectAltName")
    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o600


def test_a_private_ca_is_asked_by_request_and_its_key_is_nowhere(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = authority.authority(StepHost(Store()))
    signer = StepHost(Store())
    arn = "arn:aws:acm-pca:eu-west-2:123456789012:certificate-authority/1"

    def issue(_aws: object, ca: str, csr: str, days: int) -> str:
        assert (ca, days) == (arn, 90)
        return certificate.sign(signer, csr, authority=by.certificate, authority_key=by.private_key, names=["DNS:a"], days=days)

    monkeypatch.setattr(authority.private_ca, "issue", issue)
    monkeypatch.setattr(authority.private_ca, "certificate", lambda _aws, _ca: by.certificate)
    host = StepHost(
        store, tls={"authority": "private-ca", "private_ca_arn": arn, "subject": "/O=lab/OU=TRAK/CN=TRAKA", "days": 90}
    )
    certificates.certificates(host)

    assert store.secrets == {}
    assert store.parameters[AUTHORITY_PARAMETER] == by.certificate
    assert shown(tls.certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=TRAKA,OU=TRAK,O=lab\n"
    certificates.certificates(host)


def test_an_authority_that_issues_for_another_name_is_refused(
    store: Store, tls: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = certificate.request
    monkeypatch.setattr(
        certificate, "request", lambda host, key, _subject, names: plain(host, key, "/O=lab/OU=TRAK/CN=OTHER", names)
    )

    assert "issued a certificate for CN=OTHER,OU=TRAK,O=lab" in refusal(lambda: certificates.certificates(StepHost(store)))
    assert not tls.certificate.exists()


def test_a_host_without_tls_has_nothing_to_do(store: Store, tls: Folder) -> None:
    certificates.certificates(StepHost(store, "arbiter"))
    assert certificates.renew(StepHost(store, "arbiter")) is False
    assert store.calls == []
