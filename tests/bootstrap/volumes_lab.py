"""Members of a lab that have volumes, and what can be seen of these."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, run_steps

DATA = {"role": "data", "tag": "data", "count": 1, "mount_point": "/irissys/db", "file_system": "xfs"}
JOURNAL = {"role": "journal", "tag": "journal", "count": 1, "mount_point": "/irissys/jrnpri", "file_system": "ext4"}

#: Nobody waits for what doesn't come.
IMPATIENT = {
    "ebs_volumes.SECONDS_TO_COME_FREE": 0,
    "ebs_volumes.SECONDS_TO_APPEAR": 0,
    "ebs_volumes.SECONDS_AT_START": 0,
    "mounts.SECONDS_FOR_LINK": 0,
    "lvm.SECONDS_FOR_DEVICE": 0,
}

_numbers = itertools.count(10)
_on: list["Member"] = []


class Member:
    """A member that is on and has done nothing yet, and its volumes.

    Attributes:
        host: The host.
    """

    def __init__(self, lab: Lab, *volumes: dict[str, Any], disk_mib: int = 512, **changes: Any) -> None:
        self.lab = lab
        number = next(_numbers)
        name = f"m{number}"
        self.description = lab.description("member", host=name, volumes=list(volumes), **changes)
        address = f"10.20.1.{number}"
        self.host: LabHost = lab.host(
            name=name, address=address, description=self.description, user_data=b"", disk_mib=disk_mib
        )
        self.host.boot()
        _on.append(self)

    def volume(self, tag: str, mib: int = 320, number: int = 1) -> str:
        """Makes one of its volumes, not attached; returns its id."""
        return self.lab.volume(self.host, tag, mib, number)

    def volumes(self) -> list[str]:
        """Makes all of its volumes; returns their ids."""
        described = self.description["volumes"]
        return [self.volume(each["tag"], number=number + 1) for each in described for number in range(each["count"])]

    def device(self, volume: str) -> str:
        """The device of a volume."""
        return f"/dev/{self.lab.disk(volume).device}"

    def run(self, *, steps: Sequence[str] = ("users", "volumes"), changed: dict[str, Any] | None = None, **options: Any) -> Ran:
        """Runs the steps."""
        if not self.host.pid:
            self.host.boot()
        all_changed = {**IMPATIENT, **(changed or {})}
        return run_steps(
            self.host, self.description, *steps, instance_id=self.host.instance_id, changed=all_changed, **options
        )

    def fails(self, **options: Any) -> str:
        """Runs the steps, which must fail; returns the one line that they say."""
        ran = self.run(check=False, **options)
        assert ran.status == 1, ran
        assert "\n" not in ran.failure, ran.failure
        return ran.failure

    def mounts(self) -> dict[str, tuple[str, set[str]]]:
        """Mount point -> file system and options, of all that is mounted below /irissys."""
        fields = [line.split() for line in self.host.run("cat", "/proc/mounts").output.splitlines()]
        return {each[1]: (each[2], set(each[3].split(","))) for each in fields if each[1].startswith("/irissys")}

    def signatures(self, volume: str) -> list[tuple[str, str]]:
        """Type and label of what is on a volume."""
        said = self.host.run("wipefs", "--json", self.device(volume)).output
        return [(each["type"], each["label"] or "") for each in json.loads(said)["signatures"]]

    def digest(self, volume: str) -> str:
        """A sum over the whole volume."""
        return self.fill(volume, 'sha256sum < "$0"')

    def fill(self, volume: str, command: str) -> str:
        """Works on a volume, attached or not, by a shell command on the host that finds it in `$0`; returns what it printed."""
        node = f"/dev/work-{self.lab.disk(volume).device}"
        self.host.run("mknod", node, "b", str(self.lab.disk(volume).major), str(self.lab.disk(volume).minor))
        try:
            return self.host.run("sh", "-ec", command, node).output
        finally:
            self.host.run("rm", node)


def forget(member: Member) -> None:
    """Makes a member, and its volumes, as if nothing had been done there: quicker than making another one."""
    undo = (
        "systemctl stop 'irissys-*.mount'; rm -rf /var/lib/cdk-intersystems /etc/systemd/system/irissys-*.mount /dev/disk/by-uuid; "
        "if [ -e /irissys ]; then chattr -R -i /irissys; rm -rf /irissys; fi; systemctl daemon-reload; "
        'for device; do blkdiscard "$device"; done'
    )
    devices = [disk for disk in member.host.run("sh", "-c", "ls /dev/loop* 2> /dev/null", check=False).output.split()]
    member.host.run("sh", "-c", undo, "sh", *devices)


def terminate_all(lab: Lab) -> None:
    """Ends all members of a lab: dozens of them are too much for a small machine."""
    for member in [each for each in _on if each.lab is lab]:
        _on.remove(member)
        lab.terminate(member.host)
