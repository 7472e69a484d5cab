"""The names of hosts: their own, and those of the hosts they work with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host.context import Context, Identity
from cdk_intersystems.bootstrap.host.description import Description, build
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import host_name as step
from tests.bootstrap.lab.descriptions import plain_description

NEIGHBOURS = "10.20.1.10 TRAKA\n10.20.2.10 TRAKB\n10.20.3.10 trak-arbiter\n"


class _Host(Context):
    def __init__(self, address: str, described: dict[str, Any]) -> None:
        me = Identity("i-0123456789abcdef0", "eu-west-2", "eu-west-2a", address, {})
        super().__init__(me, build(Description, described, "host.json"), None, None, self.said_now)  # type: ignore[arg-type]
        self.said: list[str] = []

    def said_now(self, line: str) -> None:
        self.said.append(line)

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        changed = not path.exists() or path.read_text() != text
        path.write_text(text)
        return changed


Make = Callable[..., _Host]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The kernel's host name; files are in a folder of their own."""
    kernel = {"name": "ip-10-20-1-10"}
    for name in ("_HOSTS", "_NAME", "_CLOUD_INIT"):
        monkeypatch.setattr(step, name, tmp_path / name)
    monkeypatch.setattr(step.socket, "gethostname", lambda: kernel["name"])
    monkeypatch.setattr(step.socket, "sethostname", lambda name: kernel.update(name=name))
    return kernel


def test_a_member_has_its_name_and_knows_its_own_address_and_its_neighbours(names: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "_HOSTS").write_text("127.0.0.1 localhost\n127.0.1.1 ip-10-20-1-10 traka\n192.0.2.7 somebody else\n")
    host = _Host("10.20.1.10", plain_description("member"))
    step.host_name(host)
    assert (names["name"], (tmp_path / "_NAME").read_text()) == ("TRAKA", "TRAKA\n")
    found = (tmp_path / "_HOSTS").read_text()
    # Nothing else says what a name of ours means.
    assert found == f"127.0.0.1 localhost\n192.0.2.7 somebody else\n{step._BEGIN}\n{NEIGHBOURS}{step._END}\n"
    step.host_name(host)
    assert (tmp_path / "_HOSTS").read_text() == found
    assert host.said == ["named this host TRAKA"]
    assert "preserve_hostname: true" in (tmp_path / "_CLOUD_INIT").read_text()


def test_what_we_wrote_before_is_replaced(names: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "_HOSTS").write_text(f"::1 localhost\n{step._BEGIN}\n10.9.9.9 GONE\n{step._END}\n# by hand\n10.8.8.8 kept\n")
    step.host_name(_Host("10.20.1.10", plain_description("member")))
    found = (tmp_path / "_HOSTS").read_text()
    assert "GONE" not in found
    assert "# by hand\n10.8.8.8 kept\n" in found


def test_servers_of_a_tier_tell_themselves_apart(names: dict[str, str], tmp_path: Path) -> None:
    step.host_name(_Host("10.20.7.77", plain_description("application")))
    assert names["name"] == "app-9abcdef0"
    assert "10.20.7.77 app-9abcdef0\n" in (tmp_path / "_HOSTS").read_text()


def test_another_address_than_the_fixed_one_is_refused(names: dict[str, str]) -> None:
    said = "this instance has the address 10.20.1.11, and TRAKA has to have 10.20.1.10: its stack fixes it"
    with pytest.raises(StepError, match=said):
        step.host_name(_Host("10.20.1.11", plain_description("member")))
    assert names["name"] == "ip-10-20-1-10"


@pytest.mark.parametrize("name", ["a_b", "a.b", "-a", "a-", "x" * 64, ""])
def test_what_can_be_no_name_is_refused(name: str, names: dict[str, str]) -> None:
    with pytest.raises(StepError, match="can't be the name of a host"):
        step.host_name(_Host("10.20.1.10", {**plain_description("member"), "name": name}))
