"""The kernel's settings: huge pages for IRIS's shared memory, no transparent ones, and when to swap."""

from __future__ import annotations

import grp
from pathlib import Path
from typing import TYPE_CHECKING

from .. import memory
from ..errors import StepError
from .restart import restart_after
from .users import IRISUSR

if TYPE_CHECKING:
    from ..context import Context

_SYSCTL = Path("/etc/sysctl.d/90-cdk-intersystems.conf")
_PROC = Path("/proc/sys")
_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")

_TUNED_UNIT = Path("/usr/lib/systemd/system/tuned.service")
_TUNED = Path("/etc/tuned")
_PROFILE = "cdk-intersystems"
#: virtual-guest is what tuned chooses for instances by itself.
_TUNED_PROFILE = """\
[main]
summary=virtual-guest, without transparent huge pages
include=virtual-guest

[vm]
transparent_hugepages=never
"""

#: Largest segment and total of System V shared memory. Source: UNIX, Linux, and macOS Installation, "Red Hat Linux Platform
#: Notes"; it is what today's kernels have by themselves.
_SHARED_MEMORY = 18446744073692774399

#: 1 from 64 GB of memory on, 5 below. Source: UNIX, Linux, and macOS Installation, "Set Swappiness". Linux sees some 3 % less
#: than the instance type has, so 60 GiB tell the two apart.
_LARGE_MEMORY_KIB = 60 * 1024 * 1024

_HUGE_PAGE_KIB = 2048
_PAGES = "vm.nr_hugepages"


def kernel(host: Context) -> None:
    """Sets the kernel up for IRIS.

    At a start systemd takes the huge pages early, before anything has broken the memory into small pieces. Where the memory
    of the host may change, those are the pages for the least there can be; what the memory it has now allows beyond them is
    taken here.

    Args:
        host: The host.

    Raises:
        StepError: The kernel gave fewer huge pages than IRIS's shared memory needs, or has none of 2 MiB.
    """
    values = _wanted(host)
    lines = [f"{key} = {value}\n" for key, value in values.items()]
    host.write(_SYSCTL, "# Written by cdk-host; changes are overwritten.\n" + "".join(lines))
    fitted = _fitted(host, values)
    if any(_now(key) != value for key, value in {**values, **fitted}.items()):
        host.run(["sysctl", "--quiet", f"--load={_SYSCTL}"], check=False)
        for key, value in fitted.items():
            host.run(["sysctl", "--quiet", "--write", f"{key}={value}"], check=False)
    _switch_thp_off(host)
    for key, value in fitted.items():
        given = _now(key)
        if int(given) < int(value):
            host.log(f"the kernel gave {given} of {value} huge pages: IRIS gets the sizes for less memory")
    _verify({key: value for key, value in values.items() if key not in fitted or int(_now(key)) < int(value)})


def _fitted(host: Context, values: dict[str, str]) -> dict[str, str]:
    """What the memory that the host has now allows beyond the pages that are taken at each start."""
    choice = memory.for_memory(memory.choices(host.config(memory.FILE).parent), _meminfo("MemTotal"))
    if choice is None or choice.huge_pages <= int(values.get(_PAGES, "0")):
        return {}
    return {_PAGES: str(choice.huge_pages)}


def _wanted(host: Context) -> dict[str, str]:
    swappiness = 1 if _meminfo("MemTotal") >= _LARGE_MEMORY_KIB else 5
    values = {
        "vm.swappiness": str(swappiness),
        "kernel.shmmax": str(_SHARED_MEMORY),
        "kernel.shmall": str(_SHARED_MEMORY),
    }
    pages = host.description.huge_pages
    if pages:
        found = _meminfo("Hugepagesize")
        if found != _HUGE_PAGE_KIB:
            raise StepError(
                f"this kernel's huge pages are {found} KiB each and {_HUGE_PAGE_KIB} are needed: use a kernel with small pages"
            )
        # IRIS gets its huge pages as root (Installation Guide, "Why InterSystems IRIS Installation Uses Root"). The group is
        # for a release that doesn't: with memlock 64 it would not start.
        values["vm.hugetlb_shm_group"] = str(grp.getgrnam(IRISUSR).gr_gid)
        values[_PAGES] = str(pages)
    return values


def _now(key: str) -> str:
    return (_PROC / key.replace(".", "/")).read_text(encoding="ascii").strip()


def _meminfo(name: str) -> int:
    return memory.meminfo(name, Path("/proc/meminfo").read_text(encoding="ascii"))


def _verify(values: dict[str, str]) -> None:
    for key, value in values.items():
        found = _now(key)
        if key == _PAGES and found.isdigit() and int(found) < int(value):
            raise StepError(
                f"the kernel gave {found} of {value} huge pages: reboot, they are taken first then; if that doesn't help, the "
                "instance type has too little memory"
            )
        if found != value:
            raise StepError(f"{key} is {found} after it was set to {value}: look for what else sets it, in /etc/sysctl.d")


def _switch_thp_off(host: Context) -> None:
    """Transparent huge pages off. Source: System Resource Planning and Management, "Configuring Huge Pages on Linux".

    The kernel forgets it at each start, and IRIS starts after this step. Nothing is said about it, since nothing was amiss.
    """
    if not _THP.exists():
        return
    _tell_tuned(host)
    if not _is_off():
        _THP.write_text("never\n", encoding="ascii")
    if not _is_off():
        raise StepError(f"{_THP} stays at {_THP.read_text(encoding='ascii').strip()} although never was written to it")


def _is_off() -> bool:
    shown = _THP.read_text(encoding="ascii").strip()
    return shown == "never" or "[never]" in shown


def _tell_tuned(host: Context) -> None:
    """RHEL's tuned would switch them on again, with any of its profiles for servers: it gets one of our own."""
    if not _TUNED_UNIT.exists():
        return
    # Newer releases have a folder more, for their profiles and for ours.
    folder = _TUNED / "profiles" if Path("/usr/lib/tuned/profiles").is_dir() else _TUNED
    contents = {
        folder / _PROFILE / "tuned.conf": _TUNED_PROFILE,
        _TUNED / "active_profile": f"{_PROFILE}\n",
        _TUNED / "profile_mode": "manual\n",
    }

    def write() -> bool:
        changed = [path for path, text in contents.items() if host.write(path, text)]
        return bool(changed)

    restart_after(host, "tuned.service", write)
