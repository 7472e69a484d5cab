"""The clone of a rehearsal on a real host: a copy of a DR member's disk that reaches nobody, with the user data of the command.

The mirror over two regions goes on beside it. `tests/embedded/test_region_command_rehearse.py` shows the other half: that the
command makes such an instance, believes what it says on its console, and deletes it.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

from cdk_intersystems.command.rehearsal.script import LIFE_MINUTES, said, user_data
from tests.bootstrap import cloud_config
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.region_lab import RegionLab, records, state, status_of

FORMED = {"a": "Primary", "b": "Backup", "c": "Connected", "d": "Connected"}
_MARK = "/var/lib/cdk-intersystems/fenced.json"
_CPF = "/irissys/sys/iris.cpf"

Prepare = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionLab]:
    with Lab() as lab:
        mirror = RegionLab(lab, tmp_path_factory.mktemp("kits"))
        mirror.bring_up()
        yield mirror


class Clone:
    """A clone of a DR member, off.

    Attributes:
        host: The clone.
        id: The rehearsal's id.
    """

    def __init__(self, made: RegionLab, prepare: Prepare = lambda disk: None, told: Callable[[str], str] = lambda text: text):
        """Makes it.

        Args:
            made: The mirror.
            prepare: Changes its disk.
            told: Changes its user data.
        """
        self.id = f"r-20260131t120000-{secrets.token_hex(4)}"
        original = made.members["d"]
        number = secrets.token_hex(4)
        address = f"10.20.12.{100 + secrets.randbelow(100)}"
        machine = replace(
            original.machine, host=f"clone-{number}", instance_id=f"i-{number}", address=address, tags={}, has_role=False
        )
        self.host: LabHost = made.lab.adopt(machine, operating_system="ubuntu2404", user_data=b"")
        original.copy_disk_to(self.host)
        disk = self.host.path("/")
        cloud_config.give(disk, told(user_data(self.id)))
        # What systemd takes at each start by /etc/sysctl.d, and here a step of the lab.
        pages = disk / "etc/systemd/system/bootcmd.service.d/pages.conf"
        pages.parent.mkdir()
        pages.write_text("[Service]\nExecStartPre=/bin/sh -c 'echo 4000 >/proc/sys/vm/nr_hugepages'\n")
        prepare(disk)
        self.host.shut_in()

    def answer(self, seconds: float = 90) -> dict[str, Any]:
        """What it says on its console, as the command reads it."""
        self.host.wait_until("an answer", lambda: self._said() is not None, seconds)
        found = self._said()
        assert found is not None
        return found

    def _said(self) -> dict[str, Any] | None:
        console = self.host.path("/dev/console")
        try:
            # Before it has a root of its own, and when that is taken away, this is the console of the machine below it.
            return said(console.read_text(), self.id) if console.is_file() else None
        except OSError:
            return None


def _production(made: RegionLab) -> dict[str, Any]:
    """What the mirror's members are and have."""
    hosts = made.members
    return {
        "statuses": made.statuses(),
        "kinds": {name: state(host)[1] for name, host in hosts.items()},
        "members": {name: host.path(_CPF).read_text() for name, host in hosts.items()},
        "started": {
            name: host.run("systemctl", "show", "iris.service", "-P", "InvocationID").output for name, host in hosts.items()
        },
        "fenced": {name: host.path(_MARK).exists() for name, host in hosts.items()},
    }


def _write(made: RegionLab, text: str) -> int:
    (primary,) = (host for host in made.members.values() if status_of(host) == "Primary")
    (answer,) = records(primary, f"SET {text}")
    assert answer.startswith("OK "), answer
    number = int(answer.removeprefix("OK "))
    for host in made.members.values():
        host.wait_until(f"record {number}", lambda host=host: records(host, f"GET {number}") == [f"OK {text}"], 20)
    return number


def test_a_clone_becomes_primary_alone_and_the_mirror_does_not_notice(made: RegionLab) -> None:
    number = _write(made, "before the rehearsal")
    before = _production(made)
    clone = Clone(made)
    made.lab.aws.forget_calls()

    clone.host.power_on()
    answer = clone.answer()

    assert answer["ok"] is True, f"{answer}\n{clone.host.journal()[-6000:]}"
    assert answer["booted"] <= answer["started"] <= answer["primary"]
    print(f"\nclone: IRIS {answer['started'] - answer['booted']} ms, promotion {answer['primary'] - answer['started']} ms")
    assert state(clone.host) == ("running", "Failover", "Primary")
    # It has what was there when it was made, takes writes of its own, and nobody else has these.
    assert records(clone.host, f"GET {number}") == ["OK before the rehearsal"]
    (own,) = records(clone.host, "SET of the clone")
    assert own == f"OK {number + 1}"
    after = _write(made, "of the mirror")
    assert after == number + 1
    assert records(clone.host, f"GET {after}") == ["OK of the clone"]
    assert _production(made) == before
    # Nothing of it has reached AWS, nor would have been tried: what asks there was not started.
    assert not made.lab.aws.calls(host=clone.host.name)
    assert not [path for host, path in made.lab.aws.metadata_reads if host == clone.host.name]
    for unit in ("cdk-host", "cdk-host-authorize", "cdk-host-renew"):
        assert clone.host.run("systemctl", "show", f"{unit}.service", "-P", "ActiveEnterTimestamp").output.strip() == "", unit
    # Whoever forgets it: it ends by itself.
    timers = json.loads(clone.host.run("systemctl", "list-timers", "--output=json", "rehearsal-ends.timer").output)
    left = timers[0]["next"] / 1e6 - time.time()
    assert 0 < left <= LIFE_MINUTES * 60
    clone.host.crash()


def _of_a_former_move(disk: Path) -> None:
    """A failover member that was fenced, and is to have a primary tell it what it is now."""
    cpf = disk / _CPF.lstrip("/")
    text, failover = re.subn(r"(?m)^(TRAKD=(?:[^,\n]*,){6})2", r"\g<1>0", cpf.read_text())
    text, asks = re.subn("ValidatedMember=1", "ValidatedMember=0", text)
    assert (failover, asks) == (1, 1), text
    cpf.write_text(text)
    (disk / _MARK.lstrip("/")).write_text('{"epoch": 3, "serving": "primary"}\n')


def _without_its_configuration(disk: Path) -> None:
    (disk / _CPF.lstrip("/")).write_text("")


def _without_huge_pages(disk: Path) -> None:
    (disk / "etc/systemd/system/bootcmd.service.d/pages.conf").unlink()


def test_a_clone_that_can_not_become_primary_says_why_and_ends_by_itself(made: RegionLab) -> None:
    before = _production(made)
    # Nobody waits half an hour here.
    fenced = Clone(made, _of_a_former_move, lambda text: text.replace("PATIENCE:-1800", "PATIENCE:-5"))
    broken = Clone(made, _without_its_configuration)
    small = Clone(made, _without_huge_pages, lambda text: text.replace(f"{LIFE_MINUTES}min", "15s"))
    for clone in (fenced, broken, small):
        clone.host.power_on()

    answer = broken.answer()
    assert (answer["ok"], answer["step"]) == (False, "promote"), answer
    assert "this member is no mirror member: nothing to promote" in answer["why"]
    answer = small.answer()
    assert answer == {"ok": False, "step": "start", "why": "iris.service did not start"}
    answer = fenced.answer()
    assert (answer["ok"], answer["step"]) == (False, "promote"), answer
    assert "not promoted in time" in answer["why"]
    assert state(fenced.host)[2] != "Primary"
    # Nobody has switched it off.
    small.host.wait_until("its end", lambda: not small.host.is_on(), 60)
    fenced.host.crash()
    broken.host.crash()
    assert _production(made) == before
