"""Data servers of fakes let application servers in, or don't, as InterSystems' documentation says; connections follow the
primary.
"""

import os
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts with systemd", allow_module_level=True)

from tests.bootstrap.fake_iris.hosts import IrisHost, lab, make_authority, prepare_all
from tests.bootstrap.test_fake_kit import OS_LOG_IN
from tests.bootstrap.test_fake_mirror import authorize

_FILES = ",".join(f"{key}File=/etc/iris-tls/{key}File.pem" for key in ("CA", "Certificate", "PrivateKey"))
_TLS = "".join(f"CreateSSLConfig:Name=%ECP{end},{_FILES},Type={kind}\n" for end, kind in (("Server", 1), ("Client", 0)))
_COMMON = f"[config]\nMaxServers=4\nMaxServerConn=1\nglobals=0,0,100,0,0,0\n[Actions]\n{OS_LOG_IN}{_TLS}"
#: All three requirements of the guide, and that application servers have to use it.
_DATA_SERVER = (
    f"{_COMMON}ModifySystem:Name=SYSTEM,SSLECPServer=2\nModifyServer:Port=1972,SSLSupportLevel=1\n"
    "ModifyService:Name=%Service_ECP,Enabled=1\n"
)
_MIRROR = "ConfigMirror:Name=TRAK,SSLDir=/etc/iris-tls,UseSSL=1,"

Hosts = dict[str, IrisHost]


def client(mirror: int, tls: int, directory: str = ":mirror:TRAK:APP", server: str = "a") -> str:
    """The merge file of an application server."""
    return (
        f"[ECPServers]\nDATA={server},1972,{mirror},{tls}\n{_COMMON}"
        f"CreateDatabase:Name=APP,Directory={directory},Server=DATA,LogicalOnly=1\nCreateNamespace:Name=APP,Globals=APP\n"
    )


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """The failover members a and b, and two hosts for application servers."""
    authority = tmp_path_factory.mktemp("ca")
    make_authority(authority)
    with lab(tmp_path_factory.mktemp("lab"), "a", "b", "app", "more") as made:
        prepare_all(made, authority, agents=("a", "b"))
        made["a"].start(f"{_DATA_SERVER}{_MIRROR}Member=primary,Primary=localhost,SystemName=A\n")
        made["b"].start(f"{_DATA_SERVER}{_MIRROR}Member=backup,Primary=a,SystemName=B\n")
        authorize(made["a"], "CN=B, O=Test")
        made["b"].wait_for_status("Backup")
        yield made


@pytest.fixture
def app(hosts: Hosts) -> Iterator[IrisHost]:
    """A host for an application server, as it was after the installation."""
    before = hosts["app"].host.run("cat", "/irissys/sys/iris.cpf").output
    database = hosts["app"].host.run("cat", "/irissys/sys/mgr/irissecurity/IRIS.DAT").output
    yield hosts["app"]
    hosts["app"].kill()
    hosts["app"].put("/irissys/sys/iris.cpf", before, "irisowner:irisusr")
    hosts["app"].put("/irissys/sys/mgr/irissecurity/IRIS.DAT", database, "irisowner:irisusr", "660")


def reason(host: IrisHost) -> str:
    return str(host.seen()["ecp"]["client"]["DATA"]["reason"])


def wait_for_refusal(host: IrisHost, says: str) -> None:
    host.host.wait_until(f"a refusal with {says!r}, not {reason(host)!r}", lambda: says in reason(host), 10)


def wait_for_connection(host: IrisHost) -> None:
    host.host.wait_until("the connection", lambda: host.seen()["ecp"]["client"]["DATA"]["state"] == "Normal", 20)


def test_without_tls_it_is_not_let_in(app: IrisHost) -> None:
    app.start(client(mirror=1, tls=0))
    wait_for_refusal(app, "TLS is required")


def test_without_a_tls_configuration_of_its_own_it_cannot_connect(app: IrisHost) -> None:
    app.start(client(mirror=1, tls=1).replace(_TLS, ""))
    wait_for_refusal(app, "%ECPClient is required but missing")


def test_a_mirror_takes_mirror_connections_only(hosts: Hosts, app: IrisHost) -> None:
    hosts["a"].script('do ##class(SYS.ECP).AddAuthorizedCN("CN=APP, O=Test")')
    app.start(client(mirror=0, tls=1, directory="/irissys/sys/app"))
    wait_for_refusal(app, "a mirror member, but the connection is not a mirror connection")
    hosts["a"].script('do ##class(SYS.ECP).RemoveAuthorizedCN("CN=APP, O=Test")')


def test_a_server_that_is_no_mirror_member_takes_no_mirror_connections(hosts: Hosts, app: IrisHost) -> None:
    hosts["more"].start(f"{_COMMON}ModifyService:Name=%Service_ECP,Enabled=1\n")
    app.start(client(mirror=1, tls=0, server="more"))
    wait_for_refusal(app, "not a mirror member")
    hosts["more"].stop()


def test_the_service_has_to_be_enabled(hosts: Hosts, app: IrisHost) -> None:
    hosts["more"].start(_COMMON + "ModifyService:Name=%Service_ECP,Enabled=0\n")
    app.start(client(mirror=0, tls=0, server="more", directory="/irissys/sys/mgr/user"))
    wait_for_refusal(app, "%Service_ECP is not enabled")
    hosts["more"].stop()


def test_a_new_server_waits_for_authorization_on_each_member_and_then_follows_the_primary(hosts: Hosts, app: IrisHost) -> None:
    app.start(client(mirror=1, tls=1))
    app.host.wait_until("waiting", lambda: "CN=APP, O=Test" in hosts["a"].seen()["ecp"]["server"]["pending"])
    listed = hosts["a"].script(
        'set rows=##class(%ResultSet).%New("SYS.ECP:SSLPendingConnections") do rows.Execute()',
        'while rows.Next() { write rows.Get("SSLComputerName"),"|",rows.Get("ClientIP"),! }',
    )
    assert listed == "CN=APP, O=Test|10.20.1.12"

    hosts["a"].script('do ##class(SYS.ECP).RemoveFromPendingList("CN=APP, O=Test",1)')
    wait_for_connection(app)
    assert app.records("SET through ECP", "GET 1") == ["OK 1", "OK through ECP"]
    assert hosts["a"].records("GET 1") == hosts["b"].records("GET 1") == ["OK through ECP"]

    # The mirror doesn't replicate who is authorized.
    hosts["b"].script('do ##class(SYS.ECP).AddAuthorizedCN("CN=APP,O=Test")')
    hosts["a"].stop()
    assert app.records("SET after the failover", "GET 1", seconds=20) == ["OK 2", "OK through ECP"]
    assert app.script('write ##class(SYS.ECP).GetServerConnState("DATA"),!') == "5"


def test_one_server_too_many_restarts_the_data_server(hosts: Hosts, app: IrisHost) -> None:
    """The last test: the mirror has one member."""
    for member in ("a", "b"):
        if hosts[member].is_down():
            hosts[member].start()
    for name in ("APP", "MORE"):
        for member in ("a", "b"):
            hosts[member].script(f'do ##class(SYS.ECP).AddAuthorizedCN("CN={name}, O=Test")')
    app.start(client(mirror=1, tls=1))
    wait_for_connection(app)
    before = {member: hosts[member].seen()["pid"] for member in ("a", "b")}

    hosts["more"].start(client(mirror=1, tls=1))

    app.host.wait_until("a restart", lambda: any(hosts[name].seen().get("pid", pid) != pid for name, pid in before.items()))
    assert "More than 1 application servers: restarting" in hosts["a"].messages() + hosts["b"].messages()
