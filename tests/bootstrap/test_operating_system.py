"""Users, limits, kernel and clock of a host, with a real systemd, useradd, sysctl and chronyd."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, die_everywhere, leave, run_steps, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces", allow_module_level=True)

THP = "/sys/kernel/mm/transparent_hugepage/enabled"
SYSCTL = "/etc/sysctl.d/90-cdk-intersystems.conf"
IMPATIENT = {"clock.SECONDS": 3}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


#: Undoes what the steps do, and the tests.
UNDO = f"""(
for name in irisowner irisusr iscagent somebody; do userdel $name; groupdel $name; done; groupdel some
find /etc -name '*cdk-intersystems*' -delete; find /usr/local/sbin -type f ! -name udevadm -delete
sysctl --write vm.nr_hugepages=0 vm.hugetlb_shm_group=0 vm.swappiness=60; echo madvise > {THP}; rm -rf /run/cdk-intersystems
systemctl reset-failed systemd-logind chrony
) > /dev/null 2>&1; true"""


def new_host(lab: Lab, number: int, operating_system: str) -> LabHost:
    description = lab.description("member", operating_system=operating_system)
    host = lab.host(name=operating_system, address=f"10.20.1.{number}", description=description, user_data=b"")
    host.boot()
    return host


@pytest.fixture(scope="module")
def ubuntu(lab: Lab) -> Iterator[LabHost]:
    made = new_host(lab, 10, "ubuntu2404")
    yield made
    leave(made)


@pytest.fixture
def host(ubuntu: LabHost) -> Iterator[LabHost]:
    """A host on which nothing was done yet, as far as anything here can tell."""
    yield ubuntu
    ubuntu.run("sh", "-c", UNDO)
    ubuntu.run("sh", "-c", "systemctl disable --now chrony; rm -f /etc/chrony/chrony.conf", check=False)


@pytest.fixture(scope="module")
def rhel(lab: Lab) -> Iterator[LabHost]:
    made = new_host(lab, 11, "rhel9")
    yield made
    leave(made)


def run(lab: Lab, host: LabHost, *steps: str, check: bool = True, **changes: Any) -> Ran:
    description = lab.description("member", **{"huge_pages": 100, **changes})
    return run_steps(host, description, *steps, changed=IMPATIENT, check=check)


# All of them


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


# Users


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


# Limits


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


# Kernel


def test_the_kernel_has_its_settings_now_and_at_each_start(lab: Lab, host: LabHost) -> None:
    run(lab, host, "users", "kernel")
    total = int(host.run("awk", "/MemTotal/ {print $2}", "/proc/meminfo").output)
    wanted = {
        "vm.swappiness": "1" if total >= 60 * 1024 * 1024 else "5",
        "kernel.shmmax": "18446744073692774399",
        "kernel.shmall": "18446744073692774399",
        "vm.hugetlb_shm_group": "52773",
        "vm.nr_hugepages": "100",
    }
    assert host.run("sysctl", *wanted).output == "".join(f"{key} = {value}\n" for key, value in wanted.items())
    assert host.run("cat", THP).output == "never\n"
    leave(host)
    host.reboot()
    # Huge pages come by systemd, before anything has broken the memory into pieces.
    host.run("/lib/systemd/systemd-sysctl")
    assert host.run("cat", "/proc/sys/vm/nr_hugepages").output == "100\n"
    assert run(lab, host, "kernel").log == []
    assert host.run("cat", THP).output == "never\n"


def test_a_host_without_iris_gets_no_huge_pages(lab: Lab, host: LabHost) -> None:
    run(lab, host, "users", "kernel", huge_pages=0)
    assert "huge" not in host.path(SYSCTL).read_text()


def test_too_few_huge_pages_are_told(lab: Lab, host: LabHost) -> None:
    run(lab, host, "users")
    # What a kernel does whose memory is in small pieces: it gives what it can.
    gives = '#!/bin/sh\n/usr/sbin/sysctl "$@"\necho 63 > /proc/sys/vm/nr_hugepages\n'
    write_program(host, "sysctl", gives)
    said = run(lab, host, "kernel", check=False).failure
    assert said == (
        "the kernel gave 63 of 100 huge pages: reboot, they are taken first then; if that doesn't help, the instance type has "
        "too little memory"
    )
    host.path("/usr/local/sbin/sysctl").unlink()
    run(lab, host, "kernel")


def test_settings_that_something_else_holds_are_told(lab: Lab, host: LabHost) -> None:
    write_program(host, "sysctl", "#!/bin/sh\n")
    said = run(lab, host, "users", "kernel", check=False).failure
    assert said.startswith("vm.swappiness is 60 after it was set to ")


# It applies the profile that is active, as tuned does when it starts: those for servers switch transparent huge pages on.
TUNED = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'profile=$(cat /etc/tuned/active_profile 2> /dev/null || echo virtual-guest); \
  sed -n s/transparent_hugepages=//p /etc/tuned/$profile/tuned.conf > {thp}'
[Install]
WantedBy=multi-user.target
"""


def test_tuned_of_rhel_does_not_switch_transparent_huge_pages_on_again(lab: Lab, rhel: LabHost) -> None:
    rhel.path("/etc/tuned/virtual-guest").mkdir(parents=True)
    rhel.path("/etc/tuned/virtual-guest/tuned.conf").write_text("[vm]\ntransparent_hugepages=always\n")
    rhel.path("/usr/lib/systemd/system/tuned.service").write_text(TUNED.format(thp=THP))
    rhel.run("systemctl", "enable", "--now", "tuned")
    assert rhel.run("cat", THP).output == "always\n"
    run(lab, rhel, "users", "kernel", operating_system="rhel9")
    leave(rhel)
    rhel.reboot()
    assert rhel.run("cat", THP).output == "never\n"
    assert run(lab, rhel, "kernel", operating_system="rhel9").said == []


# Clock


def test_chrony_has_amazon_s_time_alone_on_ubuntu(lab: Lab, host: LabHost) -> None:
    check_chrony(lab, host, "ubuntu2204")


def test_chrony_has_amazon_s_time_alone_on_rhel(lab: Lab, rhel: LabHost) -> None:
    check_chrony(lab, rhel, "rhel10")


def check_chrony(lab: Lab, host: LabHost, operating_system: str) -> None:
    run(lab, host, "clock", operating_system=operating_system)
    sources = host.run("chronyc", "-c", "-n", "sources").output.splitlines()
    assert [line.split(",")[2] for line in sources] == ["169.254.169.123"]
    leave(host)
    host.reboot()
    assert run(lab, host, "clock", operating_system=operating_system).said == []


def test_chrony_is_told_even_if_that_was_interrupted(lab: Lab, host: LabHost) -> None:
    host.path("/etc/chrony/chrony.conf").write_text("server 10.20.99.99\n")
    host.run("systemctl", "start", "chrony")
    description = lab.description("member")
    assert run_steps(host, description, "clock", die_after=0, check=False).status not in (0, 1)
    run_steps(host, description, "clock")
    assert host.run("chronyc", "-c", "-n", "sources").output.split(",")[2] == "169.254.169.123"


def test_a_clock_that_is_not_synchronised_is_told_and_repaired(lab: Lab, host: LabHost) -> None:
    lab.clock.answers = False
    try:
        said = run(lab, host, "clock", check=False).failure
    finally:
        lab.clock.answers = True
    assert said == "the clock is not synchronised with 169.254.169.123 after 3 s: see chronyc sources"
    run_steps(host, lab.description("member"), "clock")


def test_a_clock_that_is_off_is_told(lab: Lab, host: LabHost) -> None:
    run(lab, host, "clock")
    lab.clock.ahead = 7.0
    try:
        host.run("chronyc", "burst", "4/4")
        host.wait_until("chrony to notice", lambda: ",7.0" in host.run("chronyc", "-c", "-n", "tracking").output)
        said = run(lab, host, "clock", check=False).failure
    finally:
        lab.clock.ahead = 0.0
    assert said == (
        "the clock is 7.0 s off, and chrony only slews it: with IRIS stopped run chronyc makestep, then cdk-host prepare"
    )
