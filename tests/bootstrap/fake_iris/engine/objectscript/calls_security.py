"""Security.*, SYS.ECP and Config.*."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import tls
from ..cpf import Document, check_value
from ..installation import IrisError

if TYPE_CHECKING:
    from ..server import Server
    from .system_calls import Reference, Rows

_KINDS = {"Users": "users", "Roles": "roles", "Resources": "resources", "Services": "services", "SSLConfigs": "ssl",
          "Applications": "applications", "Servers": "servers"}  # fmt: skip


def _table(server: "Server", kind: str) -> dict[str, dict[str, Any]]:
    found = server.security.data[kind]
    assert isinstance(found, dict)
    return found


def _get(kind: str, name: str) -> Callable[..., None]:
    def get(server: "Server", key: str, properties: "Reference | str" = "", *_: Any) -> None:
        table = _table(server, kind)
        if key not in table:
            raise IrisError(f"{name} {key} does not exist")
        if not isinstance(properties, str):
            properties.fill({one: str(value) for one, value in table[key].items() if one != "PasswordHash"})

    return get


def _modify(kind: str, name: str) -> Callable[..., None]:
    def modify(server: "Server", key: str, properties: "Reference") -> None:
        table = _table(server, kind)
        if key not in table:
            raise IrisError(f"{name} {key} does not exist")
        values = dict(properties.properties())
        if password := values.pop("Password", ""):
            from ..security import hashed

            table[key]["PasswordHash"] = hashed(password)
        table[key].update({one: int(value) if value.isdigit() else value for one, value in values.items()})
        server.security.save()

    return modify


def _exists(kind: str) -> Callable[..., str]:
    return lambda server, key, *_: str(int(key in _table(server, kind)))


def _delete(kind: str, name: str) -> Callable[..., None]:
    def delete(server: "Server", key: str) -> None:
        if _table(server, kind).pop(key, None) is None:
            raise IrisError(f"{name} {key} does not exist")
        server.security.save()

    return delete


def _create_tls(server: "Server", name: str, properties: "Reference | str" = "") -> None:
    if name in _table(server, "ssl"):
        raise IrisError(f"SSL Configuration {name} already exists")
    _table(server, "ssl")[name] = {} if isinstance(properties, str) else properties.properties()
    server.security.save()


def _system_get(server: "Server", _name: str, properties: "Reference") -> None:
    properties.fill({one: str(value) for one, value in server.security.data["system"].items()})


def _system_modify(server: "Server", _name: str, properties: "Reference") -> None:
    for one, value in properties.properties().items():
        if one in ("AutheEnabled", "SSLECPServer"):
            server.security.data["system"][one] = int(value)
    server.security.save()


# SYS.ECP


def _add_authorized(server: "Server", name: str) -> None:
    names = server.security.data["ecp_authorized"]
    if not any(tls.same_name(name, known) for known in names):
        names.append(name)
        server.security.save()


def _remove_authorized(server: "Server", name: str) -> None:
    data = server.security.data
    data["ecp_authorized"] = [known for known in data["ecp_authorized"] if not tls.same_name(name, known)]
    server.security.save()


def _remove_pending(server: "Server", name: str, authorize: str = "0") -> None:
    """ "always returned 'OK' even if the specified SSLComputerName does not exist"."""
    pending = server.security.data["ecp_pending"]
    for known in [known for known in pending if tls.same_name(known, name)]:
        del pending[known]
        if authorize not in ("", "0"):
            _add_authorized(server, known)
    server.security.save()


def _pending(server: "Server") -> "Rows":
    return ["SSLComputerName", "ClientIP"], [[name, address] for name, address in server.security.data["ecp_pending"].items()]


def _authorized(server: "Server") -> "Rows":
    return ["SSLComputerName"], [[name] for name in server.security.data["ecp_authorized"]]


def _clients(server: "Server") -> "Rows":
    """ClientName is connection:system:instance of the application server."""
    return ["ClientName", "Status", "ClientIP", "IPPort"], server.ecp_server.rows()


def _servers(server: "Server") -> "Rows":
    return ["ServerName", "RemoteAddress", "RemotePort", "Status"], server.ecp_client.rows()


def _server_state(server: "Server", name: str) -> str:
    """GetServerConnState(): 1 not connected, 2 in progress, 4 disabled, 5 normal, 6 trouble, -2 invalid name."""
    states = {row[0]: row[3] for row in server.ecp_client.rows()}
    numbers = {"Not Connected": "1", "Connection in Progress": "2", "Disabled": "4", "Normal": "5", "Trouble": "6"}
    return numbers[states[name]] if name in states else "-2"


def _server_action(server: "Server", name: str, action: str, _wait: str = "1") -> None:
    """ServerAction(): 1 not connected, 2 disabled, 3 normal."""
    if name not in {row[0] for row in server.ecp_client.rows()}:
        raise IrisError(f"Invalid connection name {name}")
    server.ecp_client.act(name, int(action))


def _update_ssl(server: "Server", info: "Reference", as_server: str = "1") -> None:
    name = "%ECPServer" if as_server not in ("", "0") else "%ECPClient"
    _table(server, "ssl")[name] = info.properties()
    server.security.save()


# Config.*


def _config_get(section: str) -> Callable[..., None]:
    def get(server: "Server", properties: "Reference") -> None:
        properties.fill(server.cpf.entries(section))

    return get


def _config_modify(section: str) -> Callable[..., None]:
    def modify(server: "Server", properties: "Reference") -> None:
        for name, value in properties.properties().items():
            check_value(section, name, value)
            server.cpf.set(section, name, value)
        server.save_cpf()

    return modify


def _cpf_merge(server: "Server", file: str, *_: Any) -> None:
    """Config.CPF.Merge(): parameters only, no actions, as its users have found."""
    try:
        document = Document(open(file, encoding="utf-8").read())  # noqa: PTH123, SIM115 - closed at once
    except OSError as error:
        raise IrisError(f"{file}: {error.strerror}") from error
    document.check(merge=True)
    server.cpf.merge(document)
    server.save_cpf()


def _pending_restart(server: "Server", _reasons: "Reference | str" = "") -> str:
    """Class Reference, Config.CPF.PendingRestart(): whether modified parameters need a restart. Here those of [config] do."""
    return str(int(dict(server.cpf.entries("config")) != server.started_with))


METHODS: dict[str, Callable[..., Any]] = {
    **{f"Security.{name}.Get": _get(kind, name) for name, kind in _KINDS.items()},
    **{f"Security.{name}.Modify": _modify(kind, name) for name, kind in _KINDS.items()},
    **{f"Security.{name}.Exists": _exists(kind) for name, kind in _KINDS.items()},
    **{f"Security.{name}.Delete": _delete(kind, name) for name, kind in _KINDS.items() if name != "Services"},
    "Security.SSLConfigs.Create": _create_tls,
    "Security.System.Get": _system_get,
    "Security.System.Modify": _system_modify,
    "SYS.ECP.AddAuthorizedCN": _add_authorized,
    "SYS.ECP.RemoveAuthorizedCN": _remove_authorized,
    "SYS.ECP.RemoveFromPendingList": _remove_pending,
    "SYS.ECP.GetServerConnState": _server_state,
    "SYS.ECP.ServerAction": _server_action,
    "SYS.ECP.ChangeToNotConnected": lambda server, name: _server_action(server, name, "1"),
    "SYS.ECP.UpdateSSL": _update_ssl,
    **{f"Config.{name}.Get": _config_get(section) for name, section in
       {"config": "config", "Startup": "Startup", "Journal": "Journal", "ECP": "ECP", "MirrorMember": "MirrorMember"}.items()},
    **{f"Config.{name}.Modify": _config_modify(section) for name, section in
       {"config": "config", "Startup": "Startup", "Journal": "Journal", "ECP": "ECP", "MirrorMember": "MirrorMember"}.items()},
    "Config.CPF.Merge": _cpf_merge,
    "Config.CPF.PendingRestart": _pending_restart,
    # Class Reference: new TCP connections use the configurations as they are now. The fake reads the files for each connection.
    "Security.SSLConfigs.ActivateAll": lambda _server: "1",
    # SAG 23.8: the key that was copied to the manager's directory is used.
    "%SYSTEM.License.Upgrade": lambda _server: "1",
}  # fmt: skip
QUERIES: dict[str, Callable[..., Any]] = {
    "SYS.ECP:SSLPendingConnections": _pending,
    "SYS.ECP:SSLAuthorizedConnections": _authorized,
    "SYS.ECP:ClientList": _clients,
    "SYS.ECP:ServerList": _servers,
}
