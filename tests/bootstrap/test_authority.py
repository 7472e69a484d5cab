"""The certificate authority of a mirror: made once, its key seen by nobody, or AWS Private CA's; and who asks whom."""

import json
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import authority, certificate, iris
from cdk_intersystems.bootstrap.host.steps import certificates
from tests.bootstrap.certificate_files import AUTHORITY_PARAMETER, Folder, later, ready_made_keys, shown
from tests.bootstrap.step_host import SECRETS, StepHost, Store, refusal


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(certificate, "new_key", ready_made_keys())
    return Folder(tmp_path, monkeypatch)


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
