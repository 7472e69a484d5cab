"""What each action of a merge file does. They only do what would change something (Merge 4, "Merge Actions")."""

import re
from typing import TYPE_CHECKING, Any

from . import databases
from .cpf import check_value
from .files import words
from .installation import IrisError
from .security import AUTHE

if TYPE_CHECKING:
    from .actions import Action, Performer
    from .server import Server


def _value(text: str) -> Any:
    """A property's value: a sum of macros, a number, or text (Merge 9.3.1, "Security Macros")."""
    if "$$$" in text:
        total = 0
        for part in text.split("+"):
            name = part.strip().removeprefix("$$$")
            if name not in AUTHE:
                raise IrisError(f"unknown macro {part!r}")
            total |= 1 << AUTHE[name]
        return total
    return int(text) if re.fullmatch(r"[0-9]+", text) else text


def _objects(kind: str, required: str, known: str) -> dict[str, "Performer"]:
    """Create, Modify and Delete of a kind of security object."""
    singular = {"users": "User", "roles": "Role", "resources": "Resource", "applications": "Application", "ssl": "SSLConfig"}[
        kind
    ]
    allowed = {*required.split(), *known.split()}

    def properties(action: "Action") -> dict[str, Any]:
        for name in action.properties:
            if name not in allowed:
                raise IrisError(f"line {action.number}: {action.name} has no property {name}")
        return {name: _value(value) for name, value in action.but("Name").items()}

    async def create(server: "Server", action: "Action") -> None:
        # "A Create action is not executed if the specified object exists."
        (name, *_) = action.need(*required.split())
        objects = server.security.data[kind]
        if name not in objects:
            objects[name] = {"Enabled": 1, **properties(action)}
            server.security.save()

    async def modify(server: "Server", action: "Action") -> None:
        # "A Modify action is not executed if the specified object does not exist."
        (name,) = action.need("Name")
        objects = server.security.data[kind]
        if name in objects:
            objects[name].update(properties(action))
            server.security.save()

    async def delete(server: "Server", action: "Action") -> None:
        (name,) = action.need("Name")
        if server.security.data[kind].pop(name, None) is not None:
            server.security.save()

    return {f"Create{singular}": create, f"Modify{singular}": modify, f"Delete{singular}": delete}


async def _modify_service(server: "Server", action: "Action") -> None:
    (name,) = action.need("Name")
    services = server.security.data["services"]
    known = next((service for service in services if service.lower() == name.lower()), None)
    if known is None:
        raise IrisError(f"line {action.number}: there is no service {name}")
    for key, value in action.but("Name").items():
        if key not in ("Enabled", "AutheEnabled", "ClientSystems"):
            raise IrisError(f"line {action.number}: a service has no property {key}")
        services[known][key] = _value(value)
    server.security.save()


async def _modify_system(server: "Server", action: "Action") -> None:
    action.need("Name")
    for key, value in action.but("Name").items():
        if key not in ("AutheEnabled", "SSLECPServer"):
            raise IrisError(f"line {action.number}: the fake knows no system property {key}")
        server.security.data["system"][key] = _value(value)
    server.security.save()


async def _server_definition(server: "Server", action: "Action") -> None:
    """CreateServer and ModifyServer: a superserver by its port (Class Reference, Security.Servers)."""
    (port,) = action.need("Port")
    servers = server.security.data["servers"]
    if (action.name == "CreateServer") == (port in servers):
        return
    known = words("BindAddress Description Enabled EnableClients EnableCSP EnableECP EnableMirror SSLConfig SSLSupportLevel")
    for key, value in action.but("Port").items():
        if key not in known:
            raise IrisError(f"line {action.number}: a superserver has no property {key}")
        servers.setdefault(port, {"Port": int(port), "SSLSupportLevel": 0, "SSLConfig": ""})[key] = _value(value)
    server.security.save()


def _modify_section(section: str) -> "Performer":
    async def modify(server: "Server", action: "Action") -> None:
        for name, value in action.properties.items():
            check_value(section, name, value)
            server.cpf.set(section, name, value)
        server.save_cpf()

    return modify


async def _ecp_server(server: "Server", action: "Action") -> None:
    (name,) = action.need("Name")
    if (action.name == "CreateECPServer") == (name in server.cpf.entries("ECPServers")):
        return
    (address,) = action.need("Address")
    fields = [address, action.get("Port", "1972"), action.get("MirrorConnection", "0"), action.get("SSLConfig", "0"), "0"]
    server.cpf.set("ECPServers", name, ",".join(fields))
    server.save_cpf()
    server.ecp_client.look_again()


async def _config_mirror(server: "Server", action: "Action") -> None:
    from .config_mirror import config_mirror

    await config_mirror(server, action)


async def _modify_mirror_member(server: "Server", action: "Action") -> None:
    for name, value in action.but("Name").items():
        server.cpf.set("MirrorMember", name, value)
    server.save_cpf()


async def _map(server: "Server", action: "Action") -> None:
    namespace, name, database = action.need("Namespace", "Name", "Database")
    if namespace not in server.cpf.entries("Namespaces"):
        raise IrisError(f"line {action.number}: there is no namespace {namespace}")
    kind = action.name.removeprefix("CreateMap").removeprefix("ModifyMap")
    if action.name.startswith("Create"):
        server.cpf.set(f"Map.{namespace}", f"{kind}_{name}", database)
        server.save_cpf()


async def _execute(server: "Server", action: "Action") -> None:
    """CPF, "Execute": class method or routine has to return a %Status."""
    from .objectscript.run import execute

    arguments: list[str] = []
    while value := action.get(f"Arg{len(arguments) + 1}"):
        arguments.append(value)
    (namespace,) = action.need("Namespace")
    if action.get("ClassName"):
        target = (action.get("ClassName"), action.need("MethodName")[0])
    else:
        target = ("", action.need("RoutineName")[0])
    await execute(server, namespace, target, arguments)


PERFORMERS: dict[str, "Performer"] = {
    **_objects("users", "Name PasswordHash", "Roles Enabled FullName Comment NameSpace Routine ExpirationDate ChangePassword "
               "PasswordNeverExpires AccountNeverExpires"),
    **_objects("roles", "Name", "Resources GrantedRoles Description"),
    **_objects("resources", "Name", "PublicPermission Description Type"),
    **_objects("applications", "Name", "NameSpace AutheEnabled DispatchClass Enabled IsNameSpaceDefault MatchRoles Path "
               "Resource CSPZENEnabled ServeFiles Description"),
    **_objects("ssl", "Name", "CAFile CAPath CertificateFile CipherList Ciphersuites Description Enabled PrivateKeyFile "
               "PrivateKeyPassword PrivateKeyType TLSMaxVersion TLSMinVersion Type VerifyDepth VerifyPeer"),
    "ModifyService": _modify_service,
    "ModifySystem": _modify_system,
    "CreateServer": _server_definition,
    "ModifyServer": _server_definition,
    **{f"Modify{name}": _modify_section(section) for name, section in
       {"Config": "config", "Journal": "Journal", "Startup": "Startup", "Monitor": "Monitor", "ECP": "ECP"}.items()},
    "CreateECPServer": _ecp_server,
    "ModifyECPServer": _ecp_server,
    "ConfigMirror": _config_mirror,
    "ModifyMirrorMember": _modify_mirror_member,
    "CreateDatabase": databases.create,
    "ModifyDatabase": databases.modify,
    "CreateNamespace": databases.create_namespace,
    "ModifyNamespace": databases.modify_namespace,
    **{f"{verb}Map{kind}": _map for verb in ("Create", "Modify") for kind in ("Global", "Routine", "Package")},
    "Execute": _execute,
}  # fmt: skip
