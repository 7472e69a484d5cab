"""Users of a host and their limits, by the real useradd, PAM and logind; and all steps that need no volumes together."""

import os

import pytest

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import THP, UNDO, run
from tests.bootstrap.single_steps import die_everywhere, leave, run_steps

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces", allow_module_level=True)


def test_a_second_run_and_another_start_change_nothing(lab: Lab, host: LabHost) -> None:
    steps = ("users", "limits", "kernel", "clock")
    run(lab, host, *steps)
    before = host.files().calm()
    again = run(lab, host, *steps)
    assert set(again.commands) == {"chronyc -c -n tracking"}
    leave(host)
    host.reboot()
    after = run(lab, host, *steps)
    assert (again.said, after.said) == ([], [])
    assert before.changes_to(host.files().calm()) == []


def test_after_any_command(lab: Lab, host: LabHost) -> None:
    look = f"""
        id irisowner; id irisusr; id --name --user iscagent
        cat /proc/sys/vm/nr_hugepages /proc/sys/vm/hugetlb_shm_group {THP}
        find /etc -name '*cdk-intersystems*'
    """
    description = lab.description("member", huge_pages=100)
    commands, seen = die_everywhere(host, description, "users", "limits", "kernel", undo=UNDO, look=look)
    assert {each.split()[0] for each in commands} == {"groupadd", "useradd", "systemctl", "sysctl"}
    assert set(seen) == {seen[-1]}
    assert seen[-1].splitlines()[:6] == [
        "uid=51773(irisowner) gid=51773(irisowner) groups=51773(irisowner)",
        "uid=52773(irisusr) gid=52773(irisusr) groups=52773(irisusr)",
        "iscagent",
        "100",
        "52773",
        "never",
    ]


def test_nobody_can_log_in_as_one_of_iris_s_users(lab: Lab, host: LabHost) -> None:
    run(lab, host, "users")
    for name in ("irisowner", "irisusr", "iscagent"):
        entry = host.run("getent", "passwd", name).output.strip().split(":")
        assert entry[-2:] == ["/nonexistent", "/usr/sbin/nologin"]
        assert host.run("getent", "shadow", name).output.split(":")[1] in ("!", "!!", "*")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "useradd --uid 51773 --gid 100 somebody",
            "the number 51773 of the user irisowner belongs to somebody: give that another one",
        ),
        ("groupadd --gid 52773 some", "the number 52773 of the group irisusr belongs to some: give that another one"),
        (
            "useradd --uid 1234 irisowner",
            "the group irisowner has the number 1234, and files on the volumes have 51773: remove it",
        ),
        (
            "groupadd --gid 51773 irisowner; useradd --uid 1234 --gid 51773 irisowner",
            "the user irisowner has the number 1234, and",
        ),
        (
            "groupadd --gid 52773 irisusr; useradd --uid 52773 --gid 100 irisusr",
            "the user irisusr has another group than irisusr",
        ),
    ],
)
def test_another_s_number_or_a_name_with_another_number_is_refused(lab: Lab, host: LabHost, command: str, said: str) -> None:
    host.run("sh", "-ec", command)
    assert run(lab, host, "users", check=False).failure.startswith(said)


@pytest.mark.parametrize(("role", "users"), [("arbiter", "iscagent"), ("web", "")])
def test_other_roles_get_only_what_they_run(lab: Lab, host: LabHost, role: str, users: str) -> None:
    run_steps(host, lab.description(role), "users")
    found = host.run("getent", "passwd", "irisowner", "irisusr", "iscagent", check=False).output
    assert [line.split(":")[0] for line in found.splitlines()] == users.split()


def test_sessions_of_iris_s_users_have_their_limits(lab: Lab, host: LabHost) -> None:
    run(lab, host, "users", "limits")
    asked = "ulimit -n; ulimit -u; ulimit -S -c; ulimit -H -c"
    files, processes, *core = host.run("su", "--shell", "/bin/bash", "irisusr", "--command", asked).output.split()
    assert core == ["0", "unlimited"]
    # Who may not raise a limit, as in many containers, at least tries to.
    tried = host.journal("--identifier=su")
    assert files == "65536" or "Could not set limit for 'nofile' to soft=65536, hard=65536: Operation not permitted" in tried
    assert processes == "unlimited" or "Could not set limit for 'nproc' to soft=-1, hard=-1: Operation not permitted" in tried


def remove_ipc(host: LabHost) -> str:
    where = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    return host.run("busctl", "get-property", *where, "RemoveIPC").output


def test_logind_leaves_shared_memory_alone_even_if_it_was_not_told_at_once(lab: Lab, host: LabHost) -> None:
    host.run("systemctl", "restart", "systemd-logind")
    assert remove_ipc(host) == "b true\n"
    description = lab.description("member")
    assert run_steps(host, description, "limits", die_after=0, check=False).status not in (0, 1)
    assert remove_ipc(host) == "b true\n"
    run_steps(host, description, "limits")
    assert remove_ipc(host) == "b false\n"
