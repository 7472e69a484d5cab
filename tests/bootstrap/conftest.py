"""A fake instance that is primary and a responder that watches it; AWS that says what it is told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap import first_boot
from cdk_intersystems.bootstrap.first_boot import Identity
from cdk_intersystems.bootstrap.host.aws.client import Aws
from tests.bootstrap.aws_stub import AwsStub
from tests.bootstrap.fake_iris import FakeIris
from tests.bootstrap.responder_process import ResponderProcess


@pytest.fixture
def iris(tmp_path: Path) -> FakeIris:
    made = FakeIris(tmp_path / "iris")
    made.become("Primary")
    return made


@pytest.fixture
def responder(iris: FakeIris, tmp_path: Path) -> Iterator[ResponderProcess]:
    with ResponderProcess(iris, tmp_path / "log") as started:
        yield started


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStub]:
    with AwsStub() as made:
        monkeypatch.setattr(first_boot, "METADATA", made.url + "/latest/")
        monkeypatch.setattr(first_boot.time, "sleep", lambda _seconds: None)
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        # As on a host that has applied a bundle; those that haven't have a test of their own.
        monkeypatch.setattr(first_boot, "CURRENT", Path("/"))
        yield made


@pytest.fixture
def aws(stub: AwsStub) -> Aws:
    return Aws(Identity("i-0123456789abcdef0", "eu-west-2", "eu-west-2a", "10.0.1.10", {}))
