"""A fake instance that is primary, and a responder that watches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
