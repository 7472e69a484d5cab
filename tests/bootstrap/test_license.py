"""The licence key: from its secret, for the instance alone, looked at once a version."""

from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import iris
from cdk_intersystems.bootstrap.host.steps import license as step
from tests.bootstrap.step_host import SECRETS, StepHost, Store, refusal

KEY = "[ConfigFile]\nFileType=InterSystems License\nthe key itself\n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(step, "KEY_FILE", tmp_path / "iris.key")
    monkeypatch.setattr(step, "_ASKED_FOR", tmp_path / "asked")
    monkeypatch.setattr(iris, "look", lambda _name: None)
    made = Store()
    made.secrets[SECRETS["license"]] = KEY
    return made


def without(store: Store) -> StepHost:
    host = StepHost(store)
    object.__setattr__(host.settings.secrets, "license", "")
    return host


def applied(store: Store, version: str) -> StepHost:
    host = StepHost(store)
    object.__setattr__(host.settings.bundle, "sha256", version)
    return host


def test_the_key_is_written_once_for_each_version(store: Store) -> None:
    step.license_key(applied(store, "1"))
    assert step.KEY_FILE.read_text() == KEY
    assert step.KEY_FILE.stat().st_mode & 0o777 == 0o640
    store.calls.clear()
    step.license_key(applied(store, "1"))
    assert store.calls == []

    store.secrets[SECRETS["license"]] = KEY + "for another year\n"
    step.license_key(applied(store, "2"))
    assert step.KEY_FILE.read_text().endswith("for another year\n")
    # A key that was lost comes back.
    step.KEY_FILE.unlink()
    step.license_key(applied(store, "2"))
    assert step.KEY_FILE.exists()


def test_a_running_instance_takes_a_new_key_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    running = iris.Instance(Path("/"), "running", Path("/"), "Failover", "Primary")
    monkeypatch.setattr(iris, "look", lambda _name: running)
    monkeypatch.setattr(iris, "call", lambda _host, what: called.append(what))
    # One whose first start went wrong can't be entered, and is started again anyway.
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: False)
    step.license_key(applied(store, "1"))
    assert called == []

    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: True)
    store.secrets[SECRETS["license"]] = KEY + "for another year\n"
    for version in ("2", "3"):
        step.license_key(applied(store, version))
    assert called == ["##class(%SYSTEM.License).Upgrade()"]


def test_without_a_secret_there_is_nothing_to_do(store: Store) -> None:
    step.license_key(without(store))

    assert store.calls == []
    assert not step.KEY_FILE.exists()


def test_a_secret_that_is_missing_refused_or_empty_is_told(store: Store) -> None:
    store.secrets[SECRETS["license"]] = " \n"
    assert "is empty: give it the content of iris.key" in refusal(lambda: step.license_key(StepHost(store)))
    del store.secrets[SECRETS["license"]]
    assert "ResourceNotFoundException" in refusal(lambda: step.license_key(StepHost(store)))
    store.refused["GetSecretValue"] = "AccessDeniedException"
    assert "AccessDeniedException" in refusal(lambda: step.license_key(StepHost(store)))
    assert not step.KEY_FILE.exists()


def test_the_key_is_in_no_log(store: Store) -> None:
    host = StepHost(store)
    step.license_key(host)
    assert "the key itself" not in "\n".join(host.said)
