"""A mirror over two regions: formed by its hosts, moved and moved back by `iris-region`, and lost with a region.

The tests follow one another, as what they describe does; each begins where the one before it ended.
"""

import os
import signal
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

from cdk_intersystems.model import tags
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.region_instance import database_file, databases, frozen, has, last, remove_member, terminal, write
from tests.bootstrap.region_lab import RegionLab, state, status_of, step

FORMED = {"a": "Primary", "b": "Backup", "c": "Connected", "d": "Connected"}
KINDS = {"primary": ["Failover"] * 2 + ["Disaster Recovery"] * 2, "dr": ["Disaster Recovery"] * 2 + ["Failover"] * 2}
CPF = "/irissys/sys/iris.cpf"
MARK = "/var/lib/cdk-intersystems/fenced.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionLab]:
    with Lab() as lab:
        mirror = RegionLab(lab, tmp_path_factory.mktemp("kits"), on_volumes="a")
        mirror.bring_up()
        # Whichever of the two was faster has created it.
        if mirror.statuses()["b"] == "Primary":
            mirror.await_statuses(a="Backup")
            step(mirror.members["b"], "stop")
            mirror.await_statuses(a="Primary")
            step(mirror.members["b"], "start")
        mirror.await_statuses(**FORMED)
        yield mirror


def kinds(made: RegionLab) -> list[str]:
    return [state(host)[1] for host in made.members.values()]


def switch(made: RegionLab, epoch: int, new: str, old: str, second: str) -> None:
    """A planned move, as the automation does it: nothing is lost, or it is refused before anything is."""
    number = write(made.members[old], f"before move {epoch}")
    made.holds(epoch, "dr" if new in "cd" else "primary")
    assert step(made.members[new], "promote", "--partner", "auto", "--promotion", f"m-{epoch}")["done"]
    made.await_statuses(**{new: "Backup"})
    assert step(made.members[new], "status")["caught_up"]
    step(made.members[old], "stop")
    made.await_statuses(**{new: "Primary"})
    assert step(made.members[new], "await-primary") == {"done": True, "status": "Primary"}
    assert has(made.members[new], number, f"before move {epoch}")
    # Its own region's other member in the place of the one that went.
    answer = step(made.members[second], "promote", "--partner", "auto")
    assert (answer["member_type"], answer["partner"]) == ("Failover", f"TRAK{new.upper()}")
    made.await_statuses(**{second: "Backup"})
    assert step(made.members[old], "start")["running"]
    made.await_statuses(**{old: "Connected"})


def test_all_four_are_one_mirror_and_trust_one_another(made: RegionLab) -> None:
    assert kinds(made) == KINDS["primary"]
    trusted = {name: host.path("/irissys/tls/CAFile.pem").read_text() for name, host in made.members.items()}
    # Two authorities, one of each region; everybody has both.
    assert {text.count("BEGIN CERTIFICATE") for text in trusted.values()} == {2}
    assert len({frozenset(text.split("-----END CERTIFICATE-----\n")) for text in trusted.values()}) == 1
    assert "authorized CN=TRAKC, OU=TRAK, O=lab" in made.members["a"].journal() + made.members["b"].journal()


def test_each_start_asks_first_and_nobody_but_root_may_move_the_mirror(made: RegionLab) -> None:
    for host in made.members.values():
        unit = host.run("systemctl", "cat", "iris.service").output
        assert "ExecStartPre=+/usr/local/sbin/iris-region before-start\nExecStart=" in unit
        assert host.run("stat", "-c", "%a %U", "/usr/local/sbin/iris-region").output == "700 root\n"


def test_a_member_that_waits_says_what_it_is_and_how_far_behind(made: RegionLab) -> None:
    c = made.members["c"]
    said = step(c, "status")

    assert {key: said[key] for key in ("system_name", "role", "mirror", "member_type", "status", "is_primary")} == {
        "system_name": "TRAKC",
        "role": "dr",
        "mirror": "TRAK",
        "member_type": "Disaster Recovery",
        "status": "Connected",
        "is_primary": False,
    }
    assert (said["journal_lag_seconds"], said["database_lag_seconds"], said["caught_up"]) == (0, 0, True)
    assert said["agents"] == {"TRAKA": True, "TRAKB": True, "TRAKD": True}
    assert (said["validated"], said["fenced"], said["certificate_expires"][-1]) == (True, False, "Z")
    # The mirror's arbiter is the one where it was created.
    assert said["arbiter"] == {"address": "10.20.3.10", "own_region": False}
    assert "problem" not in said
    # The primary sees all.
    rows = {row["name"]: row for row in step(made.members["a"], "status")["members"]}
    assert {name: row["type"] for name, row in rows.items()} == {
        "TRAKA": "Failover",
        "TRAKB": "Failover",
        "TRAKC": "Disaster Recovery",
        "TRAKD": "Disaster Recovery",
    }
    assert rows["TRAKC"]["journal_lag_seconds"] == 0

    (c.path("/etc/fake-iris") / "hold").touch()
    number = write(made.members["a"], "not there yet")
    c.wait_until("to be behind", lambda: (step(c, "status")["journal_lag_seconds"] or 0) >= 1, 15)
    assert step(c, "status")["caught_up"] is False
    assert next(r for r in step(made.members["a"], "status")["members"] if r["name"] == "TRAKC")["journal_lag_seconds"] >= 1
    (c.path("/etc/fake-iris") / "hold").unlink()
    c.wait_until("to have it", lambda: has(c, number, "not there yet"), 15)


def test_what_is_not_possible_now_is_refused_and_changes_nothing(made: RegionLab) -> None:
    answer = step(made.members["c"], "promote", "--partner", "none", status=3)
    assert "IRIS refused the promotion" in answer["refused"]
    assert "unavailable" not in answer
    assert "this member is the primary" in step(made.members["a"], "demote", status=3)["refused"]
    assert "not the primary" in step(made.members["b"], "demote-partner", status=3)["refused"]
    fence = ("fence", "--epoch", "1", "--serving")
    assert "isn't fenced" in step(made.members["c"], *fence, "dr", status=3)["refused"]
    assert "isn't fenced" in step(made.members["a"], *fence, "primary", status=3)["refused"]
    # What is done already is done.
    assert step(made.members["d"], "demote")["done"]
    assert step(made.members["a"], "promote", "--partner", "auto")["status"] == "Primary"
    assert made.statuses() == FORMED
    assert kinds(made) == KINDS["primary"]


def test_a_planned_move_to_the_dr_region_and_back_loses_nothing(made: RegionLab) -> None:
    switch(made, 1, "c", "a", "d")
    assert kinds(made) == KINDS["dr"]
    asked = made.members["a"].journal("-u", "iris")
    assert "has the primary say what it is, ValidatedMember=0" in asked
    assert "since epoch 1 the region dr holds the mirror" in asked

    switch(made, 2, "a", "c", "b")
    made.await_statuses(**FORMED)
    assert kinds(made) == KINDS["primary"]


def test_a_step_that_was_killed_is_done_by_the_next_one(made: RegionLab) -> None:
    """The instance has the answer, and nobody heard it: run again, the step finds that it is done."""
    c = made.members["c"]
    made.holds(3, "dr")
    running = c.start("/usr/local/sbin/iris-region", "promote", "--partner", "auto")
    c.wait_until("the mirror to know", lambda: state(c)[1] == "Failover", 30)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert step(c, "promote", "--partner", "auto")["status"] == "Backup"
    # Called off: it is demoted, and so is the other way.
    assert step(c, "demote")["member_type"] == "Disaster Recovery"
    assert step(c, "demote")["done"]
    assert step(made.members["b"], "promote", "--partner", "auto")["done"]
    made.holds(4, "primary")
    made.await_statuses(**FORMED)


def test_the_loss_of_the_primary_region(made: RegionLab) -> None:
    number = write(made.members["a"], "before the disaster")
    made.members["d"].wait_until("all have it", lambda: all(has(made.members[n], number, "before the disaster") for n in "cd"))
    for name in ("a", "b"):
        made.members[name].crash()
    made.arbiters["primary"].crash()

    said = step(made.members["c"], "status")
    assert said["agents"] == {"TRAKA": False, "TRAKB": False, "TRAKD": True}
    answer = step(made.members["c"], "promote", "--partner", "auto", status=3)
    assert "not reached: TRAKA,TRAKB" in answer["refused"] or "not reached: TRAKB,TRAKA" in answer["refused"]
    assert sorted(answer["unavailable"]) == ["TRAKA", "TRAKB"]
    made.holds(5, "dr")
    answer = step(made.members["c"], "promote", "--partner", "none", "--promotion", "m-5")
    assert sorted(answer.pop("unavailable")) == ["TRAKA", "TRAKB"]
    assert answer == {"done": True, "member_type": "Failover", "status": "Primary", "partner": None}
    assert step(made.members["c"], "promote", "--partner", "none")["done"]
    assert has(made.members["c"], number, "before the disaster")
    made.await_statuses(d="Connected")
    assert step(made.members["d"], "promote", "--partner", "auto")["partner"] == "TRAKC"
    made.await_statuses(d="Backup")
    write(made.members["c"], "after the disaster")


def test_the_members_of_a_region_that_comes_back_ask_and_wait(made: RegionLab) -> None:
    made.arbiters["primary"].power_on()
    for name in ("a", "b"):
        made.members[name].power_on()
    made.await_statuses(a="Connected", b="Connected", c="Primary", d="Backup", seconds=60)

    assert kinds(made) == KINDS["dr"]
    assert last(made.members["a"]) == last(made.members["c"])
    for name in ("a", "b"):
        assert "since epoch 5 the region dr holds the mirror" in made.members[name].journal("-u", "iris")
        # The primary has accepted it: in its new role.
        assert step(made.members[name], "status")["validated"] is True


def test_the_region_gets_its_mirror_back(made: RegionLab) -> None:
    switch(made, 6, "a", "c", "b")
    made.await_statuses(**FORMED)
    assert kinds(made) == KINDS["primary"]


def test_a_primary_whose_fence_is_late_is_in_nobody_s_way(made: RegionLab) -> None:
    """The promoted member is its backup already when it goes down, in the state no failover."""
    a, c = made.members["a"], made.members["c"]
    made.holds(7, "dr")
    assert step(c, "promote", "--partner", "auto")["status"] == "Backup"
    made.await_statuses(c="Backup", b="Connected")
    step(a, "fence", "--epoch", "7", "--serving", "dr")
    c.wait_until("to be primary", lambda: bool(step(c, "await-primary")["done"]), 30)
    # And back. There is no second member here that would be promoted: the partner is demoted by itself.
    made.holds(8, "primary")
    step(a, "unfence")
    step(a, "start")
    made.await_statuses(a="Backup")
    step(c, "stop")
    made.await_statuses(a="Primary")
    assert step(a, "demote-partner") == {"done": True, "demoted": "TRAKC"}
    assert step(a, "demote-partner") == {"done": True, "demoted": None}
    step(c, "start")
    assert step(made.members["b"], "promote", "--partner", "auto")["done"]
    made.await_statuses(**FORMED)


def test_a_fenced_primary_goes_down_and_nobody_takes_over(made: RegionLab) -> None:
    a, b = made.members["a"], made.members["b"]
    answer = step(a, "fence", "--epoch", "9", "--serving", "dr")

    assert answer == {"done": True, "fenced": True, "running": False}
    assert (status_of(a), a.unit_state("iris.service")) == ("Down", "inactive")
    assert "ValidatedMember=0" in a.path(CPF).read_text()
    # Its neighbour, which is to be fenced too and may not be reached, did not become primary.
    assert status_of(b) in ("Waiting", "Transition")
    assert step(a, "fence", "--epoch", "9", "--serving", "dr") == answer
    # An older one doesn't undo it.
    step(a, "fence", "--epoch", "8", "--serving", "dr")
    assert '"epoch": 9' in a.path(MARK).read_text()
    assert step(b, "fence", "--epoch", "9", "--serving", "dr")["fenced"]


def test_a_fenced_member_that_starts_again_waits_though_nobody_can_be_asked(made: RegionLab) -> None:
    """Its mark is enough; and somebody has set the key back by hand."""
    a = made.members["a"]
    a.run("sed", "-i", "s/^ValidatedMember=0/ValidatedMember=1/", CPF)
    made.lab.aws.fault("dynamodb", "GetItem", "", 500)
    made.lab.aws.fault("ssm", "GetParameter", "", 500)
    a.reboot()
    a.wait_until("it runs", lambda: status_of(a) in ("Waiting", "Transition", "Primary", "Backup"), 60)
    made.lab.aws.heal()

    assert status_of(a) != "Primary"
    said = a.journal("-u", "iris")
    assert "the mark on this host, /var/lib/cdk-intersystems/fenced.json: since epoch 9 the region dr holds the mirror" in said
    assert "warning: the table lab-TRAK-region-state in eu-west-1: " in said
    # Unfenced it is not as long as somebody says that the other region holds the mirror.
    made.holds(9, "dr")
    assert "since epoch 9 the region dr holds the mirror" in step(a, "unfence", status=3)["refused"]
    # Told that its region holds the mirror again by a newer epoch, the mark doesn't count any more.
    made.holds(10, "primary")
    said_before = len(said)
    step(a, "stop")
    step(a, "start")
    assert "since epoch 10 the region primary holds the mirror" in a.journal("-u", "iris")[said_before:]
    # The primary that it asks is nowhere. A person says that it is to go on from what it has: both of its region.
    for host in (a, made.members["b"]):
        step(host, "stop")
        assert step(host, "unfence") == {"done": True, "fenced": False}
        step(host, "start")
    made.await_statuses(a="Primary", b="Backup")
    assert not a.path(MARK).exists()


def test_the_members_that_were_lost_with_records_nobody_else_has_ask_to_be_rebuilt(made: RegionLab) -> None:
    a, c = made.members["a"], made.members["c"]
    made.await_statuses(c="Connected")
    for name in ("b", "a"):
        step(made.members[name], "stop")
    # What a primary wrote and acknowledged after c and d had lost it, without the seconds it would take to make it so.
    (journal,) = sorted(a.path("/irissys/jrnpri").glob("MIRROR-TRAK-*"))[-1:]
    number = last(c) + 1
    with journal.open("a") as file:
        file.write(f'{{"n": {number}, "t": 99, "v": "lost", "w": 1}}\n{{"c": {number}}}\n')
    made.holds(11, "dr")
    assert step(c, "promote", "--partner", "none")["status"] == "Primary"
    step(a, "start")

    a.wait_until("it stops", lambda: status_of(a) == "Stopped", 30)
    assert "its mirrored databases, must be rebuilt" in a.path("/irissys/sys/mgr/messages.log").read_text()
    assert step(a, "status")["status"] == "Stopped"
    assert step(a, "status")["inconsistent"] is True
    assert step(c, "status")["inconsistent"] is False


def test_a_member_is_frozen_and_thaws_whoever_dies(made: RegionLab) -> None:
    c, d = made.members["c"], made.members["d"]
    made.await_statuses(d="Connected")
    # Where users would wait, and of a member that is not the mirror's, it isn't done.
    assert "TRAKD runs: freeze that one" in step(c, "freeze", "--seconds", "60", "--primary-alone", status=3)["refused"]
    assert "not caught up" in step(made.members["a"], "freeze", "--seconds", "60", status=3)["refused"]
    assert "30 to 540 seconds" in step(d, "freeze", "--seconds", "541", status=3)["refused"]
    assert "30 to 540 seconds" in step(d, "freeze", "--seconds", "29", status=3)["refused"]
    assert not frozen(d)

    first = step(d, "freeze", "--seconds", "60")
    assert frozen(d)
    assert step(d, "status")["freeze"] == {"id": first["freeze"], "until": first["until"]}
    assert timer(d, first) == "active"
    assert f"thaw --freeze {first['freeze']}" in step(d, "freeze", "--seconds", "60", status=3)["refused"]
    # Another one's is left alone.
    assert step(d, "thaw", "--freeze", "another") == {"done": True, "confirmed": False}
    assert frozen(d)
    assert step(d, "thaw", "--freeze", first["freeze"]) == {"done": True, "confirmed": True}
    assert (frozen(d), timer(d, first), step(d, "status")["freeze"]) == (False, "inactive", None)
    # What was taken after that would be good for nothing.
    assert step(d, "thaw", "--freeze", first["freeze"]) == {"done": True, "confirmed": False}


def test_whoever_froze_a_member_dies_and_it_thaws(made: RegionLab) -> None:
    d = made.members["d"]
    file = d.path(d.run("readlink", "-f", "/opt/cdk-intersystems/bootstrap/region/command.py").output.strip())
    text = file.read_text()
    file.write_text(text.replace("_SHORTEST, _LONGEST = 30, 540", "_SHORTEST, _LONGEST = 3, 540"))
    caller = d.start("/bin/sh", "-c", "/usr/local/sbin/iris-region freeze --seconds 5; sleep 600")
    d.wait_until("to be frozen", lambda: frozen(d), 30)
    mine = step(d, "status")["freeze"]
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    # IRIS's own limit is 15 s later: this is the timer's work.
    d.wait_until("to thaw by itself", lambda: not frozen(d), 14)
    d.wait_until("the timer's service to end", lambda: step(d, "status")["freeze"] is None, 10)
    assert step(d, "thaw", "--freeze", mine["id"]) == {"done": True, "confirmed": False}
    file.write_text(text)


def test_a_freeze_that_somebody_else_has_ended_is_not_confirmed(made: RegionLab) -> None:
    d = made.members["d"]
    mine = step(d, "freeze", "--seconds", "60")["freeze"]
    # A backup of somebody's thaws, and freezes for itself: it is frozen, and not by this freeze.
    assert terminal(d, "##class(Backup.General).ExternalThaw()")[0] == 5
    assert terminal(d, "##class(Backup.General).ExternalFreeze()")[0] == 5
    assert step(d, "thaw", "--freeze", mine) == {"done": True, "confirmed": False}
    assert not frozen(d)
    # And nobody freezes what somebody else has frozen.
    assert terminal(d, "##class(Backup.General).ExternalFreeze()")[0] == 5
    assert "somebody else has frozen it" in step(d, "freeze", "--seconds", "60", status=3)["refused"]
    assert terminal(d, "##class(Backup.General).ExternalThaw()")[0] == 5


def test_a_primary_is_frozen_only_if_it_is_alone_and_that_is_said(made: RegionLab) -> None:
    c, d = made.members["c"], made.members["d"]
    step(d, "stop")
    c.wait_until("to be alone", lambda: "say --primary-alone" in step(c, "freeze", "--seconds", "60", status=3)["refused"], 30)
    freeze = step(c, "freeze", "--seconds", "60", "--primary-alone")["freeze"]
    assert frozen(c)
    assert step(c, "thaw", "--freeze", freeze) == {"done": True, "confirmed": True}
    assert (frozen(c), status_of(c)) == (False, "Primary")
    step(d, "start")
    made.await_statuses(d="Connected")


def test_a_member_whose_journals_diverged_is_built_anew(made: RegionLab) -> None:
    a, c, d = (made.members[name] for name in "acd")
    assert "iris-region leave comes first" in step(a, "restored", status=3)["refused"]
    assert "it stays" in step(d, "leave", status=3)["refused"]
    assert "this member is the primary" in step(c, "leave", status=3)["refused"]
    write(c, "while a was away")
    assert databases(a) == {"APPDATA": "Dejournaling"}
    # With databases on no volume that could be replaced it would never come back.
    volumes = a.path("/var/lib/cdk-intersystems/volumes.json")
    known = volumes.read_text()
    volumes.write_text("{}")
    assert "no volume of their own" in step(a, "leave", status=3)["refused"]
    volumes.write_text(known)

    step(a, "stop")
    assert step(a, "leave") == {"done": True, "left": True, "running": False}
    assert step(a, "leave") == {"done": True, "left": True, "running": False}
    assert (status_of(a), a.unit_state("iris.service")) == ("Down", "inactive")
    assert list(a.path("/irissys/jrnpri").glob("MIRROR-*")) == []
    # Its own databases have what the mirror never had.
    assert "lost" in database_file(a)
    said = step(a, "status")
    assert (said["rebuilding"], said["inconsistent"]) == (True, None)


def test_it_does_not_come_back_with_what_it_left_with(made: RegionLab) -> None:
    a = made.members["a"]
    a.reboot()
    a.wait_for_unit("cdk-host.service")
    assert (status_of(a), a.unit_state("iris.service")) == ("Down", "inactive")
    assert made.data["a"] in step(a, "restored", status=3)["refused"]
    assert "only iris-region restored brings it back" in step(a, "start", status=1)["error"]
    # It has created the mirror once, maybe, and would do so again.
    assert a.run("cdk-host", "serve", "--only", "start_member", check=False).status == 1
    assert "only iris-region restored brings it back" in a.path("/var/lib/cdk-intersystems/failure.json").read_text()
    assert status_of(a) == "Down"


def test_with_a_copy_of_another_member_s_volume_it_is_part_of_the_mirror_again(made: RegionLab) -> None:
    a, c, d = (made.members[name] for name in "acd")
    number = last(c)
    freeze = step(d, "freeze", "--seconds", "60")["freeze"]
    copy = database_file(d)
    # The freeze holds the databases back, not the mirror.
    while_frozen = write(c, "during the freeze")
    d.wait_until("to have it", lambda: has(d, while_frozen, "during the freeze"), 15)
    assert "during the freeze" not in database_file(d)
    assert step(d, "thaw", "--freeze", freeze)["confirmed"]
    assert "lost" not in copy
    exchange_volume(made, copy)
    assert "APPDATA" in a.run("ls", "/irissys/db").output

    # The primary knows it still: somebody is told to remove it there.
    said: dict[str, object] = {}

    def calls_somebody() -> bool:
        said.update(step(a, "restored"))
        return "waits_for" in said

    a.wait_until("a person to be called", calls_somebody, 120)
    assert (said["done"], "still lists TRAKA" in str(said["waits_for"])) == (False, True)
    remove_member(c, "TRAKA")

    def is_back() -> bool:
        # What a timer does.
        c.run("rm", "-f", "/run/cdk-intersystems/looked-for-pending", check=False)
        c.run("cdk-host", "authorize", check=False)
        return bool(step(a, "restored")["done"])

    a.wait_until("to be part of the mirror", is_back, 120)
    found = step(a, "status")
    assert (found["member_type"], found["status"], found["caught_up"]) == ("Disaster Recovery", "Connected", True)
    assert (found["inconsistent"], found["rebuilding"]) == (False, False)
    assert databases(a) == {"APPDATA": "Dejournaling"}
    assert step(a, "restored")["done"]
    # All of the mirror's records, and none of those that only it had.
    assert has(a, number, "while a was away")
    assert has(a, while_frozen, "during the freeze")
    assert "lost" not in database_file(a)
    # It is a member as any other: it takes what comes, and starts with its host.
    after = write(c, "after the rebuild")
    a.reboot()
    made.await_statuses(a="Connected", seconds=60)
    a.wait_until("to have it", lambda: has(a, after, "after the rebuild"), 15)


def exchange_volume(made: RegionLab, content: str) -> None:
    """What is done from outside: member a's volume is replaced, by tags, by one made of another member's snapshot."""
    a, ec2 = made.members["a"], made.lab.aws.client("ec2")
    old, new = made.data["a"], made.lab.volume(a, "replaced")
    a.attach(made.lab.disk(new))
    device = f"/dev/{made.lab.disk(new).device}"
    a.run("mkfs.xfs", "-q", "-L", "iris-db", device)
    a.run("mount", device, "/mnt")
    a.run("cp", "-a", "/irissys/db/APPDATA", "/mnt/")
    a.run("python3", "-c", "import sys; open('/mnt/APPDATA/IRIS.DAT', 'w').write(sys.argv[1])", content)
    a.run("umount", "/mnt")
    a.crash()
    a.detach(made.lab.disk(old))
    a.detach(made.lab.disk(new))
    ec2.detach_volume(VolumeId=old)
    ec2.create_tags(Resources=[old], Tags=[{"Key": tags.VOLUME, "Value": "replaced"}])
    ec2.create_tags(Resources=[new], Tags=[{"Key": tags.VOLUME, "Value": "data"}])
    a.power_on()
    a.wait_for_unit("cdk-host.service")
    made.data["a"] = new


def timer(host: LabHost, freeze: dict[str, str]) -> str:
    return host.unit_state(f"iris-region-thaw-{freeze['freeze']}.timer")
