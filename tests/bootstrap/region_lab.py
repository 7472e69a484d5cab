"""A mirror that spans two regions, in the lab: members a and b with an arbiter in one, c and d with an arbiter in the other.

The table that says which region holds it is there too; what moves the mirror, `iris-region`, is called by the tests.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from cdk_intersystems.model.host_description import MirrorFacts, Other, RegionStateAt
from cdk_intersystems.model.host_files import merge_files
from cdk_intersystems.model.names import fenced_parameter, region_state_table_name
from tests.bootstrap.iris_lab import MEMORY, PREPARE, SERVE, MirrorLab, state
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import DATA

MIRROR_SET = "TRAK"
DR_REGION = "eu-west-1"
_TABLE = region_state_table_name("lab", MIRROR_SET)
#: The members' addresses by region, and both arbiters'.
PRIMARY = {"a": "10.20.1.10", "b": "10.20.2.10", "arbiter": "10.20.3.10"}
DR = {"a": "10.20.11.10", "b": "10.20.12.10", "arbiter": "10.20.13.10"}
_COMMAND = "/usr/local/sbin/iris-region"

Role = Literal["primary", "dr"]


def facts(role: Role) -> MirrorFacts:
    """The mirror, as the hosts of a region know it."""
    here, there = (PRIMARY, DR) if role == "primary" else (DR, PRIMARY)
    letters = {"a": "C", "b": "D"} if role == "primary" else {"a": "A", "b": "B"}
    return MirrorFacts(
        deployment="lab",
        name=MIRROR_SET,
        number=1,
        addresses=dict(here),  # type: ignore[arg-type]
        databases=("APPDATA",),
        ecp_clients=False,
        service_ports=(1972,),
        role=role,
        others={
            f"{MIRROR_SET}{letters[which]}": Other(address=there[which], member_type="dr" if role == "primary" else "failover")
            for which in ("a", "b")
        },
        other_arbiter=there["arbiter"],
        region_state=RegionStateAt(table=_TABLE, region=DR_REGION),
        other_region=DR_REGION if role == "primary" else "eu-west-2",
    )


class RegionLab:
    """The hosts, switched off.

    Attributes:
        lab: The lab they are in.
        members: `a`, `b` of the primary region and `c`, `d` of the DR region.
        arbiters: By the region's role.
        data: Volume of the databases of each member that has one.
    """

    def __init__(self, lab: Lab, folder: Path, *, scale: float = 0.2, on_volumes: str = "") -> None:
        """Makes hosts and table.

        Args:
            lab: The lab.
            folder: An empty folder, for kits.
            scale: By what IRIS's waiting times are multiplied.
            on_volumes: Members, of the primary region, whose databases are on a volume and not on their root disks.
        """
        self.lab = lab
        self._on_volumes = on_volumes
        self._made = MirrorLab(lab, folder)
        place = PREPARE.index("instance.instance_unit")
        first, *rest = PREPARE[:place]
        self._made.steps((first, "volumes.volumes", *rest, "region.region", *PREPARE[place:]), SERVE)
        lab.aws.client("dynamodb", DR_REGION).create_table(
            TableName=_TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        )
        self.data: dict[str, str] = {}
        self.arbiters = {"primary": self._arbiter("primary"), "dr": self._arbiter("dr")}
        self.members = {
            name: self._member(name, "primary" if name in "ab" else "dr", "a" if name in "ac" else "b") for name in "abcd"
        }
        for host in self.members.values():
            settings = host.path("/etc/fake-iris/settings.json")
            settings.parent.mkdir(parents=True)
            settings.write_text(json.dumps({"scale": scale}))

    def _arbiter(self, role: Role) -> LabHost:
        address, region = (PRIMARY, "") if role == "primary" else (DR, DR_REGION)
        described = self.lab.description("arbiter", kit={**self._made.agent_kit, "region": self.lab.aws.region})
        described["mirror"] = {**described["mirror"], "arbiter": address["arbiter"]}
        name = "arbiter" if role == "primary" else "arbiter-dr"
        return self.lab.host(name=name, address=address["arbiter"], description=described, region=region)

    def _member(self, name: str, role: Role, which: Literal["a", "b"]) -> LabHost:
        from cdk_intersystems.model import host_description
        from cdk_intersystems.model.platform import Platform
        from cdk_intersystems.model.storage import MemberVolumes

        mirror = facts(role)
        platform = Platform(operating_system="ubuntu2404", architecture="x86_64")
        real = host_description.member(platform, mirror, which, volumes=MemberVolumes(), huge_pages=0)
        # On their root disks, without packages, gate and call-out, which have tests of their own.
        kit = {**self._made.kit, "region": self.lab.aws.region}
        volumes = [DATA] if name in self._on_volumes else []
        mine = {"kit": kit, "volumes": volumes, "packages_from": "image", "call_out": None}
        host = self.lab.host(
            name=name,
            address=mirror.addresses[which],
            description={**real, **mine},
            files=merge_files(mirror, which, MEMORY),
            region="" if role == "primary" else DR_REGION,
        )
        if volumes:
            self.data[name] = self.lab.volume(host, "data")
        return host

    # What happens to it

    def bring_up(self) -> None:
        """Switches everything on at once, and waits until the mirror is formed: a primary, its backup, two that wait."""
        for host in (*self.arbiters.values(), *self.members.values()):
            host.power_on()
        first = self.members["a"]
        first.wait_until("a mirror of four", self._formed, 120)
        for host in self.members.values():
            self.lab.wait_for_signal(host, seconds=60)

    def _formed(self) -> bool:
        # What a timer does every 15 seconds is done as soon as there may be something to do.
        for host in self.members.values():
            if status_of(host) == "Primary":
                host.run("rm", "-f", "/run/cdk-intersystems/looked-for-pending", check=False)
                host.run("cdk-host", "authorize", check=False)
                time.sleep(1)
        return sorted(self.statuses().values()) == ["Backup", "Connected", "Connected", "Primary"]

    def statuses(self) -> dict[str, str]:
        """What each member's instance says it is; `Down` if it doesn't run."""
        return {name: status_of(host) for name, host in self.members.items()}

    def holds(self, epoch: int, serving: Role) -> None:
        """Has the table say who holds the mirror."""
        item = {"key": {"S": MIRROR_SET}, "epoch": {"N": str(epoch)}, "serving": {"S": serving}}
        self.lab.aws.client("dynamodb", DR_REGION).put_item(TableName=_TABLE, Item=item)

    def fenced(self, epoch: int, serving: Role, region: str = "") -> None:
        """Has a region's parameter say so. Default: the primary region's."""
        value = json.dumps({"epoch": epoch, "serving": serving})
        self.lab.set_parameter(fenced_parameter("lab", MIRROR_SET), value, region)

    def await_statuses(self, seconds: float = 40, **wanted: str) -> None:
        """Waits until members are what they should be; a backup also until it is active."""
        said: Callable[[], bool] = lambda: all(  # noqa: E731
            status_of(self.members[name]) == status and (status != "Backup" or _is_active(self.members[name]))
            for name, status in wanted.items()
        )
        self.members["a"].wait_until(f"{wanted}", said, seconds)


def status_of(host: LabHost) -> str:
    """What a member's instance is in the mirror, without asking the instance: quick."""
    file = host.path("/dev/shm/fake-iris-irissys-sys.json")
    try:
        found = json.loads(file.read_text())
    except OSError:
        return "Down"
    return str(found["mirror_status"]) if host.path(f"/proc/{found['pid']}").exists() else "Down"


def _is_active(host: LabHost) -> bool:
    return bool(json.loads(host.path("/dev/shm/fake-iris-irissys-sys.json").read_text())["mirror"].get("active"))


def step(host: LabHost, *words: str, status: int | Sequence[int] = 0) -> dict[str, Any]:
    """Runs `iris-region` on a member, as the document of Systems Manager does.

    Args:
        host: The member.
        words: Command and arguments.
        status: The exit status that is expected.
    """
    done = host.run(_COMMAND, *words, check=False, seconds=120)
    expected = [status] if isinstance(status, int) else status
    assert done.status in expected, f"iris-region {words}: {done.status}\n{done.output}\n{done.errors}"
    answer = json.loads(done.output)
    assert isinstance(answer, dict)
    return answer


def records(host: LabHost, *lines: str) -> list[str]:
    """Talks to a member's instance as a client does; the answer to each line."""
    script = (
        "import socket,sys\ns=socket.create_connection(('127.0.0.1',1972)); s.settimeout(10)\n"
        "f=s.makefile('rw'); f.write('data\\n'); f.flush()\n"
        "for line in sys.argv[1:]:\n f.write(line+'\\n'); f.flush(); print(f.readline().strip())\n"
    )
    return host.run("python3", "-c", script, *lines, check=False).output.splitlines()


__all__ = ["DR_REGION", "RegionLab", "facts", "records", "state", "status_of", "step"]
