"""What failover members and application servers have alike: the start, the memory, and the TLS configurations."""

from collections.abc import Iterator
from typing import Final, Literal

from .. import layout
from ..memory import MEMLOCK, SharedMemory
from ..ports import SUPERSERVER_PORT
from .document import Action, Section, action, section

#: The label of the Management Portal; `LIVE` is shown in red. Source: Configuration Parameter File Reference, SystemMode.
SYSTEM_MODE: Final = "LIVE"

TlsName = Literal["%SuperServer", "%ECPServer", "%ECPClient"]

#: Whether a TLS configuration is a client's (0) or a server's (1), and how it verifies the other side: a superserver asks
#: its clients for no certificate, an ECP data server requires one, an ECP client requires the server's.
#: Source: class reference, Security.SSLConfigs, Type and VerifyPeer; TLS Guide, reserved names.
_TLS: Final[dict[TlsName, tuple[int, int]]] = {"%SuperServer": (1, 0), "%ECPServer": (1, 3), "%ECPClient": (0, 1)}

#: Whether the superserver takes TLS: 1, also; 2, only. Source: class reference, Security.Servers.SSLSupportLevel.
_ACCEPTED: Final = 1

#: RSA. Source: class reference, Security.SSLConfigs, PrivateKeyType.
_RSA: Final = 2


def startup() -> Section:
    """`[Startup]`, where the host adds `PasswordHash`."""
    return section("Startup", SystemMode=SYSTEM_MODE, DefaultPort=SUPERSERVER_PORT)


def config(memory: SharedMemory, *, wijdir: str | None = None) -> Section:
    """`[config]`: the memory, the ECP connections, and where the write image journal stands.

    Args:
        memory: The instance's shared memory.
        wijdir: Directory of the write image journal. Default: IRIS's own, in the installation directory.
    """
    sizes = section(
        "config",
        globals=(0, 0, memory.globals_mb, 0, 0, 0),
        routines=memory.routines_mb,
        gmheap=memory.gmheap_kb,
        jrnbufs=memory.jrnbufs_mb,
        memlock=MEMLOCK,
        MaxServers=memory.max_servers,
        MaxServerConn=memory.max_server_conn,
    )
    return sizes if wijdir is None else Section(sizes.name, (*sizes.keys, ("wijdir", wijdir)))


def tls(name: TlsName) -> Action:
    """A TLS configuration of one of IRIS's reserved names, with the certificate that the host has for everything.

    Args:
        name: The reserved name.
    """
    kind, verify = _TLS[name]
    return action(
        "CreateSSLConfig",
        Name=name,
        Type=kind,
        VerifyPeer=verify,
        CAFile=layout.CA_FILE,
        CertificateFile=layout.CERTIFICATE_FILE,
        PrivateKeyFile=layout.PRIVATE_KEY_FILE,
        PrivateKeyType=_RSA,
    )


def superserver_with_tls() -> Iterator[Action]:
    """The superserver takes connections with TLS: Web Gateways use nothing else, and ECP can't require it before.

    It requires it of nobody: clients of the endpoint may have none. Source: Scalability Guide, "Securing Application Server
    Connections to the Data Server"; Web Gateway Guide, "SSL/TLS-Based Authentication and Data Protection".
    """
    yield tls("%SuperServer")
    yield action("ModifyServer", Port=SUPERSERVER_PORT, BindAddress="", SSLConfig="%SuperServer", SSLSupportLevel=_ACCEPTED)


def resource_name(database: str) -> str:
    """The resource that protects a database."""
    return f"%DB_{database}"


def resource(database: str) -> Action:
    """The resource of a database; nobody has it without a role."""
    return action("CreateResource", Name=resource_name(database))


def namespace(database: str) -> Action:
    """The namespace of a database, called like it.

    Not enabled for interoperability: that writes to the database, which only the primary can, and is the product's to do.
    """
    return action("CreateNamespace", Name=database, Globals=database, Routines=database)
