"""A lab: hosts on a network of their own, with an AWS that has published what they are to become.

See test_first_boot.py for how it is used.
"""

import itertools
import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cdk_intersystems.host_bundle import bundle
from cdk_intersystems.model import tags as names
from tests.bootstrap.lab.aws import LabAws
from tests.bootstrap.lab.disks import Disk, by_id, grow, make_disk
from tests.bootstrap.lab.host import Host
from tests.bootstrap.lab.imds import Machine
from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import NETWORK, Switch
from tests.bootstrap.lab.publisher import LOG_GROUP, Files, Publisher
from tests.bootstrap.lab.time_source import TimeSource

__all__ = ["LOG_GROUP", "Lab", "LabHost"]

# There on every Linux, and in the lab's own mounts only the lab is to be seen there.
_FOLDER = Path("/mnt")
SECRETS = ("password", "gateway", "license", "authority")
_INOTIFY_INSTANCES = 4096
_numbers = itertools.count(1)


class LabHost(Host):
    """A host that AWS knows as an instance.

    Attributes:
        machine: The instance.
    """

    machine: Machine

    @property
    def instance_id(self) -> str:
        return self.machine.instance_id

    def unit_state(self, unit: str) -> str:
        """What systemd says of a unit: `active`, `failed`, `activating` and so on."""
        return self.run("systemctl", "is-active", unit, check=False).output.strip()

    def wait_for_unit(self, unit: str, state: str = "active", seconds: float = 60) -> None:
        """Waits until a unit is in a state."""
        self.wait_until(f"{unit} to be {state}", lambda: self.unit_state(unit) == state, seconds)


class Lab(Publisher):
    """Hosts, a switch, and AWS; all gone at the end of the `with` block, or of this process.

    Example:
        with Lab() as lab:
            arbiter = lab.host(name="arbiter", address="10.20.3.10", description=lab.description("arbiter"))
            arbiter.boot()
            lab.wait_for_signal(arbiter)

    Attributes:
        aws: AWS.
        clock: The Amazon Time Sync Service.
        secrets: Name -> value of everything secret in it; must be seen nowhere on a host. See also `all_secrets`.
        secret_arns: Name (`password`, `gateway`, `license`, `authority`) -> ARN. The last one has no value yet.
    """

    def __init__(self, *, switch: Callable[[], Switch] = Switch, aws: Callable[[Switch], LabAws] = LabAws) -> None:
        """Makes nothing yet.

        Args:
            switch: Makes the network.
            aws: Makes AWS on that network.
        """
        self._make_switch, self._make_aws = switch, aws
        self.secrets = {name: f"{name}-{secrets.token_urlsafe(12)}" for name in ("password", "gateway", "license")}
        super().__init__()
        self._hosts: list[LabHost] = []
        self._secret_arns_elsewhere: dict[str, dict[str, str]] = {}
        self._disks: dict[str, Disk] = {}

    def __enter__(self) -> Self:
        _let_systemd_watch()
        self.keeper = Keeper(mounts=True)
        run([*self.keeper.enter("mount"), "mount", "-t", "tmpfs", "lab", _FOLDER])
        run(
            [
                *self.keeper.enter("mount"),
                "mkdir",
                *(_FOLDER / name for name in ("groups", "kernel", "hosts", "disks")),
            ]
        )
        self._switch = self._make_switch()
        self.aws = self._make_aws(self._switch)
        self.clock = TimeSource(self._switch)
        self.aws.attached = self._plug_disk_in
        self.bucket = f"lab-{self.aws.account}"
        place = {"LocationConstraint": self.aws.region}
        self.aws.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)
        self.aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
        make = self.aws.client("secretsmanager").create_secret
        self.secret_arns = {name: make(Name=f"lab/{name}", SecretString=value)["ARN"] for name, value in self.secrets.items()}
        self.secret_arns["authority"] = make(Name="lab/authority")["ARN"]
        self._vpc = self.aws.client("ec2").create_vpc(CidrBlock=NETWORK)["Vpc"]["VpcId"]
        self._subnets: dict[tuple[str, str], str] = {}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for host in self._hosts:
            host.remove()
        self.aws.remove()
        self.clock.remove()
        self._switch.remove()
        for disk in self._disks.values():
            disk.remove()
        self.keeper.stop()
        if kind is None:
            assert not self.aws.wrongly_signed, self.aws.wrongly_signed

    def secret_arns_in(self, region: str) -> dict[str, str]:
        """The secrets of another region, with the same values; made, with a log group, when they are asked for first."""
        if region not in self._secret_arns_elsewhere:
            self.aws.client("logs", region).create_log_group(logGroupName=LOG_GROUP)
            make, values = self.aws.client("secretsmanager", region).create_secret, self.aws.client("secretsmanager")
            found = {
                name: make(Name=f"lab/{name}", SecretString=values.get_secret_value(SecretId=arn)["SecretString"])["ARN"]
                for name, arn in self.secret_arns.items()
                if name != "authority"
            }
            self._secret_arns_elsewhere[region] = {**found, "authority": make(Name="lab/authority")["ARN"]}
        return self._secret_arns_elsewhere[region]

    # Hosts

    def host(
        self,
        *,
        name: str,
        address: str,
        description: Mapping[str, Any],
        files: Files | None = None,
        tags: Mapping[str, str] | None = None,
        zone: str = "",
        environment: Mapping[str, str] | None = None,
        user_data: bytes | None = None,
        disk_mib: int = 512,
        region: str = "",
    ) -> LabHost:
        """Publishes what a host is to become, launches its instance, and makes the host, switched off.

        Make all hosts of a group before the first one boots: each one makes another version of the bundle.

        Args:
            name: Its name in the lab.
            address: Its address, in 10.20.0.0/16.
            description: Its `host.json`, as `model/host_description.py` makes it; see also `description`.
            files: Name -> content of the files beside it.
            tags: Its tags. Default: those that its stack gives it. Those given are put over them; an empty one is left out.
            zone: Its zone. Default: by the third number of its address.
            environment: Variables that every service has, besides those that say where AWS is.
            user_data: Default: first_boot.py.
            disk_mib: How much may be written to its root disk.
            region: Which region it takes itself to be in: its secrets and parameters are there. Default: the lab's. Volumes are
                of the lab's region alone.
        """
        group = (str(description["deployment"]), str(description["group"]), region or self.aws.region)
        which = str(description["host"])
        self._groups.setdefault(group, {})[which] = {"host.json": json.dumps(description), **(files or {})}
        self.publish(*group)
        zone = zone or self.aws.region + "abc"[int(address.split(".")[2]) % 3]
        all_tags = {**_tags(name, description), **(tags or {})}
        machine = self._launch(name, address, zone, {key: value for key, value in all_tags.items() if value})
        machine.region = region or machine.region
        return self.adopt(
            machine,
            operating_system=str(description["operating_system"]),
            environment=environment,
            user_data=user_data,
            disk_mib=disk_mib,
        )

    def adopt(
        self,
        machine: Machine,
        *,
        operating_system: str,
        environment: Mapping[str, str] | None = None,
        user_data: bytes | None = None,
        disk_mib: int = 512,
    ) -> LabHost:
        """Makes the host of an instance that is there already, switched off.

        Args:
            machine: The instance.
            operating_system: Which one its /etc/os-release names.
            environment: Variables that every service has, besides those that say where AWS is.
            user_data: Default: first_boot.py.
            disk_mib: How much may be written to its root disk.
        """
        host = LabHost(
            self.keeper,
            _FOLDER,
            self._switch,
            name=machine.host,
            address=machine.address,
            operating_system=operating_system,
            environment={**self.aws.environment, **(environment or {})},
            user_data=bundle.first_boot().encode() if user_data is None else user_data,
            disk_mib=disk_mib,
        )
        host.machine = machine
        self.aws.add(machine)
        self._hosts.append(host)
        return host

    def _launch(self, name: str, address: str, zone: str, tags: dict[str, str]) -> Machine:
        ec2 = self.aws.client("ec2")
        block = ".".join(address.split(".")[:3]) + ".0/24"
        if (zone, block) not in self._subnets:
            made = ec2.create_subnet(VpcId=self._vpc, CidrBlock=block, AvailabilityZone=zone)
            self._subnets[zone, block] = made["Subnet"]["SubnetId"]
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        launched = ec2.run_instances(
            ImageId="ami-0123456789abcdef0",
            InstanceType="m7i.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=self._subnets[zone, block],
            PrivateIpAddress=address,
            TagSpecifications=[{"ResourceType": "instance", "Tags": listed}],
        )
        instance_id = launched["Instances"][0]["InstanceId"]
        return Machine(name, instance_id, address, self.aws.region, zone, self.aws.account, tags)

    def terminate(self, host: LabHost) -> None:
        """Ends a host and its instance: its root disk is gone, its volumes are not."""
        host.remove()
        self._hosts.remove(host)
        self.aws.machines.remove(host.machine)
        self.aws.client("ec2").terminate_instances(InstanceIds=[host.instance_id])

    def scale_in(self, host: LabHost, *, group: str, hook: str) -> None:
        """Has Auto Scaling take a server away: it waits in the lifecycle hook until the server has left."""
        host.machine.group, host.machine.waits_in, host.machine.target_state = group, hook, "Terminated"

    # Volumes

    def volume(self, host: LabHost, role: str, mib: int = 320, number: int = 1) -> str:
        """Makes an EBS volume for a host, as its stack does: tagged, in its zone, not attached.

        Args:
            host: Whose volume it is.
            role: Its tag: `installation`, `data`, `wij`, `journal`, `alternate-journal`.
            mib: Size of its device; AWS tells the next whole GiB.
            number: Which one, if there are several of this role.

        Returns:
            Its id.
        """
        kept = (names.DEPLOYMENT, names.MIRROR_SET, names.MEMBER)
        tags = {name: value for name, value in host.machine.tags.items() if name in kept} | {names.VOLUME: role}
        made = self.aws.client("ec2").create_volume(
            AvailabilityZone=host.machine.zone,
            Size=max(1, -(-mib // 1024)),
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}],
        )
        volume_id = str(made["VolumeId"])
        self.back(volume_id, f"{host.name}-{role}-{number}", mib)
        return volume_id

    def back(self, volume_id: str, name: str, mib: int = 320) -> None:
        """Makes the device behind an EBS volume that is there already.

        Args:
            volume_id: The volume.
            name: What its file is called.
            mib: Size of the device.
        """
        file = f"{next(_numbers)}-{name}"
        self._disks[volume_id] = make_disk(self.keeper, _FOLDER / "disks", file, mib, by_id(volume_id))

    def disk(self, volume_id: str) -> Disk:
        """The device behind a volume."""
        return self._disks[volume_id]

    def grow(self, volume_id: str, mib: int) -> None:
        """Makes a volume larger, as ModifyVolume does."""
        grow(self.keeper, self._disks[volume_id], mib)
        size = self.aws.client("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Size"]
        if -(-mib // 1024) > size:
            self.aws.client("ec2").modify_volume(VolumeId=volume_id, Size=-(-mib // 1024))

    def _plug_disk_in(self, machine: Machine, volume_id: str) -> None:
        host = next(host for host in self._hosts if host.machine is machine)
        if volume_id in self._disks:
            host.attach(self._disks[volume_id])

    # Waiting

    def wait_for_signal(self, host: LabHost, status: str = "SUCCESS", seconds: float = 60) -> None:
        """Waits until CloudFormation was told something about a host, and fails if it was told something else."""
        told: Callable[[], list[str]] = lambda: [each.status for each in self.aws.signals if each.unique_id == host.instance_id]  # noqa: E731
        host.wait_until(f"the signal {status}", lambda: bool(told()), seconds)
        assert told() == [status], f"{told()}\n{host.journal()[-4000:]}"

    @property
    def all_secrets(self) -> dict[str, str]:
        """Everything secret: name -> value."""
        issued = {
            f"credentials {host.name} {n}": each for host in self._hosts for n, each in enumerate(host.machine.all_secrets())
        }
        return {**self.secrets, **issued}


def _let_systemd_watch() -> None:
    """Each systemd takes a dozen of the kernel's inotify instances, of which a user, root too, has 128 on most systems."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) < _INOTIFY_INSTANCES:
        limit.write_text(str(_INOTIFY_INSTANCES))


def _tags(name: str, description: Mapping[str, Any]) -> dict[str, str]:
    tier = description["role"] in ("application", "web")
    mine = (
        {names.TIER: description["group"]}
        if tier
        else {names.MIRROR_SET: description["group"], names.MEMBER: description["host"]}
    )
    return {names.DEPLOYMENT: description["deployment"], names.SIGNAL: f"lab-{name}/Instance", "Name": name, **mine}
