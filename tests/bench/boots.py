"""What the bootstrap itself costs: the steps of a first boot, without the installation of the kit, and a second boot."""

import json
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

_SERVERS = {"app1": "10.20.96.40", "web1": "10.20.48.40"}
_SECOND_BOOTS = 3
#: What a real kit takes is the kit's, and the fake's is no figure.
_KIT = ("kit", "agent_kit", "web_gateway")


@dataclass(frozen=True, kw_only=True)
class BootMeasured:
    """A host's first boot without the installation of the kit, and the median of its later ones, in seconds."""

    first_seconds: float
    slowest_step: str
    second_seconds: float

    def rounded(self) -> dict[str, float | str]:
        """As it stands in the result file."""
        return {
            "first_seconds": round(self.first_seconds, 2),
            "slowest_step": self.slowest_step,
            "second_seconds": round(self.second_seconds, 2),
        }


def measure_boots() -> dict[str, BootMeasured] | None:
    """Boots the hosts of config/trakcare.yaml in the lab, one after the other, and each three times more; None without root."""
    if os.geteuid() != 0:
        return None
    from tests.bootstrap.deployed import deploy
    from tests.bootstrap.lab.lab import Lab, LabHost

    def prepared(host: LabHost) -> float:
        times = "ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic"
        shown = host.run("systemctl", "show", "cdk-host", f"--property={times}")
        began, ended = sorted(int(line.partition("=")[2]) for line in shown.output.split())
        return (ended - began) / 1e6

    def boot_again(host: LabHost) -> float:
        host.reboot()
        host.wait_for_unit("cdk-host.service")
        return prepared(host)

    with Lab() as lab, tempfile.TemporaryDirectory() as folder:
        hosts = deploy(lab, Path(folder), _SERVERS).hosts
        first = {}
        # In the order in which nobody waits for anybody.
        for name, host in hosts.items():
            host.boot()
            lab.wait_for_signal(host)
            first[name] = steps(host.run("journalctl", "-u", "cdk-host", "-o", "json", "--no-pager").output)
        second = {name: statistics.median(boot_again(host) for _ in range(_SECOND_BOOTS)) for name, host in hosts.items()}
    return {
        name: BootMeasured(
            first_seconds=sum(taken.values()),
            slowest_step=max(taken, key=lambda step: taken[step]),
            second_seconds=second[name],
        )
        for name, taken in first.items()
    }


def steps(journal: str) -> dict[str, float]:
    """The seconds that each step of prepare took, without the installation of the kit.

    Args:
        journal: Lines of the unit's journal, in JSON.
    """
    entries = [json.loads(line) for line in journal.splitlines()]
    told = [(int(each["__MONOTONIC_TIMESTAMP"]), str(each["MESSAGE"])) for each in entries]
    began = [(when, said.partition(": ")[2]) for when, said in told if said.startswith("prepare: ")]
    ends = [*(when for when, _ in began[1:]), told[-1][0]]
    return {name: (end - when) / 1e6 for (when, name), end in zip(began, ends, strict=True) if name not in _KIT}
