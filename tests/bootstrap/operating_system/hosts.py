"""Members of a lab that have volumes, and what can be seen of these.

They share one host, which is as good as new for each: starting another one takes longer than most tests.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bootstrap.lab import image
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, leave, run_steps, write_program

DATA = {"role": "data", "tag": "data", "count": 1, "mount_point": "/irissys/db", "file_system": "xfs"}
JOURNAL = {"role": "journal", "tag": "journal", "count": 1, "mount_point": "/irissys/jrnpri", "file_system": "ext4"}

THP = "/sys/kernel/mm/transparent_hugepage/enabled"
UDEVADM = Path(image.__file__).with_name("udevadm.sh")

#: Nobody waits for what doesn't come.
IMPATIENT = {
    "ebs_volumes.SECONDS_TO_COME_FREE": 0,
    "ebs_volumes.SECONDS_TO_APPEAR": 0,
    "ebs_volumes.SECONDS_AT_START": 0,
    "mounts.SECONDS_FOR_LINK": 0,
    "lvm.SECONDS_FOR_DEVICE": 0,
}

#: Undoes on a host what the step does, and empties the devices that follow.
UNDO_VOLUMES = """\
grep -o ' /irissys/[a-z]* ' /proc/mounts | xargs --no-run-if-empty umount
rm -rf /var/lib/cdk-intersystems /etc/systemd/system/irissys-*.mount /dev/disk/by-uuid /dev/irissys_*
if [ -e /irissys ]; then chattr -R -i /irissys; rm -rf /irissys; fi
for device; do blkdiscard "$device"; done
"""

#: Undoes what all other steps do, and tests.
UNDO = f"""(
systemctl disable --now chrony; rm -rf /etc/chrony/chrony.conf /run/cdk-intersystems
for name in irisowner irisusr iscagent somebody; do userdel $name; groupdel $name; done; groupdel some
find /etc -name '*cdk-intersystems*' -delete; find /usr/local/sbin -type f ! -name udevadm -delete
sysctl --write vm.nr_hugepages=0 vm.hugetlb_shm_group=0 vm.swappiness=60; echo madvise > {THP}
systemctl reset-failed systemd-logind chrony
) > /dev/null 2>&1; true"""

_numbers = itertools.count(10)


class Member:
    """A member that is on and has users, and its volumes, of which nothing is known yet.

    Attributes:
        host: The host.
    """

    def __init__(self, host: LabHost, lab: Lab, *volumes: dict[str, Any]) -> None:
        self.lab, self.host = lab, host
        name = f"m{next(_numbers)}"
        host.machine.tags = {**host.machine.tags, "cdk-intersystems:member": name}
        self.description = lab.description("member", host=name, volumes=list(volumes))
        self._ids: list[str] = []

    def volume(self, tag: str, mib: int = 320, number: int = 1) -> str:
        """Makes one of its volumes, not attached; returns its id."""
        self._ids.append(self.lab.volume(self.host, tag, mib, number))
        return self._ids[-1]

    def volumes(self) -> list[str]:
        """Makes all of its volumes, small ones where they may be; returns their ids."""
        sizes = {"xfs": 320, "ext4": 16}
        return [
            self.volume(each["tag"], sizes[each["file_system"]], number + 1)
            for each in self.description["volumes"]
            for number in range(each["count"])
        ]

    def device(self, volume: str) -> str:
        """The device of a volume."""
        return f"/dev/{self.lab.disk(volume).device}"

    def run(self, *steps: str, **options: Any) -> Ran:
        """Runs steps. Default: the volumes'."""
        if not self.host.is_on():
            self.host.boot()
        own = {"instance_id": self.host.instance_id, "changed": IMPATIENT}
        return run_steps(self.host, self.description, *(steps or ["volumes"]), **own, **options)

    def fails(self) -> str:
        """Runs the step, which must fail; returns the one line that it says."""
        ran = self.run(check=False)
        assert ran.status == 1, ran
        assert "\n" not in ran.failure, ran.failure
        return ran.failure

    def crash(self) -> None:
        """Ends the host at once, as a power cut."""
        leave(self.host)
        self.host.crash()

    def reboot(self) -> None:
        """Reboots the host in good order."""
        leave(self.host)
        self.host.reboot()

    def take_away(self, volume: str) -> None:
        """Detaches a volume while the host is off."""
        self.crash()
        self.host.detach(self.lab.disk(volume))
        self.lab.aws.client("ec2").detach_volume(VolumeId=volume)

    def mounts(self) -> dict[str, tuple[str, set[str]]]:
        """Mount point -> file system and options, of all that is mounted below /irissys."""
        fields = [line.split() for line in self.host.run("cat", "/proc/mounts").output.splitlines()]
        return {each[1]: (each[2], set(each[3].split(","))) for each in fields if each[1].startswith("/irissys")}

    def signatures(self, volume: str) -> list[tuple[str, str]]:
        """Type and label of what is on a volume."""
        said = self.work_on(volume, 'wipefs --json "$0"')
        return [(each["type"], each["label"] or "") for each in json.loads(said)["signatures"]]

    def digest(self, volume: str) -> str:
        """A sum over the whole volume."""
        return self.work_on(volume, 'sha256sum < "$0"')

    def work_on(self, volume: str, command: str) -> str:
        """Runs a shell command on the host that finds a volume, attached or not, in `$0`; returns what it printed."""
        disk = self.lab.disk(volume)
        node = f"/dev/work-{disk.device}"
        self.host.run("mknod", node, "b", str(disk.major), str(disk.minor))
        try:
            return self.host.run("sh", "-ec", command, node).output
        finally:
            self.host.run("rm", node)

    def remove(self) -> None:
        """Makes the host as good as new, and its volumes no more."""
        if not self.host.is_on():
            self.host.boot()
        gone = "find /usr/local/sbin -type f -delete; find /dev -name 'loop*' -delete; find /dev/disk -type l -delete"
        self.host.run("sh", "-c", f"{UNDO_VOLUMES}{gone}")
        write_program(self.host, "udevadm", UDEVADM.read_text())
        self.host._disks.clear()
        ec2 = self.lab.aws.client("ec2")
        for volume in self._ids:
            if ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]:
                ec2.detach_volume(VolumeId=volume)
            ec2.delete_volume(VolumeId=volume)


Make = Callable[..., Member]


def run(lab: Lab, host: LabHost, *steps: str, check: bool = True, **changes: Any) -> Ran:
    """Runs steps on a host as on a member.

    Args:
        lab: The lab.
        host: The host.
        steps: The steps.
        check: Whether a failure fails the test.
        changes: What its description has otherwise.
    """
    description = lab.description("member", **{"huge_pages": 100, **changes})
    return run_steps(host, description, *steps, check=check)
