"""How the memory of a host is divided: IRIS's shared memory, the huge pages that hold it, and what is left for the rest.

IRIS's documentation gives a formula for the shared memory of an instance, the defaults of its parts, and what parallel
dejournaling needs. It says only that "a significant portion" of the memory goes to the database cache: the shares here are
this library's policy, and a deployment that has measured better ones replaces them.

- On a failover member shared memory gets 70 % of the instance type's memory, on an application server 50 %: there the
  application's processes run, each with memory of its own, and the cache holds only what came over ECP.
- At least 2 GiB stay outside shared memory whatever the share: operating system, agents, IRIS's processes. EC2's figure is
  2 to 3 % more than Linux sees (firmware, kernel), which also comes out of this rest.
- Routine cache, shared memory heap and journal buffers have the sizes that IRIS chooses by itself, or what parallel
  dejournaling needs; all that remains is database cache.
- An instance type whose database cache would be under 512 MB is refused.

Huge pages are 2 MiB each (`Hugepagesize` of `/proc/meminfo`: true of x86-64, and of arm64 with pages of 4 KiB, the default
of RHEL 9 and 10 and of Ubuntu). An arm64 kernel with pages of 64 KiB has huge pages of 512 MiB, which these numbers don't fit.

Never run on a licensed IRIS: `grep "Huge Pages" messages.log` on the first start shows what was allocated, and IRIS may
enlarge the shared memory heap by itself on a host with many CPUs. That is what the cushion is for.
"""

from dataclasses import dataclass
from typing import Final, Literal

HostRole = Literal["member", "application_server"]

#: Policy, see above: percent of the memory that huge pages may take.
_PERCENT: Final[dict[HostRole, int]] = {"member": 70, "application_server": 50}

#: Policy: least memory outside of huge pages, and least database cache.
LEAST_REST_MIB: Final = 2048
LEAST_GLOBALS_MB: Final = 512

#: The pool is cut in steps of this, so that with more memory no part of it ever gets smaller by rounding.
_STEP_MIB: Final = 64

HUGE_PAGE_MIB: Final = 2

#: Huge pages beyond the formula: "slightly greater than the shared memory allocation".
#: Source: System Resource Planning and Management, "Configuring Huge and Large Pages". The size is policy.
_CUSHION_MIB: Final = 64
_CUSHION_DIVISOR: Final = 100

#: Source: System Resource Planning and Management, "Estimating Shared Memory Total": MB of its own, and for a connection.
_FIXED_MB: Final = 300
_ECP_CONNECTION_MB: Final = 2

#: Source: Configuration Parameter File Reference, jrnbufs, default. More loses more in a crash.
JRNBUFS_MB: Final = 64

#: Source: the same, routines: smallest and largest that IRIS chooses by itself, and its share of the cache.
_ROUTINES_MB: Final = (80, 1020)
_ROUTINES_DIVISOR: Final = 10

#: Source: the same, gmheap: smallest and largest that IRIS chooses by itself (KB), and its share of the cache.
_GMHEAP_KB: Final = (307_200, 2_097_000)
_GMHEAP_PERCENT: Final = 3

#: Source: System Resource Planning and Management, "System Requirements for Parallel Dejournaling": heap for each updater;
#: 2 updaters with 8 CPUs, then one for every 3 CPUs, 16 at most.
_UPDATER_KB: Final = 200 * 1024
_UPDATERS_FROM_CPUS: Final = 8
_CPUS_PER_UPDATER: Final = 3
MOST_UPDATERS: Final = 16

#: `MaxServers` of every instance: how many ECP data servers it may call. It is the same everywhere, because automatic failover
#: does not occur between members that differ in it (Configuration Parameter File Reference, MaxServers) and a change needs a
#: restart. An application server counts two for the two failover members of its mirror; the others are for the members a
#: mirror gets later, at 2 MB each.
MAX_SERVERS: Final = 8

#: Bit 64, LargePagesRequired: an instance that cannot have huge pages does not start, where it would otherwise take small
#: pages from a host whose memory lies in huge ones. It retries with a little less, so a small misestimate does not stop it.
#: Source: Configuration Parameter File Reference, memlock.
MEMLOCK: Final = 64

# Hundredths of the formula and KB of the heap in one unit, so that nothing is rounded before the end.
_UNITS: Final = 25_600


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMemory:
    """The shared memory of an instance.

    Args:
        globals_mb: Database cache for blocks of 8 KB, in MB.
        routines_mb: Routine cache, in MB.
        gmheap_kb: Shared memory heap, in KB.
        jrnbufs_mb: Journal buffers, in MB.
        max_servers: ECP data servers the instance may call (`MaxServers`).
        max_server_conn: ECP clients the instance admits (`MaxServerConn`).
    """

    globals_mb: int
    routines_mb: int
    gmheap_kb: int
    jrnbufs_mb: int
    max_servers: int
    max_server_conn: int

    @property
    def total_mb(self) -> int:
        """What the instance allocates by the documented formula, in MB, rounded up."""
        return -(-_total_units(self) // _UNITS)

    @property
    def huge_pages(self) -> int:
        """`vm.nr_hugepages` for it: the pages of the formula's total, and the cushion."""
        return -(-(self.total_mb + _cushion(self.total_mb)) // HUGE_PAGE_MIB)


def _total_units(memory: SharedMemory) -> int:
    connections = memory.max_servers + memory.max_server_conn
    return (
        (108 * memory.globals_mb + 102 * memory.routines_mb) * _UNITS // 100
        + memory.gmheap_kb * _UNITS // 1024
        + (memory.jrnbufs_mb + connections * _ECP_CONNECTION_MB + _FIXED_MB) * _UNITS
    )


def _cushion(mb: int) -> int:
    return max(_CUSHION_MIB, -(-mb // _CUSHION_DIVISOR))


def dejournal_updaters(vcpus: int) -> int:
    """How many dejournaling updaters a host's processors allow; 0 if it cannot dejournal in parallel.

    From the fifth on, IRIS also wants 32 GB of database cache for each. That is not looked at: heap for updaters that are
    not started costs 200 MB each, on hosts with at least 15 vCPUs.

    Args:
        vcpus: Number of vCPUs; what the documentation calls CPUs.
    """
    return min(MOST_UPDATERS, vcpus // _CPUS_PER_UPDATER) if vcpus >= _UPDATERS_FROM_CPUS else 0


def shared_memory(role: HostRole, *, memory_mib: int, vcpus: int, max_server_conn: int) -> SharedMemory:
    """Sizes the shared memory of an instance.

    Args:
        role: What the host is: the mirror's members dejournal, and give the database cache more.
        memory_mib: Memory of the instance type, in MiB.
        vcpus: Number of its vCPUs.
        max_server_conn: ECP clients the instance admits: `ecp_client_ceiling` of the mirror set, 0 on an application server.

    Returns:
        The sizes. What they need in huge pages never exceeds the role's share of the memory.

    Raises:
        ValueError: The instance type has too little memory; says how much database cache would remain.
    """
    pool = min(memory_mib * _PERCENT[role] // 100, memory_mib - LEAST_REST_MIB) // _STEP_MIB * _STEP_MIB
    budget = pool - _cushion(pool)
    updaters = dejournal_updaters(vcpus) if role == "member" else 0
    without_cache = SharedMemory(
        globals_mb=0,
        routines_mb=_between(_ROUTINES_MB, budget // _ROUTINES_DIVISOR),
        gmheap_kb=_between(_GMHEAP_KB, budget * 1024 * _GMHEAP_PERCENT // 100) + updaters * _UPDATER_KB,
        jrnbufs_mb=JRNBUFS_MB,
        max_servers=MAX_SERVERS,
        max_server_conn=max_server_conn,
    )
    globals_mb = (budget * _UNITS - _total_units(without_cache)) * 100 // (108 * _UNITS)
    if globals_mb < LEAST_GLOBALS_MB:
        raise ValueError(
            f"{memory_mib} MiB of memory leave {max(globals_mb, 0)} MB for the database cache, and it needs "
            f"{LEAST_GLOBALS_MB}: choose an instance type with more memory"
        )
    return SharedMemory(
        globals_mb=globals_mb,
        routines_mb=without_cache.routines_mb,
        gmheap_kb=without_cache.gmheap_kb,
        jrnbufs_mb=JRNBUFS_MB,
        max_servers=MAX_SERVERS,
        max_server_conn=max_server_conn,
    )


def _between(limits: tuple[int, int], value: int) -> int:
    lowest, highest = limits
    return max(lowest, min(highest, value))
