"""Databases and namespaces: directories with a file in them, and entries of the CPF."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import words
from .installation import IrisError

if TYPE_CHECKING:
    from .actions import Action
    from .server import Server

#: HA 4.8.1: these can't be mirrored.
SYSTEM = ("IRISSYS", "IRISSECURITY", "IRISLIB", "IRISLOCALDATA", "IRISTEMP", "IRISAUDIT", "ENSLIB", "IRISMETRICS")
_KNOWN = words(
    "Name Directory ResourceName Size MaxSize ExpansionSize MirrorSetName MirrorDBName LogicalOnly Seed Server MountRequired "
    "MountAtStartup GlobalJournalState NewGlobalCollation NewGlobalIsKeep ReadOnly BlockSize ClusterMountMode StreamLocation"
)


async def create(server: "Server", action: "Action") -> None:
    """CPF, "CreateDatabase"."""
    name, directory = action.need("Name", "Directory")
    for key in action.properties:
        if key not in _KNOWN:
            raise IrisError(f"line {action.number}: a database has no property {key}")
    if name.upper() in (known.upper() for known in server.cpf.entries("Databases")):
        return
    if action.get("Server"):
        _create_remote(server, action, name, directory)
        return
    resource = action.get("ResourceName") or "%DB_%DEFAULT"
    if resource != "%DB_%DEFAULT" and resource not in server.security.data["resources"]:
        raise IrisError(f"line {action.number}: there is no resource {resource}")
    mirror, mirror_name = action.get("MirrorSetName"), action.get("MirrorDBName")
    folder = Path(directory)
    if mirror:
        # "the MirrorSetName and MirrorDBName properties are required for a mirrored database"
        action.need("MirrorDBName")
        _check_mirrored(server, name, mirror)
    logical = action.get("LogicalOnly") == "1"
    if logical and (not mirror or server.is_primary()):
        if not (folder / "IRIS.DAT").exists():
            raise IrisError(f"Database {directory} does not exist")
    else:
        make_file(server, folder, seed=action.get("Seed") if not mirror or server.is_primary() else "")
    server.cpf.set("Databases", name, f"{folder}/,,{int(action.get('MountRequired') == '1')}")
    server.save_cpf()
    content = json.loads((folder / "IRIS.DAT").read_text())
    content.update(name=name, resource=resource, mirror=f":mirror:{mirror}:{mirror_name}" if mirror else "")
    if mirror and server.mirror and not logical:
        content.update(active_on=server.mirror.config.myself.guid, caught_up=True)
    (folder / "IRIS.DAT").write_text(json.dumps(content))
    server.log(0, f"Database {folder}/ was created" + (f" and added to mirror {mirror} as {mirror_name}" if mirror else ""))


def make_file(server: "Server", folder: Path, *, seed: str = "") -> None:
    """Makes a database's file, and its directory with the owner and mode that SAG 25.1.1 has.

    Raises:
        IrisError: If it can't.
    """
    for part in (folder, *folder.parents):
        if part.is_symlink():
            raise IrisError(f"{part} is a symbolic link, which database directories don't support")  # Memory 3.3
    if (folder / "IRIS.DAT").exists():
        # "If the preexisting database exists ... creation of this new or empty mirrored database will fail."
        raise IrisError(f"Database {folder}/ already exists")
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o775)
            folder.chmod(0o775)
        content = Path(seed, "IRIS.DAT").read_text() if seed else json.dumps({"records": {}})
        (folder / "IRIS.DAT").write_text(content)
        (folder / "IRIS.DAT").chmod(0o660)
    except OSError as error:
        raise IrisError(f"Cannot create database {folder}/: {error.strerror}") from error
    found = folder.stat()
    if found.st_gid != os.getegid() or found.st_mode & 0o070 != 0o070:
        # SAG 25.1.1: "Failure to set the permissions properly may lead to unexpected and serious errors."
        server.log(2, f"Directory {folder}/ does not give full permissions to group {server.installation.group}")


def _check_mirrored(server: "Server", name: str, mirror: str) -> None:
    if name.upper() in SYSTEM:
        raise IrisError(f"Adding system database {name} to mirrored DB is not allowed")
    if server.mirror is None or server.mirror.name != mirror.upper():
        raise IrisError(f"Mirror set name '{mirror}' is not configured")
    if server.mirror.status() not in ("Primary", "Backup", "Connected"):
        # The same calls as a script makes, which wait until the member has one of these states (HA 4.7.4).
        server.log(1, f"Mirrored database {name} is created while this member is {server.mirror.status()}")


def _create_remote(server: "Server", action: "Action", name: str, directory: str) -> None:
    """Server and LogicalOnly=1 are "two unique required properties" of a remote database."""
    if action.get("LogicalOnly") != "1":
        raise IrisError(f"line {action.number}: a remote database needs LogicalOnly=1")
    remote = action.get("Server")
    fields = server.cpf.entries("ECPServers").get(remote)
    if fields is None:
        raise IrisError(f"line {action.number}: there is no ECP server {remote}")
    mirrored = directory.startswith(":mirror:")
    if mirrored and [*fields.split(","), "", "", ""][2] in ("", "0"):
        # Error Reference: "Database %1 is not allowed for ECP Non-Mirror Connection".
        raise IrisError(f"Database {directory} is not allowed for ECP Non-Mirror Connection")
    server.cpf.set("Databases", name, f"{directory},{remote}")
    server.save_cpf()
    server.ecp_client.look_again()


async def modify(server: "Server", action: "Action") -> None:
    """CPF, "ModifyDatabase". Adding a database to a mirror with it has to be done on the running primary (Merge 4)."""
    (name,) = action.need("Name")
    if name not in server.cpf.entries("Databases"):
        return
    if action.get("MirrorSetName"):
        await add_to_mirror(server, Path(action.need("Directory")[0]), action.get("MirrorDBName") or name)


async def add_to_mirror(server: "Server", folder: Path, mirror_name: str) -> None:
    """Class Reference, SYS.Mirror.AddDatabase(): only on the primary, of a database that the CPF lists."""
    if not server.is_primary() or server.mirror is None:
        raise IrisError("Operation can only be performed on the primary mirror member")
    if f"{folder}/" not in (value.split(",")[0] for value in server.cpf.entries("Databases").values()):
        raise IrisError(f"Database {folder}/ is not in the configuration")
    file = folder / "IRIS.DAT"
    content = json.loads(file.read_text())
    if content.get("mirror"):
        raise IrisError(f"Database '{folder}/' is already being mirrored")
    content["mirror"] = f":mirror:{server.mirror.name}:{mirror_name}"
    content.update(active_on=server.mirror.config.myself.guid, caught_up=True)
    file.write_text(json.dumps(content))


def mirrored(server: "Server") -> dict[str, tuple[str, str]]:
    """Directory -> name and mirror state of the mirrored databases (Class Reference, SYS.Mirror, MirroredDatabaseList)."""
    found = {}
    for name, value in server.cpf.entries("Databases").items():
        folder = value.split(",")[0]
        content = _content(folder)
        if content.get("mirror") and server.mirror:
            found[folder] = (name, _state(server, content))
    return found


def _content(folder: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(Path(folder, "IRIS.DAT").read_text())
    except (OSError, ValueError):
        return {}
    return content


def _state(server: "Server", content: dict[str, Any]) -> str:
    assert server.mirror is not None
    if content.get("active_on") != server.mirror.config.myself.guid:
        return "Needs Activation"
    if not content.get("caught_up"):
        return "Needs Catchup"
    return "Normal" if server.is_primary() else "Dejournaling"


def write_back(server: "Server") -> None:
    """The write daemon: what was journaled gets into the mirrored databases that take part.

    Here it does so when it is frozen and when the instance ends in good order, since nobody looks at other times.
    """
    for folder, (_, state) in mirrored(server).items():
        if state in ("Normal", "Dejournaling"):
            _write(folder, {**_content(folder), "log": _log(server)})


def _log(server: "Server") -> list[list[Any]]:
    return [[entry["t"], entry["v"]] for entry in server.journal.records]


def _write(folder: str, content: dict[str, Any]) -> None:
    Path(folder, "IRIS.DAT").write_text(json.dumps(content))


def activate(server: "Server", directory: str) -> None:
    """ActivateMirroredDatabase(): of one that was copied between instances, and is not kept up to date before.

    Raises:
        IrisError: It is no mirrored database of this instance.
    """
    folder = directory.rstrip("/") + "/"
    if server.mirror is None or folder not in mirrored(server):
        raise IrisError(f"Database '{folder}' is not being mirrored")
    content = _content(folder)
    if content["active_on"] != server.mirror.config.myself.guid:
        _write(folder, {**content, "active_on": server.mirror.config.myself.guid, "caught_up": False})


def catch_up(server: "Server", numbers: list[int]) -> list[int]:
    """CatchupDB(): with the journals that a connected member gets; those that are not caught up are returned.

    One that holds what the mirror never had can't be: what the journals say since doesn't fit it.

    Args:
        server: The instance.
        numbers: Of databases, as `number_of` has them.
    """
    left, folders = [], [value.split(",")[0] for value in server.cpf.entries("Databases").values()]
    for number in numbers:
        folder = folders[number] if 0 <= number < len(folders) else ""
        name_and_state = mirrored(server).get(folder)
        connected = server.mirror is not None and server.mirror.state in ("Connected", "Backup", "Primary")
        if not connected or name_and_state is None or name_and_state[1] == "Needs Activation":
            left.append(number)
            continue
        content, log = _content(folder), _log(server)
        held = content.get("log", [])
        if held != log[: len(held)]:
            server.log(2, f"Mirror Catchup of {folder} failed: it does not fit the journals")
            left.append(number)
            continue
        _write(folder, {**content, "log": log, "caught_up": True})
    return left


def number_of(server: "Server", directory: str) -> int:
    """A database's number in its instance, `SFN` of SYS.Database; -1 if it has none."""
    folders = [value.split(",")[0] for value in server.cpf.entries("Databases").values()]
    folder = directory.rstrip("/") + "/"
    return folders.index(folder) if folder in folders else -1


async def create_namespace(server: "Server", action: "Action") -> None:
    """CPF, "CreateNamespace": Routines are in the database of Globals if not given, TempGlobals in IRISTEMP."""
    name, database = action.need("Name", "Globals")
    if name.upper() in (known.upper() for known in server.cpf.entries("Namespaces")):
        return
    known = server.cpf.entries("Databases")
    for wanted in (database, action.get("Routines") or database):
        if wanted not in known:
            raise IrisError(f"line {action.number}: there is no database {wanted}")
    server.cpf.set("Namespaces", name, ",".join(filter(None, (database, action.get("Routines"), action.get("TempGlobals")))))
    server.save_cpf()


async def modify_namespace(server: "Server", action: "Action") -> None:
    """CPF, "ModifyNamespace"."""
    (name,) = action.need("Name")
    if name in server.cpf.entries("Namespaces") and action.get("Globals"):
        server.cpf.set("Namespaces", name, ",".join(filter(None, (action.get("Globals"), action.get("Routines")))))
        server.save_cpf()
