"""Two regions in memory for `rebuild`: EC2 as moto has it, Systems Manager, and members that freeze, boot and catch up.

What moto leaves out and a rebuild rests on is done here as AWS documents it (EC2 API Reference): CreateSnapshots leaves volumes
out (ExcludeDataVolumeIds), CreateVolume knows its ClientToken, an attached volume is attached to nothing else. After every call
it is looked whether the invariants I9 and I10 hold, and a call may be made to fail, to lose its answer, or to be the last one.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import botocore.client
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from cdk_intersystems.command.rebuild.marks import GOOD, HOLDS, KEPT, TAKEN
from cdk_intersystems.command.target import Aws
from cdk_intersystems.model import tags
from tests.unit.command.rebuild_members import AWAY, HOME, ROLES, Host, client_of, iris_region, marks, own

#: A call is refused; it is done and its answer is lost; it is done and the command is killed, or its user types Ctrl-C.
_LATE_SECONDS = 8
Fault = Literal["refused", "lost", "killed", "interrupted"]


class Killed(BaseException):
    """The command's process is gone: nothing that it would still do is done."""


@dataclass
class World:
    """The regions.

    Args:
        fault: What becomes of one call.
        at: Which call that is: its number in the run, from 0; or its name, and the how many-th.
    """

    fault: Fault = "killed"
    at: int | tuple[str, int] | None = None
    clock: float = 0.0
    hosts: dict[str, Host] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    #: Snapshot -> the freeze that it was taken in; empty if in none.
    frozen: dict[str, str] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    diverged: list[str] = field(default_factory=list)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    dead: bool = False
    #: After the first call of this name somebody starts its instance.
    started_after: str = ""
    #: Volume -> the state that EC2 shows it in.
    states: dict[str, str] = field(default_factory=dict)
    #: Whether EC2 shows a snapshot by its tags some seconds later.
    late: bool = False
    #: Members whose journals have diverged although they have another one's databases: the freeze of those.
    outdated: set[str] = field(default_factory=set)
    _tokens: dict[str, Any] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)
    _looked: set[str] = field(default_factory=set)
    #: Snapshot -> when it was made.
    _made: dict[str, float] = field(default_factory=dict)

    def host(self, name: str) -> Host:
        """The member of a system name."""
        return next(each for each in self.hosts.values() if each.name == name)

    def diverge(self, host: Host) -> None:
        """A member that was built anew diverges again."""
        self.outdated |= {self.frozen[each.snapshot_id] for each in self.volumes(host, "data")}

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        if self.dead:
            raise Killed
        self.clock += seconds

    def backend(self, region: str) -> Any:
        """moto's EC2 of a region."""
        return ec2_backends[DEFAULT_ACCOUNT_ID][region]

    def volumes(self, host: Host, role: str) -> list[Any]:
        """The volumes that a member would find, as moto has them."""
        wanted = {**own(host), tags.VOLUME: role}
        every = list(self.backend(host.region).volumes.values())
        return [each for each in every if wanted.items() <= marks(each).items()]

    # What a call goes through.

    def call(self, original: Any, client: Any, name: str, params: dict[str, Any]) -> Any:
        """Answers a call, unless it is the one that fails."""
        if self.dead:
            raise Killed
        self.calls.append(name)
        fault = self.fault if self.at in (len(self.calls) - 1, (name, self.calls.count(name))) else ""
        if fault:
            self.at = None
        if fault == "refused":
            raise ClientError({"Error": {"Code": "InternalError", "Message": "a fault"}}, name)
        region = client.meta.region_name
        if client.meta.service_model.service_name == "ssm":
            answer = self._ssm(region, name, params)
        else:
            answer = self._ec2(region, name, params, lambda changed: original(client, name, changed))
        if name == self.started_after:
            self.started_after = ""
            member = next(each for each in self.hosts.values() if "inconsistent" in each.said)
            self.backend(member.region).start_instances([member.id])
            self._boot(member)
        self.look(f"{len(self.calls) - 1} {name}")
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url="https://ec2")
        if fault == "interrupted":
            raise KeyboardInterrupt
        if fault == "killed":
            self.dead = True
            raise Killed
        return answer

    def new_run(self) -> None:
        """Another process begins."""
        self.dead = False
        self.calls.clear()

    def look(self, where: str) -> None:
        """Notes what invariant doesn't hold."""
        for host in self.hosts.values():
            for role, count in ROLES.items():
                found = self.volumes(host, role)
                if len(found) > count:
                    self.broken.append(f"I10 {where}: {len(found)} volumes have the tags of {host.name}'s {role}")
                for each in found:
                    if each.attachment and each.attachment.instance.id != host.id:
                        self.broken.append(f"I10 {where}: {each.id} of {host.name} is attached to another instance")
            if host.freeze and host.until > self.clock + 600:
                self.broken.append(f"I9 {where}: {host.name} is frozen without bound")
        for region in (HOME, AWAY):
            backend = self.backend(region)
            for each in backend.snapshots.values():
                if marks(each).get(HOLDS) == GOOD and self.frozen.get(each.id, "") not in self.confirmed:
                    self.broken.append(f"I9 {where}: {each.id} counts as good, and was taken inside no confirmed freeze")
                if marks(each).get(HOLDS) == KEPT:
                    self._kept.add(each.id)
        there = set(self.backend(HOME).snapshots) | set(self.backend(AWAY).snapshots)
        if gone := self._kept - there:
            self.broken.append(f"{where}: the kept {gone} are gone")
        every = {**self.backend(HOME).volumes, **self.backend(AWAY).volumes}
        if gone := set(self.diverged) - set(every):
            self.broken.append(f"{where}: the diverged {gone} are gone")

    def _ec2(self, region: str, name: str, params: dict[str, Any], ask: Any) -> Any:
        backend = self.backend(region)
        if name == "CreateVolume":
            if (token := params["ClientToken"]) in self._tokens:
                return self._tokens[token]
            if (snapshot := params.get("SnapshotId")) and self.frozen.get(snapshot, "") not in self.confirmed:
                self.broken.append(f"I9: a volume is made of {snapshot}, which was taken inside no confirmed freeze")
            answer = ask(params)
            self._tokens[token] = answer
            return answer
        if name == "CreateSnapshots":
            return self._snapshots(backend, params, ask)
        if name == "CopySnapshot":
            answer = ask(params)
            self.frozen[answer["SnapshotId"]] = self.frozen.get(params["SourceSnapshotId"], "")
            self._made[answer["SnapshotId"]] = self.clock
            return answer
        if name == "DetachVolume":
            self._look_at_detaching(params["VolumeId"], backend)
            return ask(params)
        answer = ask(params)
        if name == "StopInstances":
            self.hosts[params["InstanceIds"][0]].iris = False
        if name == "StartInstances":
            self._boot(self.hosts[params["InstanceIds"][0]])
        for each in answer.get("Volumes", ()) if name == "DescribeVolumes" else ():
            each["State"] = self.states.get(each["VolumeId"], each["State"])
        if name == "DescribeSnapshots":
            self._as_shown(answer, by_tag="SnapshotIds" not in params)
        return answer

    def _as_shown(self, answer: Any, *, by_tag: bool) -> None:
        if by_tag:
            late = _LATE_SECONDS if self.late else 0
            shown = [each for each in answer["Snapshots"] if self.clock >= self._made.get(each["SnapshotId"], 0.0) + late]
            answer["Snapshots"] = shown
            return
        # What was just begun is in the making when it is first looked at.
        for each in answer["Snapshots"]:
            if each["SnapshotId"] not in self._looked:
                self._looked.add(each["SnapshotId"])
                each |= {"State": "pending", "Progress": "40%"}

    def _look_at_detaching(self, volume: str, backend: Any) -> None:
        instance = backend.volumes[volume].attachment.instance
        if instance.state != "stopped":
            self.broken.append(f"{volume} is detached from an instance that is {instance.state}")
        if not self.hosts[instance.id].left:
            self.broken.append(f"{volume} is detached from a member that would apply its own journals to others' databases")

    def _snapshots(self, backend: Any, params: dict[str, Any], ask: Any) -> Any:
        host = self.hosts[params["InstanceSpecification"]["InstanceId"]]
        left_out = params["InstanceSpecification"].get("ExcludeDataVolumeIds", [])
        root = next(iter(backend.get_instance(host.id).block_device_mapping.values())).volume_id
        assert root not in left_out, "EC2 refuses that: the root volume is left out by ExcludeBootVolume"
        answer = ask(params)
        for each in answer["Snapshots"]:
            if each["VolumeId"] in left_out:
                backend.snapshots.pop(each["SnapshotId"])
        answer["Snapshots"] = [each for each in answer["Snapshots"] if each["VolumeId"] not in left_out]
        for each in answer["Snapshots"]:
            self.frozen[each["SnapshotId"]] = self.freeze_of(host)
            self._made[each["SnapshotId"]] = self.clock
        holds = next(tag["Value"] for tag in params["TagSpecifications"][0]["Tags"] if tag["Key"] == HOLDS)
        if holds == TAKEN and not self.freeze_of(host):
            self.broken.append(f"I9: databases of {host.name} are taken outside a freeze")
        if holds == TAKEN and host.slips > 0:
            # It ends before anybody thaws it: such as by somebody else's backup.
            host.slips -= 1
            host.freeze = ""
        if holds == KEPT and (host.iris or host.left):
            self.broken.append(f"{host.name} is kept while IRIS runs there, or after it has left")
        return answer

    def _boot(self, host: Host) -> None:
        """What a host does when it starts: it attaches its volumes, each of which has to be there once, and free."""
        backend = self.backend(host.region)
        for role, count in ROLES.items():
            found = self.volumes(host, role)
            if len(found) != count or any(each.attachment and each.attachment.instance.id != host.id for each in found):
                host.boots = False
                return
            for index, each in enumerate(found):
                if not each.attachment:
                    backend.attach_volume(each.id, host.id, f"/dev/sd{role[0]}{index}")
        host.boots, host.iris, host.restored = True, not host.left, 0

    # Members.

    def freeze_of(self, host: Host) -> str:
        """The freeze that a member is in now: its timer thaws it, whoever is dead."""
        if host.freeze and host.until <= self.clock:
            host.freeze = ""
        return host.freeze

    def _ssm(self, region: str, name: str, params: dict[str, Any]) -> Any:
        if name == "SendCommand":
            assert params["DocumentName"] == "cdk-intersystems-trakcare-TRAK-region"
            host = self.hosts[params["InstanceIds"][0]]
            backend = self.backend(region)
            if backend.get_instance(host.id).state != "running" or not host.boots:
                raise ClientError({"Error": {"Code": "InvalidInstanceId", "Message": "not in a valid state"}}, name)
            command, arguments = params["Parameters"]["Command"][0], params["Parameters"]["Arguments"][0]
            self.asked.append((host.name, command, arguments))
            number = f"c-{len(self.sent)}"
            self.sent[number] = {"answer": iris_region(self, host, command, arguments), "looks": 0}
            return {"Command": {"CommandId": number}}
        assert name == "GetCommandInvocation", name
        sent = self.sent[params["CommandId"]]
        sent["looks"] += 1
        if sent["looks"] == 1 and int(params["CommandId"][2:]) % 2:
            raise ClientError({"Error": {"Code": "InvocationDoesNotExist", "Message": "not yet"}}, name)
        code, answer = sent["answer"]
        status = {0: "Success", None: "InProgress"}.get(code, "Failed")
        return {"Status": status, "ResponseCode": code, "StandardOutputContent": json.dumps(answer), "StandardErrorContent": ""}

    def is_new(self, host: Host) -> bool:
        """Whether a member has databases that were taken inside one confirmed freeze of another one."""
        found = self.volumes(host, "data")
        freezes = {self.frozen.get(each.snapshot_id or "", "") for each in found}
        return len(found) == ROLES["data"] and len(freezes) == 1 and freezes <= self.confirmed - self.outdated


@contextmanager
def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Has all calls go through the world."""
    original = botocore.client.BaseClient._make_api_call
    with monkeypatch.context() as patch:
        patch.setattr(
            botocore.client.BaseClient,
            "_make_api_call",
            lambda client, name, params: world.call(original, client, name, dict(params)),
        )
        patch.setattr(Aws, "client", lambda _aws, service, region: client_of(service, region))
        yield world
