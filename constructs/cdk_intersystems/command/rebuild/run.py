"""The steps of a rebuild. Each looks at what there is, does what is left, and may be interrupted anywhere.

What there is stands in EC2's tags (`marks.py`) and in what members answer, never in memory.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED, REFUSED
from cdk_intersystems.command.target import Target
from cdk_intersystems.model import tags

from .freeze import frozen_snapshots
from .hosts import HostError, Hosts, Member
from .marks import LEAVING, LEFT, REBUILD, as_list, tags_of
from .roles import FROM_SOURCE, counts, volumes_for, volumes_from
from .snapshots import Snapshots
from .volumes import Slot, described, sizes

_EVERY_SECONDS: Final = 10.0
#: An instance stops and starts within minutes; its agent comes some minutes later.
_INSTANCE_LOOKS: Final = 6 * 30
#: What EC2 has made it shows within seconds. Source: EC2 API Reference, "Eventual consistency".
_FOUND_LOOKS: Final = 6
#: Recovery, and then all journals since the freeze.
_CATCH_UP_LOOKS: Final = 6 * 60 * 12
#: A stop in good order takes 15 minutes at most: `bootstrap/units`.
_STOP_SECONDS: Final = 1000.0

_Awaited = TypeVar("_Awaited")


@dataclass(kw_only=True)
class Rebuild:
    """One rebuild of one member.

    Args:
        target: The mirror set.
        member: The member.
        source: The member whose databases are copied. None: they are copied already.
        source_name: Its name.
        value: `<mirror set>/<member>/<id>`, the value of the tag `marks.REBUILD`.
        sleep: Waits so many seconds.
        tell: Is told what is being done.
        call: Is told what a person has to do, for which it waits.
        check: Raises CommandError if the member is needed as it is: a move may have begun.
    """

    target: Target
    member: Member
    source: Member | None
    source_name: str
    value: str
    sleep: Callable[[float], None]
    tell: Callable[[str], None]
    call: Callable[[str], None]
    check: Callable[[], None]
    seconds: dict[str, float] = field(default_factory=dict)
    #: The rebuild of the member that was abandoned for this one; empty: there was none.
    follows: str = ""
    #: What things are like, for whoever reads an error.
    state: str = "nothing was changed"

    def __post_init__(self) -> None:
        self._ec2 = self.target.aws.client("ec2", self.member.region)
        self._hosts = Hosts(self.target, self.sleep)
        self.snapshots = Snapshots(aws=self.target.aws, value=self.value, sleep=self.sleep, tell=self.tell)
        self.volumes = volumes_for(self.target, self.member, self.value, self.sleep, self.tell)

    def run(self) -> dict[str, Any]:
        """Does all that is left to do.

        Returns:
            What it came to.

        Raises:
            CommandError: Something keeps it from going on; `state` says what things are like.
        """
        slots = self.slots()
        if (other := tags_of(self._instance()).get(REBUILD, "")) not in ("", self.value, self.follows):
            raise CommandError(REFUSED, f"the rebuild {other} of {self.member.name} was begun meanwhile", "under_way")
        self._ec2.create_tags(Resources=[self.member.id], Tags=as_list({REBUILD: self.value}))
        if not all(slot.new for slot in slots):
            self._copy()
        slots = self.slots()
        for slot in slots:
            if not slot.new:
                raise CommandError(FAILED, f"EC2 shows no volume to take the place of {slot.old['VolumeId']}", "volumes")
            if not slot.done:
                # That it is there doesn't say that it is good: whoever made it may not have waited.
                self.volumes.wait_for(slot.new["VolumeId"])
        if not any(slot.begun for slot in slots):
            self._leave()
        if not all(slot.done for slot in slots):
            self._replace()
        self._restore()
        with self._step("clean_up", f"{self.member.name} is built anew; its copies of snapshots are not all deleted"):
            for region in {self.member.region, *self._regions()}:
                self.snapshots.discard(region)
        report = self._report()
        # Last of all: until then it is known that there is something to go on with.
        self._ec2.delete_tags(Resources=[self.member.id], Tags=[{"Key": REBUILD}, {"Key": LEFT}])
        return report

    def give_up(self) -> None:
        """Ends the rebuild that is open. The member has not left the mirror yet, and what is kept stays."""
        self._clear(self)
        self._ec2.delete_tags(Resources=[self.member.id], Tags=[{"Key": REBUILD}])

    @property
    def has_left(self) -> bool:
        """Whether the member has left the mirror, so that there is only the way on."""
        return LEFT in tags_of(self._instance()) or any(slot.begun for slot in self.slots())

    def abandon(self) -> None:
        """Deletes what an earlier rebuild of the member has left that is of no more use; what is kept stays."""
        before = tags_of(self._instance()).get(REBUILD, "")
        if before in ("", self.value):
            return
        self.state = f"of what {before} has left, some is deleted that is of no more use"
        self._clear(replace(self, value=before, seconds={}))
        self.follows = before

    def _clear(self, earlier: "Rebuild") -> None:
        for slot in earlier.slots():
            if slot.new and not slot.done:
                earlier.volumes.remove(slot)
        for region in {self.member.region, *self._regions()}:
            earlier.snapshots.discard(region)

    def slots(self) -> list[Slot]:
        """The places of the volumes that are replaced."""
        return self.volumes.slots(counts(self.target, self.member.role), self.member.id)

    def _copy(self) -> None:
        """Makes the new volumes; the member and its volumes are as they were, but for IRIS, which is stopped."""
        name, untouched = self.member.name, f"IRIS on {self.member.name} may be stopped, and its volumes are as they were"
        with self._step("stop_iris", untouched):
            instance = self._instance()
            if instance["State"]["Name"] == "running":
                self.tell(f"stopping IRIS on {name}")
                self._hosts.ask(self.member.region, self.member.id, "stop", seconds=_STOP_SECONDS)
        with self._step("keep", untouched):
            mapped = [each["Ebs"]["VolumeId"] for each in instance["BlockDeviceMappings"] if "Ebs" in each]
            own = described(self._ec2, self.volumes.own)
            if loose := [each["VolumeId"] for each in own if tags.VOLUME in tags_of(each) and each["VolumeId"] not in mapped]:
                message = (
                    f"{', '.join(loose)} of {name} is not attached, and would not be kept: start its instance, which does it"
                )
                raise CommandError(REFUSED, message, "volumes")
            kept = self.snapshots.keep(self.member.region, self.member.id, mapped)
        with self._step("take", untouched):
            source, volumes = self._source()
            ids = [each["VolumeId"] for each in volumes]
            good = self.snapshots.good(source.region, ids)
            if not good:
                frozen_snapshots(self._hosts, self.snapshots, source, ids, sleep=self.sleep, tell=self.tell)
                good = self._awaited(lambda: self.snapshots.good(source.region, ids), f"the databases of {self.source_name}")
        with self._step("wait", untouched):
            self.snapshots.wait(self.member.region, kept)
            self.snapshots.wait(source.region, [each["SnapshotId"] for each in good])
        roles = {each["VolumeId"]: tags_of(each)[tags.VOLUME] for each in volumes}
        of_role = {role: [each for each in good if roles[each["VolumeId"]] == role] for role in FROM_SOURCE}
        if source.region != self.member.region:
            with self._step("copy", untouched):
                key = str(self.slots()[0].old["KmsKeyId"])
                for role, taken in of_role.items():
                    of_role[role] = self.snapshots.copies(taken, source.region, self.member.region, key)
                    self.snapshots.wait(self.member.region, [each["SnapshotId"] for each in of_role[role]])
        with self._step("make", untouched):
            self._make(of_role, volumes)

    def _awaited(self, look: Callable[[], list[_Awaited]], what: str) -> list[_Awaited]:
        """Snapshots that were taken: EC2 finds them by their tags some moments later."""
        for _ in range(_FOUND_LOOKS):
            if found := look():
                return found
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"no snapshots of {what} are there any more: begin anew, with --anew", "snapshots")

    def _make(self, of_role: Mapping[str, list[dict[str, Any]]], volumes: list[dict[str, Any]]) -> None:
        """Makes those of the new volumes that aren't there, and waits for them."""
        slots, new = self.slots(), list[str]()
        for role in FROM_SOURCE:
            here = [slot for slot in slots if slot.role == role]
            theirs = [each for each in volumes if tags_of(each)[tags.VOLUME] == role]
            size = sizes([*(slot.old for slot in here), *theirs])
            for slot, snapshot in zip(here, [each["SnapshotId"] for each in of_role[role]], strict=True):
                if slot.new and slot.new.get("SnapshotId") != snapshot:
                    self.volumes.remove(slot)
                elif slot.new:
                    new.append(slot.new["VolumeId"])
                    continue
                new.append(self.volumes.make(slot, snapshot, size, self.source_name))
        for volume in new:
            self.volumes.wait_for(volume)

    def _leave(self) -> None:
        """Has the member leave the mirror, which removes its own journals of it: all that it has is kept by now."""
        name = self.member.name
        with self._step("leave", f"{name} has its own volumes, and may have left the mirror"):
            self.check()
            if tags_of(self._instance()).get(LEFT) == self.value:
                return
            region = self.member.region
            self.snapshots.wait(region, self._awaited(lambda: self.snapshots.kept(region), name))
            # What doesn't run has to say what it is before its volumes are touched.
            self._until("running")
            # From here on it may have left, though nobody has heard of it.
            self._ec2.create_tags(Resources=[self.member.id], Tags=as_list({LEFT: LEAVING}))
            try:
                self._repeat("leave", lambda answer: answer.get("left") is True, seconds=_STOP_SECONDS, refusable=True)
            except HostError:
                # It refused, and is in the mirror still.
                self._ec2.delete_tags(Resources=[self.member.id], Tags=[{"Key": LEFT}])
                raise
            self._ec2.create_tags(Resources=[self.member.id], Tags=as_list({LEFT: self.value}))

    def _replace(self) -> None:
        """Swaps the volumes while the instance is stopped."""
        name = self.member.name
        with self._step("stop_instance", f"{name} has left the mirror and has its own volumes; its instance may be stopped"):
            self._until("stopped")
        halfway = f"the instance of {name} is stopped, and its volumes are being replaced: don't start it by hand"
        with self._step("replace", halfway):
            for slot in self.slots():
                if slot.done:
                    continue
                if (shown := self._instance()["State"]["Name"]) != "stopped":
                    raise CommandError(FAILED, f"the instance of {name} is {shown}: somebody has started it", "instance")
                self.volumes.swap(slot)

    def _restore(self) -> None:
        name = self.member.name
        with self._step("start", f"{name} has its new volumes; its instance may not run yet"):
            self._until("running")
        with self._step("restore", f"{name} has its new volumes, and does not take part in the mirror yet"):
            # It joins the mirror, and its databases are activated and caught up.
            self._repeat("restored", lambda answer: answer.get("done") is True, seconds=_STOP_SECONDS)
        with self._step("catch_up", f"{name} has its new databases, and has not caught up yet"):
            self._repeat("status", lambda answer: answer.get("caught_up") is True)

    def _repeat(
        self, command: str, is_done: Callable[[dict[str, Any]], bool], *, seconds: float = 120.0, refusable: bool = False
    ) -> None:
        """Has a command run until it says that it is done: its host is just starting, or has much to do."""
        told = called = ""
        for _ in range(_CATCH_UP_LOOKS):
            try:
                answer = self._hosts.ask(self.member.region, self.member.id, command, seconds=seconds)
                if is_done(answer):
                    return
                now = _words(answer)
                if (waits_for := str(answer.get("waits_for") or "")) and waits_for != called:
                    self.call(f"{self.member.name} waits for this, which somebody has to do: {waits_for}")
                    called = waits_for
            except HostError as error:
                if error.refused and refusable and not error.busy:
                    raise
                now = error.message
            if now != told:
                self.tell(f"{self.member.name}: {now}")
                told = now
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"{self.member.name} is not there: {told}", "host")

    def _until(self, wanted: str) -> None:
        """Has the instance stop or start, and waits for that."""
        asked = False
        for _ in range(_INSTANCE_LOOKS):
            shown = self._instance()["State"]["Name"]
            if shown == wanted:
                return
            if not asked and shown == ("running" if wanted == "stopped" else "stopped"):
                asked = True
                self.tell(f"{'stopping' if wanted == 'stopped' else 'starting'} the instance of {self.member.name}")
                if wanted == "stopped":
                    self._ec2.stop_instances(InstanceIds=[self.member.id])
                else:
                    self._ec2.start_instances(InstanceIds=[self.member.id])
                continue
            self.sleep(_EVERY_SECONDS)
        raise CommandError(FAILED, f"the instance {self.member.id} is not {wanted}", "instance")

    def _instance(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ec2.describe_instances(InstanceIds=[self.member.id])["Reservations"][0]["Instances"][0]
        return found

    def _source(self) -> tuple[Member, list[dict[str, Any]]]:
        if self.source is None:
            raise CommandError(FAILED, f"the snapshots of {self.source_name} are gone: begin anew, with --anew", "snapshots")
        return self.source, volumes_from(self.target, self.source)

    def _regions(self) -> list[str]:
        regions = self.target.deployment.regions
        return [regions.of(role).region for role in regions.roles()]

    def _report(self) -> dict[str, Any]:
        region, slots = self.member.region, self.slots()
        replaced = [str(slot.old["VolumeId"]) for slot in slots]
        return {
            "source": self.source_name,
            "steps": self.seconds,
            "kept_snapshots": self.snapshots.kept(region),
            "new_volumes": [str(slot.new["VolumeId"]) for slot in slots],
            "replaced_volumes": replaced,
            "delete_later": [f"aws ec2 delete-volume --region {region} --volume-id {each}" for each in replaced],
        }

    @contextmanager
    def _step(self, name: str, state: str) -> Iterator[None]:
        began, self.state = time.monotonic(), state
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def _words(answer: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in answer.items() if isinstance(value, str | int | float | bool))
