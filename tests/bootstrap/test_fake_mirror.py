"""A mirror of fakes forms with TLS, fails over, and doesn't where InterSystems' documentation says that it doesn't."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts with systemd", allow_module_level=True)

from tests.bootstrap.fake_iris.hosts import IrisHost, lab, make_authority, prepare_all
from tests.bootstrap.test_fake_kit import OS_LOG_IN

_COMMON = f"[config]\nMaxServers=4\nglobals=0,0,100,0,0,0\n[Actions]\n{OS_LOG_IN}"
_MIRROR = "ConfigMirror:Name=TRAK,SSLDir=/etc/iris-tls,ArbiterURL=arb:2188,"
_DATABASE = (
    "CreateResource:Name=%DB_APP\n"
    "CreateDatabase:Name=APP,Directory=/irissys/sys/app,ResourceName=%DB_APP,MirrorSetName=TRAK,MirrorDBName=APP\n"
    "CreateNamespace:Name=APP,Globals=APP\n"
)
CREATE = f"{_COMMON}{_MIRROR}Member=primary,Primary=localhost,SystemName=TRAKA,UseSSL=1\n{_DATABASE}"
JOIN = f"{_COMMON}{_MIRROR}Member={{member}},Primary=a,SystemName={{name}}\n{_DATABASE}"

Hosts = dict[str, IrisHost]


def pending(primary: IrisHost) -> list[str]:
    """Distinguished names that wait for authorization."""
    return primary.script(
        'set rows=##class(%ResultSet).%New("SYS.Mirror:PendingNewMembers"),status=rows.Execute("TRAK")',
        'while rows.Next() { write rows.Get("SSLComputerName"),! }',
    ).splitlines()


def authorize(primary: IrisHost, name: str) -> str:
    return primary.script(
        f'set status=##class(SYS.Mirror).AuthorizePendingMembers("{name}")',
        'write $select($system.Status.IsOK(status):"done",1:$system.Status.GetErrorText(status)),!',
    )


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Members a, b and dr, and the arbiter arb; a has created the mirror, nobody has joined."""
    authority: Path = tmp_path_factory.mktemp("ca")
    make_authority(authority)
    with lab(tmp_path_factory.mktemp("lab"), "a", "b", "dr", "arb") as made:
        prepare_all(made, authority, agents=("a", "b", "dr"), arbiter="arb")
        made["a"].start(CREATE)
        yield made


@pytest.fixture(scope="module")
def formed(hosts: Hosts) -> Hosts:
    """All have joined."""
    for name, member in (("b", "backup"), ("dr", "drasync")):
        if hosts[name].is_down():
            hosts[name].start(JOIN.format(member=member, name=f"TRAK{name.upper()}"))
        authorize(hosts["a"], f"CN={name.upper()}, O=Test")
    return hosts


@pytest.fixture
def mirror(formed: Hosts) -> Hosts:
    """a is primary, b its active backup, dr connected, and the arbiter controls."""
    for name in ("a", "b", "dr"):
        host = formed[name]
        host.host.run("sh", "-c", "ip route flush type blackhole")
        host.host.plug_in()
        host.host.run("systemctl", "start", "ISCAgent.service")
        if host.is_down():
            host.start()
    formed["arb"].host.run("systemctl", "start", "ISCAgent.service")
    if formed["b"].mirror_status() == "Primary":
        wait_until_calm(formed, "b", "a")
        formed["b"].stop()
        formed["b"].start()
    wait_until_calm(formed, "a", "b")
    return formed


def wait_until_calm(hosts: Hosts, primary: str, backup: str) -> None:
    def calm() -> bool:
        if [hosts[name].mirror_status() for name in (primary, backup, "dr")] != ["Primary", "Backup", "Connected"]:
            return False
        seen = [hosts[name].seen()["mirror"] for name in (primary, backup)]
        return all(each["mode"] == "Arbiter Controlled" for each in seen) and seen[1]["active"]

    hosts[primary].host.wait_until("a calm mirror", calm, 30)


def cut(one: IrisHost, *others: str) -> None:
    """Cuts a host off from some others."""
    for other in others:
        one.host.run("sh", "-c", f"ip route add blackhole $(getent hosts {other} | cut -d' ' -f1)")


# Forming


def test_a_joiner_waits_until_its_name_is_authorized(hosts: Hosts) -> None:
    hosts["b"].start(JOIN.format(member="backup", name="TRAKB"))

    hosts["b"].wait_for_status("Waiting")
    assert hosts["b"].qlist()[10:12] == ["Failover", "Waiting"]
    assert pending(hosts["a"]) == ["CN=B, O=Test"]
    assert authorize(hosts["a"], "CN=X, O=Test") == "ERROR #5001: CN=X, O=Test is not in the pending list"
    assert authorize(hosts["a"], "CN=B,O=Test") == "done"
    hosts["b"].wait_for_status("Backup")
    assert pending(hosts["a"]) == []


def test_a_member_may_need_a_restart_after_it_has_joined(hosts: Hosts) -> None:
    hosts["dr"].set(restart_after_joining=True)
    hosts["dr"].start(JOIN.format(member="drasync", name="TRAKDR"))
    assert authorize(hosts["a"], "CN=DR, O=Test") == "done"
    time.sleep(0.3)
    assert hosts["dr"].mirror_status() == "Waiting"

    hosts["dr"].stop()
    hosts["dr"].start()

    hosts["dr"].wait_for_status("Connected")


def test_the_pending_list_is_the_primary_s(hosts: Hosts, formed: Hosts) -> None:
    assert "primary mirror member" in authorize(formed["b"], "CN=X, O=Test")


def test_configuring_it_again_changes_nothing(mirror: Hosts) -> None:
    before = mirror["b"].host.run("cat", "/irissys/sys/iris.cpf").output
    mirror["b"].put(
        "/etc/again.cpf", JOIN.format(member="backup", name="OTHER").replace("arb:2188", "elsewhere:2188"), "irisowner"
    )

    assert mirror["b"].owner("iris", "merge", "IRIS", "/etc/again.cpf").status == 0

    assert mirror["b"].host.run("cat", "/irissys/sys/iris.cpf").output == before


def test_what_each_says_of_itself(mirror: Hosts) -> None:
    assert [mirror[name].qlist()[10:12] for name in ("a", "b", "dr")] == [
        ["Failover", "Primary"],
        ["Failover", "Backup"],
        ["Disaster Recovery", "Connected"],
    ]
    assert mirror["b"].script("write $system.Mirror.IsMember(),$system.Mirror.IsPrimary(),$system.Mirror.IsBackup(),!") == "101"
    assert mirror["dr"].script("write $system.Mirror.IsMember(),$system.Mirror.GetStatus(),!") == "2CONNECTED"
    assert (
        mirror["a"].script('write $lg($system.Mirror.GetMemberStatus("TRAK"),1),$system.Mirror.MirrorName(),!') == "PrimaryTRAK"
    )
    assert mirror["b"].script("write $lg(##class(SYS.Mirror).IsFailoverReady(),1),!") == "1"


def test_its_record_of_the_mirror_has_the_documented_fields(mirror: Hosts) -> None:
    lines = dict(
        line.split("=", 1) for line in mirror["dr"].host.run("cat", "/irissys/sys/iris.cpf").output.splitlines() if "=" in line
    )
    assert lines["TRAK"].split(",")[4:] == ["8000", "0", "1", "", "0", "arb|2188", "0", "0", "0", "0", "0"]
    fields = lines["TRAKB"].split(",")
    assert [fields[place] for place in (0, 1, 3, 5, 6, 7, 8)] == ["b", "2188", "b", "/irissys/sys/", "0", "b", "1972"]
    assert (lines["JoinMirror"], lines["SystemName"], lines["AsyncMemberType"], lines["ValidatedMember"]) == (
        "1",
        "TRAKDR",
        "0",
        "1",
    )


# Records


def test_an_acknowledged_record_is_on_every_member(mirror: Hosts) -> None:
    (answer,) = mirror["a"].records("SET kept")
    number = answer.removeprefix("OK ")

    assert mirror["b"].records(f"GET {number}") == ["OK kept"]
    mirror["dr"].host.wait_until("the record", lambda: mirror["dr"].records(f"GET {number}") == ["OK kept"])
    assert mirror["b"].records("SET no") == mirror["dr"].records("SET no") == ["ERROR <PROTECT>"]


def test_a_write_is_not_acknowledged_before_the_active_backup_has_it_or_is_lost(mirror: Hosts) -> None:
    mirror["b"].host.run("kill", "-STOP", str(mirror["b"].seen()["pid"]))

    (answer,) = mirror["a"].records("SET held")

    assert answer.startswith("OK ")
    assert "TRAKB" not in mirror["a"].seen()["mirror"]["connected"]
    mirror["b"].host.run("kill", "-CONT", str(mirror["b"].seen()["pid"]))
    mirror["b"].host.wait_until("the record", lambda: mirror["b"].records(f"GET {answer[3:]}") == ["OK held"])


# Failing over


def test_the_backup_takes_over_from_a_primary_that_died(mirror: Hosts) -> None:
    (answer,) = mirror["a"].records("SET before")

    mirror["a"].kill()
    mirror["b"].wait_for_status("Primary")

    assert mirror["b"].records(f"GET {answer.removeprefix('OK ')}", "SET after")[0] == "OK before"
    assert "Becoming primary mirror server" in mirror["b"].messages()
    mirror["dr"].wait_for_status("Connected")
    mirror["a"].start()
    mirror["a"].wait_for_status("Backup")
    assert mirror["a"].records("LAST") == mirror["b"].records("LAST")


def test_a_primary_that_is_stopped_has_the_backup_take_over(mirror: Hosts) -> None:
    mirror["a"].stop()
    mirror["b"].wait_for_status("Primary")
    assert "Primary has requested that this member take over" in mirror["b"].messages()


def test_no_failover_keeps_the_backup_back(mirror: Hosts) -> None:
    mirror["a"].stop("nofailover")
    mirror["b"].wait_for_status("Waiting")
    assert "No failover is set: TRAKA has to be the primary" in mirror["b"].messages()

    mirror["a"].start()
    wait_until_calm(mirror, "a", "b")


def test_an_isolated_primary_stays_in_trouble_and_is_forced_down_later(mirror: Hosts) -> None:
    mirror["a"].host.unplug()
    mirror["b"].wait_for_status("Primary")
    mirror["a"].wait_for_status("In Trouble")
    assert mirror["a"].records("SET lost", seconds=1) == [], "nothing is acknowledged"

    mirror["a"].host.plug_in()
    mirror["a"].host.wait_until("being down", mirror["a"].is_down)

    assert mirror["b"].mirror_status() == "Primary"
    mirror["a"].start()
    mirror["a"].wait_for_status("Backup")
    assert "ERROR <UNDEFINED>" in mirror["a"].records(f"GET {int(mirror['b'].records('LAST')[0].split()[1]) + 1}")


def test_losing_only_each_other_fails_nothing_over(mirror: Hosts) -> None:
    cut(mirror["a"], "b")
    cut(mirror["b"], "a")
    mirror["a"].host.wait_until("the loss", lambda: "TRAKB" not in mirror["a"].seen()["mirror"]["connected"])
    mirror["a"].wait_for_status("Primary")
    assert mirror["a"].records("SET alone")[0].startswith("OK ")
    assert mirror["b"].mirror_status() != "Primary"
    assert mirror["a"].seen()["mirror"]["mode"] == "Agent Controlled"


def test_without_arbiter_the_loss_of_the_primary_s_host_is_not_taken_over(mirror: Hosts) -> None:
    mirror["arb"].host.run("systemctl", "stop", "ISCAgent.service")
    mirror["a"].host.wait_until("agent control", lambda: mirror["b"].seen()["mirror"]["mode"] == "Agent Controlled")
    assert mirror["a"].mirror_status() == "Primary"

    mirror["a"].host.unplug()

    mirror["b"].wait_for_status("Waiting")
    assert "Failed to contact agent on former primary, can't take over" in mirror["b"].messages()
    mirror["a"].wait_for_status("Primary")


def test_without_arbiter_the_agent_confirms_that_the_primary_s_instance_is_down(mirror: Hosts) -> None:
    mirror["arb"].host.run("systemctl", "stop", "ISCAgent.service")
    mirror["a"].host.wait_until("agent control", lambda: mirror["b"].seen()["mirror"]["mode"] == "Agent Controlled")

    mirror["a"].kill()

    mirror["b"].wait_for_status("Primary")


def test_all_connections_lost_at_once_stop_the_primary_until_the_backup_is_back(mirror: Hosts) -> None:
    for name in ("a", "b"):
        mirror[name].host.unplug()
    mirror["a"].wait_for_status("In Trouble")
    mirror["b"].wait_for_status("Waiting")
    assert mirror["a"].mirror_status() == "In Trouble"

    for name in ("a", "b"):
        mirror[name].host.plug_in()

    mirror["a"].wait_for_status("Primary")
    mirror["b"].wait_for_status("Backup")


def test_a_member_alone_does_not_become_primary_after_a_restart(mirror: Hosts) -> None:
    mirror["b"].host.unplug()
    mirror["a"].host.wait_until("the loss", lambda: "TRAKB" not in mirror["a"].seen()["mirror"]["connected"])
    mirror["a"].wait_for_status("Primary")

    mirror["a"].stop()
    mirror["a"].start()

    mirror["a"].wait_for_status("Waiting")
    mirror["b"].host.plug_in()
    mirror["a"].host.wait_until("a primary", lambda: "Primary" in [mirror[name].mirror_status() for name in ("a", "b")])


def test_another_number_of_servers_keeps_the_backup_from_taking_over(mirror: Hosts) -> None:
    cpf = "/irissys/sys/iris.cpf"
    mirror["b"].stop()
    mirror["b"].host.run("sed", "-i", "s/MaxServers=4/MaxServers=5/", cpf)
    mirror["b"].start()
    wait_until_calm(mirror, "a", "b")

    mirror["a"].kill()

    mirror["b"].wait_for_status("Waiting")
    assert "Automatic failover does not occur" in mirror["b"].messages()
    mirror["b"].stop()
    mirror["b"].host.run("sed", "-i", "s/MaxServers=5/MaxServers=4/", cpf)


def test_members_of_other_certificates_are_not_let_in(mirror: Hosts, tmp_path: Path) -> None:
    """A certificate with the right name, of another authority."""
    stranger, ours = tmp_path / "ca", mirror["a"].host.run("cat", "/etc/iris-tls/CAFile.pem").output
    make_authority(stranger)
    mirror["b"].stop()
    names = ("CertificateFile.pem", "PrivateKeyFile.pem")
    before = {name: mirror["b"].host.run("cat", f"/etc/iris-tls/{name}").output for name in names}
    mirror["b"].certificate(stranger, "B")
    theirs = (stranger / "CAFile.pem").read_text()
    mirror["b"].put("/etc/iris-tls/CAFile.pem", ours + theirs, "irisowner", "600")

    mirror["b"].start()
    mirror["b"].wait_for_status("Waiting")

    mirror["b"].stop()
    for name, text in {**before, "CAFile.pem": ours}.items():
        mirror["b"].put(f"/etc/iris-tls/{name}", text, "irisowner", "600")
    mirror["b"].start()
    mirror["b"].wait_for_status("Backup")
