"""The fake promotes and demotes members as InterSystems' documentation says: the High Availability Guide, 5.5, 5.6 and 6.3, and
the class reference of SYS.Mirror.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts with systemd", allow_module_level=True)

from tests.bootstrap.fake_iris.hosts import IrisHost, lab, make_authority, prepare_all
from tests.bootstrap.test_fake_mirror import CREATE, JOIN, authorize, cut

if TYPE_CHECKING:
    from pathlib import Path

Hosts = dict[str, IrisHost]
MEMBERS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Failover members a and b, DR members c and d, and the arbiter arb."""
    authority: Path = tmp_path_factory.mktemp("ca")
    make_authority(authority)
    with lab(tmp_path_factory.mktemp("lab"), *MEMBERS, "arb") as made:
        prepare_all(made, authority, agents=MEMBERS, arbiter="arb")
        made["a"].start(CREATE)
        for name, member in (("b", "backup"), ("c", "drasync"), ("d", "drasync")):
            made[name].start(JOIN.format(member=member, name=f"TRAK{name.upper()}"))
            authorize(made["a"], f"CN={name.upper()}, O=Test")
        yield made


@pytest.fixture
def mirror(formed: Hosts) -> Hosts:
    """a is primary and b its active backup; c and d have all of it."""
    for name in MEMBERS:
        assert not formed[name].is_down()
    wait(formed, a="Primary", b="Backup", c="Connected", d="Connected")
    return formed


def wait(hosts: Hosts, **statuses: str) -> None:
    for name, status in statuses.items():
        hosts[name].wait_for_status(status)
        if status == "Backup":
            hosts[name].host.wait_until("active", lambda: hosts[name].seen()["mirror"]["active"], 20)  # noqa: B023


def call(host: IrisHost, method: str) -> str:
    """Calls a method of SYS.Mirror with its first argument by reference: `done` or the error, and what the argument became."""
    return host.script(
        f'set status=##class(SYS.Mirror).{method} write $select($system.Status.IsOK(status):"done",1:"refused"),":",$get(x),!'
    )


def kind(host: IrisHost) -> str:
    return host.qlist()[10]


def switch_to(hosts: Hosts, new: str, old: str, second: str) -> None:
    """A planned failover (HA 6.3.2): the DR member becomes backup, then primary; its neighbour becomes the backup."""
    assert call(hosts[new], "Promote(.x)") == "done:"
    wait(hosts, **{new: "Backup"})
    assert hosts[old].records("SET the last") == [f"OK {last(hosts[old])}"]
    hosts[old].stop()
    wait(hosts, **{new: "Primary"})
    assert hosts[new].records(f"GET {last(hosts[new])}") == ["OK the last"]
    assert call(hosts[second], "Promote(.x)") == "done:"
    wait(hosts, **{second: "Backup"})
    hosts[old].start()
    wait(hosts, **{old: "Connected"})


def last(host: IrisHost) -> int:
    return int(host.records("LAST")[0].removeprefix("OK "))


def test_a_planned_failover_to_the_dr_members_and_back_loses_nothing(mirror: Hosts) -> None:
    mirror["a"].records("SET one", "SET two")

    switch_to(mirror, "c", "a", "d")
    assert [kind(mirror[name]) for name in MEMBERS] == ["Disaster Recovery", "Disaster Recovery", "Failover", "Failover"]

    switch_to(mirror, "a", "c", "b")
    assert [kind(mirror[name]) for name in MEMBERS] == ["Failover", "Failover", "Disaster Recovery", "Disaster Recovery"]


def test_promote_demotes_the_running_backup_at_once(mirror: Hosts) -> None:
    assert call(mirror["d"], "Promote(.x)") == "done:"
    wait(mirror, b="Connected", d="Backup")
    assert (kind(mirror["b"]), kind(mirror["d"])) == ("Disaster Recovery", "Failover")
    # And back.
    assert call(mirror["d"], "Demote()") == "done:"
    wait(mirror, d="Connected")
    assert call(mirror["b"], "Promote(.x)") == "done:"
    wait(mirror, b="Backup")


def test_what_is_no_dr_member_or_has_a_primary_is_not_promoted(mirror: Hosts) -> None:
    assert call(mirror["b"], "Promote(.x)") == "refused:"
    assert call(mirror["c"], "PromoteWithNoPartner(.x)") == "refused:"
    assert call(mirror["a"], "Demote()") == "refused:"
    assert [mirror[name].mirror_status() for name in MEMBERS] == ["Primary", "Backup", "Connected", "Connected"]


def test_one_that_cannot_be_demoted_is_in_the_way_of_promote_and_not_of_promote_with_partner(mirror: Hosts) -> None:
    cut(mirror["c"], "b")
    assert call(mirror["c"], "Promote(.x)") == "refused:TRAKB"
    assert call(mirror["c"], "PromoteWithPartner(.x)") == "done:TRAKB"
    wait(mirror, c="Backup")
    mirror["c"].host.run("sh", "-c", "ip route flush type blackhole")
    assert call(mirror["b"], "Promote(.x)") == "done:"
    wait(mirror, b="Backup", c="Connected")


def test_a_member_that_lags_says_by_how_much(mirror: Hosts) -> None:
    distance = "write ##class(SYS.Mirror).DistanceFromPrimaryJournalFiles(),!"
    latency = "write ##class(SYS.Mirror).JournalFilesLatency(),!"
    assert (mirror["c"].script(distance), mirror["c"].script(latency)) == ("1", "0")

    mirror["c"].put("/etc/fake-iris/hold", "")
    mirror["a"].records("SET not there yet")
    mirror["c"].host.wait_until("to lag", lambda: int(mirror["c"].script(distance)) > 1, 10)
    assert int(mirror["c"].script(latency)) >= 1
    assert last(mirror["c"]) == last(mirror["a"]) - 1

    mirror["c"].host.run("rm", "/etc/fake-iris/hold")
    mirror["c"].host.wait_until("to have all", lambda: mirror["c"].script(distance) == "1", 10)
    assert last(mirror["c"]) == last(mirror["a"])


def test_promoted_while_the_agents_answer_it_takes_the_journal_from_the_last_primary(mirror: Hosts) -> None:
    mirror["c"].put("/etc/fake-iris/hold", "")
    mirror["a"].records("SET only on a and b")
    wanted = last(mirror["a"])
    for name in ("b", "a"):
        mirror[name].kill()
    mirror["c"].host.run("rm", "/etc/fake-iris/hold")
    mirror["c"].wait_for_status("Waiting")
    assert last(mirror["c"]) == wanted - 1

    assert call(mirror["c"], "Promote(.x)") == "done:"
    wait(mirror, c="Primary")
    assert last(mirror["c"]) == wanted
    # Their agents have seen to it that they ask for their roles.
    for name in ("a", "b"):
        mirror[name].start()
    wait(mirror, a="Backup", b="Connected")
    mirror["c"].stop()
    wait(mirror, a="Primary")
    assert call(mirror["b"], "Promote(.x)") == "done:"
    mirror["c"].start()
    wait(mirror, b="Backup", c="Connected", d="Connected")


def test_former_members_that_are_not_told_to_ask_make_a_second_primary(mirror: Hosts) -> None:
    for name in ("a", "b"):
        mirror[name].host.crash()
    assert call(mirror["c"], "PromoteWithNoPartner(.x)") == "done:TRAKA,TRAKB"
    wait(mirror, c="Primary", d="Connected")
    mirror["c"].records("SET after the promotion")

    # HA 5.5: "Restarting ... without first setting ValidatedMember=0 may result in both ... acting as primary".
    for name in ("a", "b"):
        back(mirror[name])
    wait(mirror, a="Primary")
    assert (mirror["a"].mirror_status(), mirror["c"].mirror_status()) == ("Primary", "Primary")

    # They had written nothing yet: told to ask, they come back as members for disaster recovery.
    # Both are down before one of them asks: the other, still primary, would have it as its backup.
    for name in ("b", "a"):
        mirror[name].kill()
    for name in ("b", "a"):
        mirror[name].host.run("sed", "-i", "s/^ValidatedMember=1/ValidatedMember=0/", "/irissys/sys/iris.cpf")
        mirror[name].start()
    wait(mirror, a="Connected", b="Connected")
    assert last(mirror["a"]) == last(mirror["c"])
    assert call(mirror["a"], "Promote(.x)") == "done:"
    wait(mirror, a="Backup")
    mirror["c"].stop()
    wait(mirror, a="Primary")
    assert call(mirror["b"], "Promote(.x)") == "done:"
    mirror["c"].start()
    wait(mirror, b="Backup", c="Connected")


def back(host: IrisHost) -> None:
    """Powers a host on and starts its instance, without any mark of ours."""
    host.host.power_on()
    host.host.wait_until_up()
    host.host.run("sh", "-c", "systemctl start ISCAgent.service")
    host.start()


def test_one_with_records_that_the_new_primary_never_got_has_to_be_rebuilt(mirror: Hosts) -> None:
    for name in ("c", "d"):
        mirror[name].put("/etc/fake-iris/hold", "")
    mirror["a"].records("SET lost")
    for name in ("a", "b"):
        mirror[name].kill()
        mirror[name].host.run("systemctl", "stop", "ISCAgent.service")
        mirror[name].host.run("sed", "-i", "s/^ValidatedMember=1/ValidatedMember=0/", "/irissys/sys/iris.cpf")
    for name in ("c", "d"):
        mirror[name].host.run("rm", "/etc/fake-iris/hold")
    assert call(mirror["c"], "PromoteWithNoPartner(.x)") == "done:TRAKA,TRAKB"
    wait(mirror, c="Primary")
    mirror["a"].host.run("systemctl", "start", "ISCAgent.service")
    mirror["a"].start()

    mirror["a"].wait_for_status("Stopped")
    assert "its mirrored databases, must be rebuilt" in mirror["a"].messages()
