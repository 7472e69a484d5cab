"""The kernel's settings, by the real sysctl; what it would set in the machine's kernel it sets in files of its own."""

import os

import pytest

from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.operating_system.hosts import THP, run
from tests.bootstrap.single_steps import leave, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces", allow_module_level=True)

SYSCTL = "/etc/sysctl.d/90-cdk-intersystems.conf"


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
