"""The shared memory of a member whose instance type changes while nobody renders its bundle: a promotion raises it.

Pure. `memory.json` of the bundle has the sizes for each amount of memory; `bootstrap/host/memory.py` takes the one that fits.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .memory import SharedMemory

#: The file of a member's bundle.
FILE = "memory.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChoice:
    """The shared memory for hosts with so much memory, or more.

    Args:
        memory_mib: Memory of the instance type, in MiB.
        memory: The sizes.
    """

    memory_mib: int
    memory: SharedMemory

    def settings(self) -> dict[str, str]:
        """The keys of `[config]` that follow from the memory, as a configuration file has them.

        Those that members of a mirror must have alike, MaxServers and MaxServerConn, are not among them.
        """
        return {
            "globals": f"0,0,{self.memory.globals_mb},0,0,0",
            "routines": str(self.memory.routines_mb),
            "gmheap": str(self.memory.gmheap_kb),
            "jrnbufs": str(self.memory.jrnbufs_mb),
        }


def memory_files(choices: Sequence[MemoryChoice]) -> dict[str, str]:
    """The file with the choices; none where there is nothing to choose.

    Args:
        choices: The choices, in any order.
    """
    by_memory = {each.memory_mib: each for each in choices}
    if len(by_memory) < 2:
        return {}
    described = [
        {"memory_mib": memory_mib, "huge_pages": each.memory.huge_pages, "config": each.settings()}
        for memory_mib, each in sorted(by_memory.items())
    ]
    return {FILE: json.dumps(described, indent=2, sort_keys=True) + "\n"}
