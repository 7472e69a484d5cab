"""What the commands of two regions are tried on: an API that is here, and nothing of whoever tries them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cdk_intersystems.command import follow, region_api
from tests.unit.command.fake_region import KEY, SECRET, FakeRegion, serving
from tests.unit.command.rebuild_desk import Desk, new_desk
from tests.unit.configuration.regions import two_regions


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of the fake region alone, no waiting, and a deployment of two regions in `tmp_path`."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/nonexistent",
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(region_api, "_PAUSE_SECONDS", 0.0)
    (tmp_path / "trakcare.yaml").write_text(yaml.safe_dump(two_regions()))


@pytest.fixture
def region() -> Iterator[FakeRegion]:
    """A region's API."""
    with serving(FakeRegion()) as served:
        yield served


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk at which `rebuild` is typed, with a world of its own behind it."""
    with new_desk(tmp_path, monkeypatch) as desk:
        yield desk
