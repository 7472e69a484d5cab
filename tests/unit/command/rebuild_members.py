"""Members for `rebuild` in memory: what they are, what `iris-region` answers on them, how a deployment makes them."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from cdk_intersystems.command.rebuild.marks import as_list
from cdk_intersystems.model import tags

if TYPE_CHECKING:
    from tests.unit.command.rebuild_world import World

HOME, AWAY = "eu-west-2", "eu-west-1"
ROLES = {"installation": 1, "data": 2, "wij": 1, "journal": 1, "alternate-journal": 1}
Answer = tuple[int, dict[str, Any]]


@dataclass
class Host:
    """A member.

    Args:
        name: Its system name.
        region: Its region.
        letter: `a` or `b`.
        said: What its status says beside what follows from the rest.
    """

    name: str
    region: str
    letter: str
    said: dict[str, Any]
    id: str = ""
    has_volumes: bool = True
    iris: bool = True
    boots: bool = True
    #: Whether it has left the mirror, and with that its own journals of it.
    left: bool = False
    #: Whether its journals are the mirror's, whatever it said before it was asked to leave.
    stays: bool = False
    #: How often it is busy with an earlier step when it is told to leave.
    busy: int = 0
    #: The freeze that holds, and when it ends by itself.
    freeze: str = ""
    until: float = 0.0
    freezes: int = 0
    #: How often it was asked since it has its new databases.
    restored: int = 0
    #: How many freezes end while snapshots are taken.
    slips: int = 0


def own(host: Host) -> dict[str, str]:
    """The tags of a member's volumes."""
    return {tags.DEPLOYMENT: "trakcare", tags.MIRROR_SET: "TRAK", tags.MEMBER: host.letter}


def marks(resource: Any) -> dict[str, str]:
    """The tags of something in moto."""
    return dict(resource.ec2_backend.tags.get(resource.id, {}))


def iris_region(world: "World", host: Host, command: str, arguments: str) -> Answer:
    """What `iris-region` does and answers on a member: exit status and JSON."""
    work = {"status": _status, "stop": _stop, "freeze": _freeze, "thaw": _thaw, "leave": _leave, "restored": _restored}[command]
    return work(world, host, arguments.split())


def _status(world: "World", host: Host, words: list[str]) -> Answer:
    said = {"system_name": host.name, "running": host.iris, "is_primary": False, "caught_up": False, **host.said}
    if not host.iris:
        down = {"status": "Down", "is_primary": False, "caught_up": False, "inconsistent": None, "members": []}
        return 0, said | down | {"rebuilding": host.left}
    if world.is_new(host):
        host.restored += 1
        return 0, said | {"status": "Connected", "caught_up": host.restored > 3, "inconsistent": False}
    return 0, said


def _stop(world: "World", host: Host, words: list[str]) -> Answer:
    host.iris = False
    return 0, {"done": True, "running": False}


def _freeze(world: "World", host: Host, words: list[str]) -> Answer:
    if world.freeze_of(host):
        return 3, {"refused": "it is frozen already"}
    if not host.iris or not _status(world, host, [])[1]["caught_up"]:
        return 3, {"refused": "it has not caught up"}
    if host.said.get("is_primary") and "--primary-alone" not in words:
        return 3, {"refused": "it is the primary"}
    host.freezes += 1
    host.freeze, host.until = f"f-{host.name}-{host.freezes}", world.clock + float(words[1])
    return 0, {"done": True, "frozen": True, "until": "2026-01-31T12:00:00Z", "freeze": host.freeze}


def _thaw(world: "World", host: Host, words: list[str]) -> Answer:
    held = world.freeze_of(host) == words[1]
    if held:
        world.confirmed.add(words[1])
        host.freeze = ""
    return 0, {"done": True, "confirmed": held}


def _leave(world: "World", host: Host, words: list[str]) -> Answer:
    if host.busy:
        host.busy -= 1
        return 3, {"refused": "another iris-region is under way on this host: wait for its end", "busy": True}
    if host.stays:
        host.iris = True
        return 3, {"refused": "this member is Connected: its journals are the mirror's, and it stays"}
    if not host.iris and not host.left:
        host.iris = True
        return 0, {"done": False, "left": False, "says": "it is Transition"}
    host.left, host.iris = True, False
    return 0, {"done": True, "left": True}


def _restored(world: "World", host: Host, words: list[str]) -> Answer:
    if not host.left and not world.is_new(host):
        return 3, {"refused": "its journals have diverged: iris-region leave comes first"}
    host.restored += 1
    if host.restored == 1:
        return 0, {"done": False, "waits_for": f"remove {host.name} from the mirror, on its primary"}
    host.iris, host.left = True, False
    return 0, {"done": world.is_new(host), "caught_up": False}


@functools.cache
def client_of(service: str, region: str) -> Any:
    """A client that many runs share: to make one takes longer than a run."""
    return boto3.client(service, region)


def build(world: "World", *members: Host) -> None:
    """Makes members with their instances and volumes, as a deployment does."""
    for region in (HOME, AWAY):
        # moto has hundreds of its own, of its images.
        world.backend(region).snapshots.clear()
    for host in members:
        ec2 = client_of("ec2", host.region)
        zone = f"{host.region}{host.letter}"
        described = as_list(own(host))
        host.id = ec2.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="r7i.2xlarge",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": zone},
            TagSpecifications=[{"ResourceType": "instance", "Tags": described}],
        )["Instances"][0]["InstanceId"]
        # A primary that isn't alone needs none: nobody looks at them.
        for role, count in ROLES.items() if host.has_volumes else ():
            for index in range(count):
                volume = ec2.create_volume(
                    AvailabilityZone=zone,
                    Size=20 if role == "data" else 10,
                    VolumeType="io2" if role == "data" else "gp3",
                    Iops=5000,
                    Encrypted=True,
                    KmsKeyId=f"arn:aws:kms:{host.region}:111122223333:key/{host.region}",
                    TagSpecifications=[
                        {
                            "ResourceType": "volume",
                            "Tags": [
                                *described,
                                {"Key": tags.VOLUME, "Value": role},
                                {"Key": "Name", "Value": f"{host.name}-{role}"},
                            ],
                        }
                    ],
                )["VolumeId"]
                ec2.attach_volume(VolumeId=volume, InstanceId=host.id, Device=f"/dev/sd{role[0]}{index}")
        world.hosts[host.id] = host


def diverged(name: str = "TRAKA", region: str = HOME, letter: str = "a") -> Host:
    """A member whose journals diverged."""
    return Host(name, region, letter, {"status": "Stopped", "inconsistent": True, "member_type": "Disaster Recovery"})


def primary(name: str = "TRAKC", region: str = AWAY, letter: str = "a") -> Host:
    """The primary."""
    return Host(name, region, letter, {"status": "Primary", "is_primary": True, "caught_up": True, "member_type": "Failover"})


def waiting(name: str, region: str, letter: str, **said: Any) -> Host:
    """A member for disaster recovery that has caught up."""
    good = {"status": "Connected", "caught_up": True, "member_type": "Disaster Recovery", "inconsistent": False}
    return Host(name, region, letter, good | said)
