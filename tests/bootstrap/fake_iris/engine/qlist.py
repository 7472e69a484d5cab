"""What `iris list`, `qlist` and `all` say (SAG 27.6)."""

from .installation import Installation
from .qlist_line import format_line


def fields(installation: Installation) -> dict[str, str]:
    """What is known of an instance without asking it."""
    seen = installation.seen()
    up = bool(installation.locked_by()) and bool(seen)
    # Which words stand for an instance that crashed isn't public; "down" is documented for "down or has crashed".
    status = str(seen["status"]) if up else "down, last used unknown"
    return {
        "name": installation.name,
        "directory": str(installation.directory),
        "version": installation.version,
        "status": status,
        "port": str(seen.get("superserver", 1972)),
        "health": str(seen["health"]) if up else "",
        "product": installation.product,
        "member_type": str(seen["member_type"]) if up else "",
        # HA 5.1.1.1: the status of a member that isn't up is Down, "displayed on other members"; what it says of itself isn't
        # public.
        "mirror_status": str(seen["mirror_status"]) if up else "",
    }


def line(installation: Installation) -> str:
    return format_line(fields(installation))


def listed(installation: Installation) -> str:
    """The lines of list."""
    known = fields(installation)
    lines = [
        f"Configuration '{known['name']}'   (default)",
        f"\tdirectory:    {known['directory']}",
        f"\tversionid:    {known['version']}",
        f"\tdatadir:      {known['directory']}",
        f"\tconf file:    iris.cpf  (SuperServer port = {known['port']}, WebServer = 0)",
        f"\tstatus:       {known['status']}",
        f"\tSuperServers: {known['port']}",
    ]
    if known["health"]:
        lines.append(f"\tstate:        {known['health']}")
    if known["member_type"]:
        lines.append(f"\tmirroring: Member Type = {known['member_type']}; Status = {known['mirror_status']}")
    lines.append(f"\tproduct:      InterSystems {known['product']}")
    return "\n".join(lines)


def short(installation: Installation) -> str:
    """The line of all: up or dn, name, version, port, directory."""
    known = fields(installation)
    state = "up" if known["status"].startswith("running") else "dn"
    return f"{state} >{known['name']:16} {known['version']:16} {known['port']:6} {known['directory']}"
