"""Shared memory and huge pages: nothing is allocated, but what would be is worked out and logged."""

from pathlib import Path

from .cpf import Document
from .installation import IrisError
from .log import Log

_PAGES = Path("/proc/sys/vm/nr_hugepages")
_PAGE_MB = 2
#: CPF, "memlock": bits of its value.
_LARGE_PAGES_DISABLED, _LARGE_PAGES_REQUIRED = 32, 64


def shared_memory_mb(cpf: Document, physical_mb: int) -> tuple[int, int, int]:
    """Shared memory, and in it database and routine cache, in MB (Memory 1.1.1, "Estimating Shared Memory Total").

    Args:
        cpf: The instance's CPF.
        physical_mb: The host's memory: with globals=0 the database cache has a quarter of it (CPF, "globals").
    """
    sizes = [int(size) for size in cpf.get("config", "globals", "0,0,0,0,0,0").split(",")]
    cache = sum(sizes) or physical_mb // 4
    # CPF, "routines": 0 is a tenth of the database cache, 80 to 1020 MB; a list is the sum of its parts.
    routines = sum(int(size) for size in (cpf.get("config", "routines") or "0").split(",")) or min(max(cache // 10, 80), 1020)
    # CPF, "gmheap": 0 is 3 percent of the database cache, 307,200 to 2,097,000 KB.
    heap_kb = cpf.number("config", "gmheap") or min(max(cache * 1024 * 3 // 100, 307200), 2097000)
    connections = cpf.number("config", "MaxServers") + cpf.number("config", "MaxServerConn")
    total = cache * 1.08 + routines * 1.02 + heap_kb / 1024 + (cpf.number("config", "jrnbufs") or 64) + connections * 2 + 300
    return round(total), cache, routines


def allocate(cpf: Document, log: Log) -> None:
    """Logs what is allocated and how (Memory 2.1, "Experimentally Determining Number of Pages", has both messages).

    Raises:
        IrisError: If huge pages are required by memlock and there are too few (CPF, "memlock": startup is aborted).
    """
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, cache, routines = shared_memory_mb(cpf, int(fields["MemTotal"].split()[0]) // 1024)
    memlock = cpf.number("config", "memlock")
    parts = f"{cache}MB global buffers, {routines}MB routine buffers"
    if not memlock & _LARGE_PAGES_DISABLED:
        if int(_PAGES.read_text()) * _PAGE_MB >= total:
            log(0, f"Allocated {total}MB shared memory using Huge Pages: {parts}", "Generic.Event")
            return
        if memlock & _LARGE_PAGES_REQUIRED:
            raise IrisError(f"Failed to allocate {total}MB shared memory using Huge Pages, which are required by memlock")
        log(
            2,
            f"Failed to allocate {total}MB shared memory using Huge Pages. Startup will retry with standard pages. If huge "
            "pages are needed for performance, check the OS settings and consider marking them as required with the 'memlock' "
            "configuration parameter.",
            "Generic.Event",
        )
    log(0, f"Allocated {total}MB shared memory: {parts}", "Generic.Event")
