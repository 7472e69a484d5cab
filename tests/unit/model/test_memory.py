"""How the memory of a host is divided."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.model.instance_types import table
from cdk_intersystems.model.memory import (
    HUGE_PAGE_MIB,
    LEAST_GLOBALS_MB,
    LEAST_REST_MIB,
    MAX_SERVERS,
    MOST_UPDATERS,
    HostRole,
    SharedMemory,
    dejournal_updaters,
    shared_memory,
)

SHARE: dict[HostRole, int] = {"member": 70, "application_server": 50}

roles = st.sampled_from(sorted(SHARE))
memories = st.integers(min_value=8192, max_value=32 * 1024 * 1024)
vcpus = st.integers(min_value=1, max_value=8)
connections = st.integers(min_value=0, max_value=254)


def formula(memory: SharedMemory) -> Fraction:
    """The documented formula, in exact numbers."""
    return (
        memory.globals_mb * Fraction("1.08")
        + memory.routines_mb * Fraction("1.02")
        + Fraction(memory.gmheap_kb, 1024)
        + memory.jrnbufs_mb
        + (memory.max_servers + memory.max_server_conn) * 2
        + 300
    )


def test_the_formula_on_numbers_worked_out_by_hand() -> None:
    memory = SharedMemory(
        globals_mb=8192, routines_mb=512, gmheap_kb=1_048_576, jrnbufs_mb=64, max_servers=8, max_server_conn=32
    )

    # 8847.36 + 522.24 + 1024 + 64 + 80 + 300
    assert formula(memory) == Fraction("10837.6")
    assert memory.total_mb == 10_838
    # and 1 %, rounded up to 109 MB, in pages of 2 MiB
    assert memory.huge_pages == 5_474


@given(roles, memories, vcpus, connections)
def test_huge_pages_hold_the_formula_and_leave_the_host_its_share(
    role: HostRole, memory_mib: int, cpus: int, clients: int
) -> None:
    memory = shared_memory(role, memory_mib=memory_mib, vcpus=cpus, max_server_conn=clients)
    pool = memory.huge_pages * HUGE_PAGE_MIB

    assert formula(memory) <= memory.total_mb < formula(memory) + 1
    assert pool >= memory.total_mb + 64
    assert pool * 100 <= memory_mib * SHARE[role]
    assert memory_mib - pool >= LEAST_REST_MIB
    assert memory.globals_mb >= LEAST_GLOBALS_MB


@given(roles, memories, vcpus, connections)
def test_nothing_is_left_lying_about(role: HostRole, memory_mib: int, cpus: int, clients: int) -> None:
    memory = shared_memory(role, memory_mib=memory_mib, vcpus=cpus, max_server_conn=clients)
    allowed = min(memory_mib * SHARE[role] / 100, memory_mib - LEAST_REST_MIB)

    # One step, one page and the cushion, whose size follows the total.
    assert memory.huge_pages * HUGE_PAGE_MIB > allowed * 0.999 - 64 - 2 * HUGE_PAGE_MIB


@given(roles, memories, st.integers(min_value=1, max_value=4096), vcpus, connections)
def test_more_memory_makes_no_part_smaller(role: HostRole, memory_mib: int, more: int, cpus: int, clients: int) -> None:
    less = shared_memory(role, memory_mib=memory_mib, vcpus=cpus, max_server_conn=clients)
    greater = shared_memory(role, memory_mib=memory_mib + more, vcpus=cpus, max_server_conn=clients)

    assert greater.globals_mb >= less.globals_mb
    assert greater.routines_mb >= less.routines_mb
    assert greater.gmheap_kb >= less.gmheap_kb
    assert greater.huge_pages >= less.huge_pages


@pytest.mark.parametrize("role", SHARE)
def test_no_rounding_makes_a_part_smaller(role: HostRole) -> None:
    rows = [shared_memory(role, memory_mib=memory_mib, vcpus=4, max_server_conn=0) for memory_mib in range(8 * 1024, 16 * 1024)]

    for part in ("globals_mb", "routines_mb", "gmheap_kb", "total_mb", "huge_pages"):
        values = [getattr(row, part) for row in rows]
        assert values == sorted(values), part


def test_on_a_small_host_the_operating_system_comes_before_the_share() -> None:
    memory = shared_memory("member", memory_mib=4096, vcpus=2, max_server_conn=0)

    # 70 % of it would leave 1228.
    assert 4096 - memory.huge_pages * HUGE_PAGE_MIB >= 2048


@given(memories, vcpus, st.integers(min_value=0, max_value=253))
def test_an_ecp_client_more_costs_the_database_cache_and_nothing_else(memory_mib: int, cpus: int, clients: int) -> None:
    one = shared_memory("member", memory_mib=memory_mib, vcpus=cpus, max_server_conn=clients)
    more = shared_memory("member", memory_mib=memory_mib, vcpus=cpus, max_server_conn=clients + 1)

    assert 1 <= one.globals_mb - more.globals_mb <= 2
    assert (more.routines_mb, more.gmheap_kb, more.max_servers) == (one.routines_mb, one.gmheap_kb, MAX_SERVERS)


# Source: System Resource Planning and Management, "System Requirements for Parallel Dejournaling", the table's rows.
@pytest.mark.parametrize(
    ("cpus", "updaters"),
    [(1, 0), (7, 0), (8, 2), (9, 3), (11, 3), (12, 4), (15, 5), (18, 6), (30, 10), (45, 15), (48, 16), (192, 16)],
)
def test_dejournaling_updaters_by_processors(cpus: int, updaters: int) -> None:
    assert dejournal_updaters(cpus) == updaters <= MOST_UPDATERS


def test_each_updater_has_its_heap_and_an_application_server_none() -> None:
    sizes = {cpus: shared_memory("member", memory_mib=131_072, vcpus=cpus, max_server_conn=0).gmheap_kb for cpus in (4, 8, 16)}

    assert sizes[8] - sizes[4] == 2 * 200 * 1024
    assert sizes[16] - sizes[4] == 5 * 200 * 1024
    assert (
        len({shared_memory("application_server", memory_mib=131_072, vcpus=cpus, max_server_conn=0) for cpus in (4, 16)}) == 1
    )


@pytest.mark.parametrize(
    ("role", "memory_mib"), [("member", 2048), ("member", 3072), ("application_server", 512), ("application_server", 2048)]
)
def test_too_little_memory_is_refused_in_words(role: HostRole, memory_mib: int) -> None:
    with pytest.raises(ValueError, match=rf"^{memory_mib} MiB of memory leave \d+ MB for the database cache") as refused:
        shared_memory(role, memory_mib=memory_mib, vcpus=2, max_server_conn=0)

    assert "choose an instance type with more memory" in str(refused.value)


def test_every_instance_type_of_8_gib_and_more_can_be_either() -> None:
    for name, facts in table().items():
        if facts.memory_mib < 8192:
            continue
        for role, share in SHARE.items():
            memory = shared_memory(role, memory_mib=facts.memory_mib, vcpus=facts.vcpus, max_server_conn=0)
            assert memory.huge_pages * HUGE_PAGE_MIB * 100 <= facts.memory_mib * share, name


# Worked out by hand from the module's policy: the pool is 70 % of 128 GiB in steps of 64 MiB.
def test_a_member_of_128_gib() -> None:
    memory = shared_memory("member", memory_mib=131_072, vcpus=16, max_server_conn=24)

    assert memory == SharedMemory(
        globals_mb=79_886, routines_mb=1020, gmheap_kb=2_097_000 + 5 * 204_800, jrnbufs_mb=64, max_servers=8, max_server_conn=24
    )
    assert (memory.total_mb, memory.huge_pages) == (90_794, 45_851)
