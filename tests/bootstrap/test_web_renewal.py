"""A web server's renewed certificate is taken up by Apache."""

import argparse
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import commands, run
from cdk_intersystems.bootstrap.host.steps import web_server
from tests.bootstrap.step_host import StepHost, Store


@pytest.mark.parametrize(("role", "done"), [("web", ["renew", "web_server"]), ("application", ["renew"])])
def test_renewing_has_the_web_server_look_at_its_certificate(
    role: str, done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    did: list[str] = []
    monkeypatch.setattr(run, "RUN", tmp_path / "run")
    monkeypatch.setattr(run, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(run, "open_host", lambda lines: StepHost(Store(), role))
    monkeypatch.setattr(commands, "_work", lambda name: lambda host: did.append(name))
    monkeypatch.setattr(web_server, "web_server", lambda host: did.append("web_server"))
    assert commands._doing("renew")(argparse.Namespace()) == 0
    assert did == done
