"""The shared memory of a host, from what is known about its instance type."""

from .instance_types import Architecture, table
from .memory import HostRole, SharedMemory, shared_memory


def host_memory(
    role: HostRole,
    instance_type: str,
    *,
    whose: str,
    architecture: Architecture,
    memory_mib: int | None,
    vcpus: int | None,
    max_server_conn: int = 0,
) -> SharedMemory:
    """Sizes the shared memory of a host.

    Args:
        role: What the host is.
        instance_type: Name of its instance type.
        whose: Whose hosts these are, for errors.
        architecture: The architecture the instance type has to have.
        memory_mib: Memory of the type, in MiB. None: as the table of known types says.
        vcpus: Its vCPUs. None likewise.
        max_server_conn: ECP clients the instance admits.

    Raises:
        ValueError: The type isn't known and not enough was stated, is of another architecture, or has too little memory.
    """
    known = table().get(instance_type)
    if known is not None and known.architecture != architecture:
        raise ValueError(
            f"instance_type of {whose} is {instance_type}, which has processors of {known.architecture}, "
            f"and its platform is of {architecture}"
        )
    memory = memory_mib if memory_mib is not None or known is None else known.memory_mib
    processors = vcpus if vcpus is not None or known is None else known.vcpus
    if memory is None or processors is None:
        raise ValueError(
            f"nothing is known about {instance_type}, the instance_type of {whose}: supply memory_mib and vcpus, what it has"
        )
    try:
        return shared_memory(role, memory_mib=memory, vcpus=processors, max_server_conn=max_server_conn)
    except ValueError as error:
        raise ValueError(f"instance_type of {whose} is {instance_type}: {error}") from None


def local_storage_problem(instance_type: str) -> str | None:
    """Says why an instance type can't have local storage; `None` if it can, or if nothing is known about it."""
    known = table().get(instance_type)
    if known is None or known.instance_store_gb:
        return None
    return f"{instance_type} has no instance store: choose a type that has one, such as those with a d in their name"
