"""Where `rebuild` is typed in tests: against two regions in memory, again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto import mock_aws
from typer.testing import CliRunner, Result

from cdk_intersystems.command import rebuild_command
from cdk_intersystems.command.application import application
from cdk_intersystems.command.rebuild.marks import HOLDS, KEPT, LEFT, REBUILD, REPLACED
from cdk_intersystems.model import tags
from tests.unit.command.fake_region import REGION
from tests.unit.command.rebuild_members import AWAY, HOME, ROLES, Host, build, diverged, marks, primary, waiting
from tests.unit.command.rebuild_world import World, watched
from tests.unit.configuration.regions import two_regions

FROM_B = ("--yes", "rebuild TRAKA from TRAKB")
FROM_D = ("--yes", "rebuild TRAKA from TRAKD")


@dataclass
class Desk:
    """A desk.

    Args:
        folder: Where the deployment's YAML is.
        world: The regions.
        answers: What the API says, one after the other; the last one stays.
    """

    folder: Path
    world: World
    monkeypatch: pytest.MonkeyPatch
    answers: list[dict[str, Any]] = field(default_factory=lambda: [{"region": REGION | {"serving": "dr"}, "move": None}])

    def type(self, *options: str) -> Result:
        """Types `rebuild` for TRAKA."""
        words = ["rebuild", "trakcare", "--config-dir", str(self.folder), "--member", "TRAKA", *options]
        self.world.new_run()
        with watched(self.world, self.monkeypatch):
            return CliRunner().invoke(application, words)

    def current(self) -> dict[str, Any]:
        """What the API says."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def new_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in a world of its own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # Hundreds of images that no test needs.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    configured = two_regions()
    configured["regions"]["dr"]["members"] = 2
    configured["mirror_sets"][0]["volumes"]["data"]["count"] = ROLES["data"]
    (folder / "trakcare.yaml").write_text(yaml.safe_dump(configured))
    desk = Desk(folder, World(), monkeypatch)
    monkeypatch.setattr(rebuild_command, "sleep", desk.world.sleep)
    monkeypatch.setattr(rebuild_command, "RegionApi", lambda target: desk)
    with mock_aws():
        yield desk


def near() -> tuple[Host, ...]:
    """The members when the DR region serves: the neighbour has caught up already."""
    return (waiting("TRAKB", HOME, "b"), replace(primary(), has_volumes=False))


def far() -> tuple[Host, ...]:
    """The same, and only the other region has a member to copy."""
    return (replace(primary(), has_volumes=False), waiting("TRAKD", AWAY, "b"))


def mirror(world: World, *others: Host) -> Host:
    """A member that diverged, and others; that member."""
    member = diverged()
    build(world, member, *others)
    world.diverged = [each.id for role in ROLES for each in world.volumes(member, role)]
    return member


def is_as_it_was(world: World, member: Host) -> None:
    """Asserts that nothing was changed."""
    changing = [name for name in world.calls if not name.startswith(("Describe", "GetCommandInvocation", "SendCommand"))]
    assert (changing, {command for _, command, _ in world.asked} - {"status"}, world.broken) == ([], set(), [])
    assert world.backend(member.region).get_instance(member.id).state == "running"


def is_rebuilt(world: World, member: Host) -> None:
    """Asserts all that is promised of a member that is built anew, and that the invariants held all the time."""
    backend = world.backend(member.region)
    assert world.broken == []
    former = [each for each in (backend.volumes[id] for id in world.diverged) if tags.VOLUME not in marks(each)]
    assert len(former) == ROLES["data"]
    for each in former:
        assert (each.attachment, REPLACED in marks(each)) == (None, True)
    for role, count in ROLES.items():
        found = world.volumes(member, role)
        assert len(found) == count
        for each in found:
            assert (each.attachment.instance.id, each.id in world.diverged) == (member.id, role != "data")
            assert (each.encrypted, each.kms_key_id) == (True, f"arn:aws:kms:{member.region}:111122223333:key/{member.region}")
            assert (each.volume_type, each.iops) == ("io2" if role == "data" else "gp3", 5000)
            assert marks(each)["Name"] == f"{member.name}-{role}"
    made = {each.id for each in backend.volumes.values() if REBUILD in marks(each)}
    assert made == {each.id for each in world.volumes(member, "data")}
    instance = backend.get_instance(member.id)
    assert (instance.state, {REBUILD, LEFT} & marks(instance).keys()) == ("running", set())
    assert [host.name for host in world.hosts.values() if world.freeze_of(host)] == []
    snapshots = [each for region in (HOME, AWAY) for each in world.backend(region).snapshots.values()]
    assert {marks(each).get(HOLDS) for each in snapshots} == {KEPT}
    assert {each.volume.id for each in snapshots} >= set(world.diverged)
