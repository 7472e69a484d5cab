"""What tests of certificates have in common."""

import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import certificate
from cdk_intersystems.bootstrap.host.steps import certificates

DAY = 86_400
AUTHORITY_PARAMETER = "/cdk-intersystems/lab/TRAK/authority"


class Folder:
    """The folder of a host's certificate, which is the host's from now on, and that for what is needed while signing."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run = path / "run"
        (path / "tls").mkdir()
        self.run.mkdir(mode=0o700)
        self.ca, self.certificate, self.key = (
            path / "tls" / f"{name}.pem" for name in ("CAFile", "CertificateFile", "PrivateKeyFile")
        )
        for name, file in (("CA_FILE", self.ca), ("CERTIFICATE_FILE", self.certificate), ("PRIVATE_KEY_FILE", self.key)):
            monkeypatch.setattr(certificates, name, file)
        monkeypatch.setattr(certificate, "RUN", self.run)

    def texts(self) -> list[str]:
        return [path.read_text() for path in (self.ca, self.certificate, self.key)]


@cache
def _pool() -> list[str]:
    making = [subprocess.Popen(["openssl", "genrsa", "2048"], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    return [process.communicate()[0] for process in making]


def ready_made_keys() -> Callable[[object], str]:
    """In the place of `certificate.new_key`, which takes up to a second: keys that are made once, and shorter ones."""
    turn = itertools.cycle(_pool())
    return lambda _host: next(turn)


def shown(pem: Path, *options: str) -> str:
    """What OpenSSL says of a certificate."""
    command = ["openssl", "x509", "-in", pem, "-noout", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, days: float) -> Iterator[None]:
    """As if so many days had passed, for the host; OpenSSL's clock goes on as it is."""
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + days * DAY)
        yield
