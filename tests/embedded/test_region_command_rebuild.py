"""A member whose journals diverged is built anew with the command: killed in the middle, and typed again."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.command.rebuild.marks import HOLDS, KEPT, REBUILD, REPLACED
from cdk_intersystems.model import tags

from .desk import DONE, REFUSED, Desk
from .region_moves import Moves
from .region_world import DISASTER, PLACES, REGIONS, Member, Mirror

pytestmark = pytest.mark.embedded

HOLDS_WHAT = ("installation", "data", "wij", "journal", "alternate-journal")
FROM_D = ("rebuild", "--member", "TRAKA", "--from", "TRAKD", "--yes", "rebuild TRAKA from TRAKD")


class Hosts:
    """What `rebuild` needs of members beside what moves need: volumes, freezes, and hosts that attach what is tagged."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self.frozen: dict[str, str] = {}
        self.confirmed: list[str] = []
        self.left: list[str] = []
        self.volumes: dict[str, list[str]] = {name: self._make(name) for name in ("TRAKA", "TRAKD")}

    def ec2(self, name: str) -> Any:
        """EC2 where a member is."""
        return self._moves.clients[PLACES[name][0]]("ec2")

    def own(self, name: str) -> dict[str, str]:
        """The tags of a member's volumes."""
        return {tags.DEPLOYMENT: "fixture", tags.MIRROR_SET: "TRAK", tags.MEMBER: PLACES[name][1]}

    def instance(self, name: str) -> dict[str, Any]:
        """A member's instance."""
        found = self.ec2(name).describe_instances(InstanceIds=[self._moves.instances[name]])
        return dict(found["Reservations"][0]["Instances"][0])

    def found(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """A member's volumes by what they hold, as its host finds them."""
        wanted = [{"Name": f"tag:{key}", "Values": [value]} for key, value in self.own(name).items()]
        volumes = self.ec2(name).describe_volumes(Filters=[*wanted, {"Name": "tag-key", "Values": [tags.VOLUME]}])["Volumes"]
        of = {each["VolumeId"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}[tags.VOLUME] for each in volumes}
        return {role: [each for each in volumes if of[each["VolumeId"]] == role] for role in HOLDS_WHAT}

    def _make(self, name: str) -> list[str]:
        ec2, instance = self.ec2(name), self.instance(name)
        made = []
        for number, role in enumerate(HOLDS_WHAT):
            described = {**self.own(name), tags.VOLUME: role}
            volume = ec2.create_volume(
                AvailabilityZone=instance["Placement"]["AvailabilityZone"],
                Size=20,
                VolumeType="gp3",
                Encrypted=True,
                KmsKeyId=f"arn:aws:kms:{REGIONS[PLACES[name][0]]}:111122223333:key/of-{PLACES[name][0]}",
                TagSpecifications=[
                    {"ResourceType": "volume", "Tags": [{"Key": key, "Value": value} for key, value in described.items()]}
                ],
            )["VolumeId"]
            ec2.attach_volume(VolumeId=volume, InstanceId=instance["InstanceId"], Device=f"/dev/sd{'fghij'[number]}")
            made.append(volume)
        return made

    def attach(self, name: str) -> None:
        """What a host does when it starts."""
        ec2, instance = self.ec2(name), self.instance(name)
        used = {each["DeviceName"] for each in instance["BlockDeviceMappings"]}
        free = (each for each in (f"/dev/sd{letter}" for letter in "fghijklmnop") if each not in used)
        for role, volumes in self.found(name).items():
            assert len(volumes) == 1, (role, volumes)
            if not volumes[0]["Attachments"]:
                ec2.attach_volume(VolumeId=volumes[0]["VolumeId"], InstanceId=instance["InstanceId"], Device=next(free))

    def is_new(self, name: str) -> bool:
        """Whether its databases are of a snapshot."""
        return bool(self.found(name)["data"][0].get("SnapshotId"))

    def clear(self) -> None:
        """Deletes volumes and snapshots, as other tests want to find nothing."""
        for name in self.volumes:
            ec2 = self.ec2(name)
            for each in ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": [tags.MEMBER, REPLACED]}])["Volumes"]:
                if each["Attachments"]:
                    ec2.detach_volume(VolumeId=each["VolumeId"])
                ec2.delete_volume(VolumeId=each["VolumeId"])
            for each in ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag-key", "Values": [REBUILD]}])[
                "Snapshots"
            ]:
                ec2.delete_snapshot(SnapshotId=each["SnapshotId"])
            ec2.start_instances(InstanceIds=[self._moves.instances[name]])


@pytest.fixture
def hosts(moves: Moves, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    moves.begin("dr")
    found = Hosts(moves)
    shown: Any = Mirror._status
    moves.mirror.members["TRAKA"].status = "Stopped"
    moves.mirror.members["TRAKB"].status = "Down"
    moves.mirror.members["TRAKD"].kind, moves.mirror.members["TRAKD"].status = DISASTER, "Connected"

    def status(mirror: Mirror, member: Member, words: list[str]) -> dict[str, Any]:
        answer = dict(shown(mirror, member, words))
        if member.name == "TRAKA":
            answer |= {"inconsistent": member.status == "Stopped", "caught_up": member.status == "Connected"}
        return answer

    def freeze(mirror: Mirror, member: Member, words: list[str]) -> dict[str, Any]:
        if found.frozen.get(member.name):
            return {"refused": "it is frozen already"}
        found.frozen[member.name] = f"f-{len(mirror.ran)}"
        return {"done": True, "frozen": True, "until": "2026-01-31T12:00:00Z", "freeze": found.frozen[member.name]}

    def thaw(mirror: Mirror, member: Member, words: list[str]) -> dict[str, Any]:
        held = found.frozen.pop(member.name, "") == words[1]
        found.confirmed += [words[1]] if held else []
        return {"done": True, "confirmed": held}

    def leave(mirror: Mirror, member: Member, words: list[str]) -> dict[str, Any]:
        found.left.append(member.name)
        member.status = "Down"
        return {"done": True, "left": True}

    def restored(mirror: Mirror, member: Member, words: list[str]) -> dict[str, Any]:
        found.attach(member.name)
        member.status = "Connected" if found.is_new(member.name) else "Stopped"
        return {"done": member.status == "Connected", "caught_up": False}

    for name, work in {"_status": status, "_freeze": freeze, "_thaw": thaw, "_leave": leave, "_restored": restored}.items():
        monkeypatch.setattr(Mirror, name, work, raising=False)
    yield found
    found.clear()


def test_a_diverged_member_gets_databases_of_the_other_region_though_the_command_was_killed(
    moves: Moves, hosts: Hosts, tmp_path: Path
) -> None:
    desk = Desk(moves, tmp_path)
    before = hosts.found("TRAKA")
    with desk.start(moves.operator, *FROM_D) as running:
        ends = time.monotonic() + 90
        while hosts.instance("TRAKA")["State"]["Name"] == "running" and time.monotonic() < ends and running.poll() is None:
            time.sleep(0.02)
        running.kill()
    assert hosts.instance("TRAKA")["State"]["Name"] != "running"

    code, said = desk.type(moves.operator, *FROM_D)

    assert code == DONE, said
    after = hosts.found("TRAKA")
    assert {role: len(volumes) for role, volumes in after.items()} == dict.fromkeys(HOLDS_WHAT, 1)
    assert [role for role in HOLDS_WHAT if after[role][0]["VolumeId"] != before[role][0]["VolumeId"]] == ["data"]
    (new,) = after["data"]
    assert new["KmsKeyId"] == before["data"][0]["KmsKeyId"]
    assert [each["InstanceId"] for each in new["Attachments"]] == [moves.instances["TRAKA"]]
    assert said["replaced_volumes"] == [before["data"][0]["VolumeId"]]
    kept = hosts.ec2("TRAKA").describe_snapshots(SnapshotIds=said["kept_snapshots"])["Snapshots"]
    assert {each["VolumeId"] for each in kept} >= set(hosts.volumes["TRAKA"])
    assert {tag["Value"] for each in kept for tag in each["Tags"] if tag["Key"] == HOLDS} == {KEPT}
    assert (hosts.frozen, len(hosts.confirmed), hosts.left) == ({}, 1, ["TRAKA"])
    for name in ("TRAKA", "TRAKD"):
        left = hosts.ec2(name).describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{HOLDS}", "Values": ["source", "copy"]}]
        )
        assert left["Snapshots"] == []
    assert not [tag for tag in hosts.instance("TRAKA")["Tags"] if tag["Key"] == REBUILD]
    # And now it is one that the mirror needs.
    code, said = desk.type(moves.operator, *FROM_D)
    assert (code, said["error"]) == (REFUSED, "needed"), said
