"""The fake kit installs, refuses, starts and stops as InterSystems' documentation says."""

import json
import os
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts with systemd", allow_module_level=True)

from tests.bootstrap.fake_iris.hosts import PARAMETERS, IrisHost, lab

OS_LOG_IN = (
    "ModifySystem:Name=SYSTEM,AutheEnabled=$$$AutheOS+$$$AuthePassword\n"
    "ModifyService:Name=%Service_Terminal,AutheEnabled=$$$AutheOS+$$$AuthePassword\n"
)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IrisHost]:
    """A host with a kit on it that is not installed."""
    with lab(tmp_path_factory.mktemp("lab"), "n") as hosts:
        hosts["n"].prepare()
        hosts["n"].unpack()
        yield hosts["n"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IrisHost]:
    """A host that the kit is installed on."""
    with lab(tmp_path_factory.mktemp("lab"), "i") as hosts:
        hosts["i"].prepare()
        hosts["i"].install()
        hosts["i"].license()
        yield hosts["i"]


@pytest.fixture
def down(host: IrisHost) -> Iterator[IrisHost]:
    """The same, its instance not running and its CPF as installed."""
    before = host.host.run("cat", "/irissys/sys/iris.cpf").output
    yield host
    host.host.run("iris", "force", "IRIS")
    host.host.run("sh", "-c", "rm -f /irissys/sys/mgr/iris.ids; cat > /irissys/sys/iris.cpf", stdin=before)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"USER_PASSWORD": None}, "ISC_PACKAGE_USER_PASSWORD is required"),
        ({"USER_PASSWORD": None, "INITIAL_SECURITY": None}, "ISC_PACKAGE_USER_PASSWORD is required"),
        ({"USER_PASSWORD": "with blank"}, "spaces"),
        ({"CSPSYSTEM_PASSWORD": "back\\slash"}, "backslash"),
        ({"MGRUSER": "nobody-of-that-name"}, "MGRUSER"),
        ({"MGRGROUP": "no-such-group"}, "MGRGROUP"),
        ({"INSTALLDIR": None}, "INSTALLDIR is required"),
        ({"INSTALLDIR": "/home/iris"}, "cannot be the installation directory"),
        ({"WEB_CONFIGURE": None, "WEB_APACHE_CONF": "/nowhere"}, "no web server was detected"),
        ({"INITIAL_SECURITY": "Locked Down"}, "none of Minimal, Normal, LockedDown"),
        ({"WEBSERVER_PORT": "52773"}, "knows no ISC_PACKAGE_WEBSERVER_PORT"),
    ],
)
def test_parameters_that_are_refused(new: IrisHost, changes: dict[str, str | None], says: str) -> None:
    done = new.install(check=False, top=_top(new), **changes)

    assert (done.status, says in done.output) == (1, True), done
    assert not new.host.path("/irissys").exists()


def _top(host: IrisHost) -> str:
    return host.host.run("sh", "-c", "echo /tmp/kit/*x64 /tmp/kit/*arm64 | tr ' ' '\\n' | grep -v '[*]'").output.strip()


def test_a_kit_for_another_system_stops(new: IrisHost) -> None:
    done = new.install(check=False, top=new.unpack("/tmp/other", system="rh9"))
    assert (done.status, "this kit is for lnxrh9" in done.output) == (1, True)


def test_the_agent_s_installer_asks_unless_nobody_attends(new: IrisHost) -> None:
    unit = new.host.path("/etc/systemd/system/ISCAgent.service")

    assert new.install_agent(mode="", check=False).status == 1
    assert not unit.exists()
    new.install_agent(mode="", answers="1\nyes\n")
    assert unit.exists()
    unit.unlink()
    new.install_agent()
    assert unit.exists()
    assert new.host.run("systemctl", "is-enabled", "ISCAgent.service", check=False).output == "disabled\n"


def test_a_kit_below_home_does_not_install(new: IrisHost) -> None:
    done = new.install(check=False, top=new.unpack("/home/kit"))
    assert (done.status, "/home" in done.output) == (1, True)


def test_what_is_installed(host: IrisHost) -> None:
    stat = host.host.run(
        "stat",
        "-c",
        "%n %U:%G %a",
        "/irissys/sys",
        "/irissys/sys/mgr/journal",
        "/irissys/sys/iris.cpf",
        "/irissys/sys/bin/irisdb",
    ).output
    assert stat.splitlines() == [
        "/irissys/sys irisowner:irisusr 775",
        "/irissys/sys/mgr/journal irisowner:irisusr 775",
        "/irissys/sys/iris.cpf irisowner:irisusr 664",
        "/irissys/sys/bin/irisdb root:irisusr 2755",
    ]
    assert host.host.run("systemctl", "is-enabled", "ISCAgent.service", check=False).output.strip() == "disabled"
    assert host.host.path("/usr/local/etc/irissys/iris.reg").exists()
    assert host.is_down()


def test_secrets_are_in_no_log(host: IrisHost) -> None:
    (call,) = [call for call in host.calls() if call["program"] == "irisinstall_silent"]
    assert call["environment"]["ISC_PACKAGE_USER_PASSWORD"] == ""
    noted = json.dumps(host.calls()) + host.messages()
    assert all(PARAMETERS[name] not in noted for name in ("USER_PASSWORD", "CSPSYSTEM_PASSWORD"))


def test_starts_runs_as_its_owner_and_stops(down: IrisHost) -> None:
    down.start()

    fields = down.qlist()
    assert (len(fields), fields[3][:15], fields[8]) == (14, "running, since ", "ok")
    pid = str(down.seen()["pid"])
    assert down.host.run("ps", "-o", "euser:20=,egroup:20=", "-p", pid).output.split() == ["irisowner", "irisusr"]
    assert down.start(check=False).errors.strip().endswith("IRIS is already up!")

    assert down.owner("iris", "stop", "IRIS", check=False, stdin="").status == 1, "stops only if asked to, or quietly"
    down.stop()
    assert down.is_down()
    assert not down.host.path("/irissys/sys/mgr/iris.ids").exists()


def test_only_root_and_the_owner_start_it(down: IrisHost) -> None:
    done = down.host.run("runuser", "-u", "irisusr", "--", "iris", "start", "IRIS", "quietly", check=False)
    assert (done.status, "not allowed" in done.errors) == (1, True)


def test_what_root_started_and_crashed_the_owner_cannot_start(down: IrisHost) -> None:
    down.host.run("iris", "start", "IRIS", "quietly")
    down.host.run("kill", "-KILL", str(down.seen()["pid"]))
    down.host.wait_until("death", down.is_down)

    done = down.start(check=False)

    assert (done.status, "Permission denied" in done.errors) == (1, True)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[Actions]\nModifyConfig:MaxServers=4", "[Actions] is not supported"),
        ("[config]\nMaxServer=4", "unknown parameter MaxServer"),
        ("[config]\nMaxServers=255", "not in 0 to 254"),
        ("[config]\nmemlock=64", "required by memlock"),
        ("[config]\nwijdir=/nowhere/", "write image journal"),
        ("[Journal]\nFileSizeLimit=4079\n[config]\njrnbufs=64", "combined limit"),
        ("[Journal]\nCurrentDirectory=/nowhere/\nAlternateDirectory=/root/", "Neither the primary nor the alternate"),
    ],
)
def test_a_configuration_that_it_does_not_start_with(down: IrisHost, lines: str, says: str) -> None:
    down.host.run("sh", "-c", "cat >> /irissys/sys/iris.cpf", stdin=f"\n{lines}\n")

    done = down.start(check=False)

    assert (done.status, says in done.errors, says in down.messages()) == (1, True, True), done


def test_journals_to_the_alternate_directory_if_the_group_cannot_write_the_first(down: IrisHost) -> None:
    down.host.run(
        "sh",
        "-c",
        "mkdir -p /jrn1 /jrn2; chown irisowner:irisowner /jrn1; chown irisowner:irisusr /jrn2; chmod 775 /jrn1 /jrn2",
    )
    down.start("[Journal]\nCurrentDirectory=/jrn1/\nAlternateDirectory=/jrn2/\n")

    assert down.records("SET x") == ["OK 1"]
    assert [path.name for path in down.host.path("/jrn2").iterdir()], "the journal"
    assert not list(down.host.path("/jrn1").iterdir())


def test_huge_pages_are_used_if_there_are_enough(down: IrisHost) -> None:
    down.host.run("sh", "-c", "echo 429 > /proc/sys/vm/nr_hugepages")
    down.start("[config]\nglobals=0,0,100,0,0,0\n")
    assert "Failed to allocate 860MB shared memory using Huge Pages" in down.messages()
    down.stop()
    down.host.run("sh", "-c", "echo 430 > /proc/sys/vm/nr_hugepages")
    down.start()
    assert "Allocated 860MB shared memory using Huge Pages: 100MB global buffers" in down.messages()


def test_a_merge_file_that_is_not_there_does_not_stop_the_start(down: IrisHost) -> None:
    down.host.run("rm", "-f", "/etc/merge.cpf")
    done = down.owner("iris", "start", "IRIS", "quietly", environment="ISC_CPF_MERGE_FILE=/etc/merge.cpf")
    assert "Merge file /etc/merge.cpf does not exist" in done.output
    assert down.qlist()[3].startswith("running")


def test_a_failing_merge_does_not_stop_the_start_either(down: IrisHost) -> None:
    assert down.start("[config]\nMaxServers=9\nNoSuch=1\n").status == 0
    assert "unknown parameter NoSuch" in down.messages()
    assert "MaxServers=2\n" in down.host.run("cat", "/irissys/sys/iris.cpf").output


def test_merging_into_a_running_instance_needs_a_log_in(down: IrisHost) -> None:
    down.start()
    merge = ("iris", "merge", "IRIS", "/etc/running.cpf")
    down.put("/etc/running.cpf", "[config]\nMaxServerConn=7\n[Actions]\n" + OS_LOG_IN)

    refused = down.owner(*merge, check=False, stdin="irisowner\nwrong\n")
    assert (refused.status, "Access Denied" in refused.errors) == (1, True)
    assert down.owner(*merge, stdin=f"irisowner\n{PARAMETERS['USER_PASSWORD']}\n").status == 0

    # The operating system's user is enough now; root has no account.
    assert down.owner(*merge).status == 0
    assert down.host.run(*merge, check=False, stdin="").status == 1
    assert "MaxServerConn=7\n" in down.host.run("cat", "/irissys/sys/iris.cpf").output
    assert down.owner("iris", "merge", "IRIS", "/etc/not-there.cpf", check=False).status == 1


def test_its_routine_decides_when_it_becomes_primary(down: IrisHost) -> None:
    down.start_agent()
    down.set(scale=0.01)
    down.put("/usr/local/bin/asked", '#!/bin/sh\necho "$1" >>/tmp/asked\ntest ! -e /tmp/no\n', mode="755")
    asks = '$zf(-100,"","/usr/local/bin/asked","{}")'
    routine = f"""\
ROUTINE ZMIRROR
CheckBecomePrimaryOK() quit '{asks.format("CheckBecomePrimaryOK")}
NotifyBecomePrimary() set status={asks.format("NotifyBecomePrimary")} quit
"""
    down.put("/tmp/ZMIRROR.mac", routine, "irisowner")
    down.put("/tmp/no", "")
    down.put("/etc/mirror.cpf", "[Actions]\nConfigMirror:Name=TRAK,Member=primary,Primary=localhost\n", "irisowner")
    down.start(f"[Actions]\n{OS_LOG_IN}")
    assert down.script('write $system.OBJ.Load("/tmp/ZMIRROR.mac","ck")') == "1"

    with down.host.start("runuser", "-u", "irisowner", "--", "iris", "merge", "IRIS", "/etc/mirror.cpf"):
        down.wait_for_status("Transition")
        down.host.wait_until("the question", down.host.path("/tmp/asked").exists)
        down.host.run("rm", "/tmp/no")
    down.wait_for_status("Primary")
    asked = down.host.path("/tmp/asked")
    down.host.wait_until(
        "the notice", lambda: asked.read_text().split()[-2:] == ["CheckBecomePrimaryOK", "NotifyBecomePrimary"]
    )


def test_freezing_tells_by_its_exit_status(down: IrisHost) -> None:
    down.start("[Actions]\n" + OS_LOG_IN)
    freeze = ("iris", "terminal", "IRIS", "-U%SYS", '##Class(Backup.General).ExternalFreeze("/tmp/freeze.log",,,,,,600,,,300)')
    thaw = ("iris", "session", "IRIS", "-U%SYS", "##Class(Backup.General).ExternalThaw()")

    assert down.owner(*freeze, check=False).status == 5
    assert down.owner(*freeze, check=False).status == 3, "it is frozen already"
    assert down.owner(*thaw, check=False).status == 5
    assert down.owner("iris", "freeze", "IRIS", "timeout=600").status == 0
    assert down.owner("iris", "freeze", "IRIS", check=False).status == 1
    assert down.owner("iris", "thaw", "IRIS").status == 0


def test_installing_over_an_instance_that_was_there_uses_its_files(host: IrisHost) -> None:
    """A host that was replaced: the volume is the old one, the rest of the system is new."""
    host.host.run("sh", "-c", "rm -r /usr/local/etc/irissys; sed -i s/MaxServers=2/MaxServers=33/ /irissys/sys/iris.cpf")

    host.install()

    assert "MaxServers=33\n" in host.host.run("cat", "/irissys/sys/iris.cpf").output
    assert "mirroring" in host.host.run("cat", "/irissys/sys/mgr/iris.key").output
    host.start()
    host.stop()
    host.put("/irissys/sys/mgr/iris.key", "expired\n")
    done = host.install(check=False)
    assert (done.status, "license has expired" in done.output) == (1, True)
