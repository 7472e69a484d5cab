"""The merge files of failover members and application servers."""

import dataclasses
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cdk_intersystems.model import layout, storage
from cdk_intersystems.model.cpf import application_server, member
from cdk_intersystems.model.cpf.application_server import ApplicationServer
from cdk_intersystems.model.cpf.member import DrMember, Member
from cdk_intersystems.model.memory import SharedMemory
from tests.unit.model.cpf_names import ACTIONS, FORBIDDEN_ACTIONS, SECTIONS
from tests.unit.model.cpf_parser import Parsed, parse

MEMORY = SharedMemory(globals_mb=8192, routines_mb=512, gmheap_kb=1_048_576, jrnbufs_mb=64, max_servers=8, max_server_conn=32)
A = Member(
    deployment="example",
    mirror="PRODMIR",
    number=1,
    member="a",
    address=IPv4Address("10.0.1.10"),
    arbiter=IPv4Address("10.0.3.10"),
    joins=None,
    databases=("APPA", "APP-B_2"),
    memory=MEMORY,
)
B = dataclasses.replace(A, member="b", address=IPv4Address("10.0.2.10"), joins=A.address)
SERVER = ApplicationServer(
    deployment="example",
    tier="app",
    mirror="PRODMIR",
    data_server=A.address,
    databases=A.databases,
    memory=dataclasses.replace(MEMORY, max_server_conn=0),
)
DR = DrMember(
    deployment="example",
    mirror="PRODMIR",
    name="PRODMIRD",
    address=IPv4Address("10.9.1.10"),
    arbiter=A.arbiter,
    joins=A.address,
    databases=A.databases,
    memory=MEMORY,
)

Host = Member | DrMember | ApplicationServer


def of(host: Host) -> Parsed:
    return parse(text_of(host))


def text_of(host: Host) -> str:
    return (application_server.merge_file(host) if isinstance(host, ApplicationServer) else member.merge_file(host)).text()


WITHOUT_ECP = dataclasses.replace(A, memory=dataclasses.replace(MEMORY, max_server_conn=0))
HOSTS = {"a": A, "b": B, "dr": DR, "without ECP": WITHOUT_ECP, "application server": SERVER}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_every_name_is_documented(host: Host) -> None:
    parsed = of(host)

    for section, keys in parsed.sections.items():
        assert section in SECTIONS
        allowed = SECTIONS[section]
        assert allowed is None or set(keys) <= allowed, section
    for name, properties in parsed.actions:
        assert name in ACTIONS
        assert set(properties) <= ACTIONS[name], name
        assert name not in FORBIDDEN_ACTIONS


def test_the_member_that_creates_the_mirror() -> None:
    assert of(A).only("ConfigMirror") == {
        "Name": "PRODMIR",
        "SSLDir": "/irissys/tls",
        "Member": "primary",
        "Primary": "localhost",
        "ArbiterURL": "10.0.3.10:2188",
        "SystemName": "PRODMIRA",
        "ECPAddress": "10.0.1.10",
        "UseSSL": "1",
        "CompressionForAsyncMembers": "2",
        "CompressionTypeForAsyncMembers": "1",
    }


def test_the_member_that_joins_differs_in_who_it_is_and_in_nothing_else() -> None:
    first, second = of(A), of(B)
    mirror = first.only("ConfigMirror")
    who = {"Member": "backup", "Primary": "10.0.1.10", "SystemName": "PRODMIRB", "ECPAddress": "10.0.2.10"}

    assert second.only("ConfigMirror") == mirror | who
    assert second.sections == first.sections
    assert [each for each in second.actions if each[0] != "ConfigMirror"] == [
        each for each in first.actions if each[0] != "ConfigMirror"
    ]


def test_a_member_for_disaster_recovery_joins_and_is_like_the_failover_members_otherwise() -> None:
    backup, dr = of(B), of(DR)
    mirror = backup.only("ConfigMirror")
    who = {"Member": "drasync", "SystemName": "PRODMIRD", "ECPAddress": "10.9.1.10"}

    assert dr.only("ConfigMirror") == mirror | who
    # Compressed, by Zstandard, and encrypted.
    named = ("CompressionForAsyncMembers", "CompressionTypeForAsyncMembers", "UseSSL")
    assert [mirror[name] for name in named] == ["2", "1", "1"]
    assert dr.sections == backup.sections
    assert [each for each in dr.actions if each[0] != "ConfigMirror"] == [
        each for each in backup.actions if each[0] != "ConfigMirror"
    ]


@pytest.mark.parametrize("name", ["", "prod", "A" * 16, "A-B", "1A"])
def test_a_member_for_disaster_recovery_has_a_name_that_a_mirror_takes(name: str) -> None:
    with pytest.raises(ValueError, match="a member's name has up to 15 upper-case letters and digits"):
        dataclasses.replace(DR, name=name)


def test_a_member_set_up_anew_joins_the_other_and_creates_no_second_mirror() -> None:
    again = of(dataclasses.replace(A, joins=B.address)).only("ConfigMirror")

    assert (again["Member"], again["Primary"], again["SystemName"]) == ("backup", "10.0.2.10", "PRODMIRA")


def test_a_member_does_not_join_itself() -> None:
    with pytest.raises(ValueError, match=r"a member joins the other one, got its own address 10\.0\.1\.10"):
        member.merge_file(dataclasses.replace(A, joins=A.address))


def test_a_mirror_has_a_database() -> None:
    with pytest.raises(ValueError, match="the mirror PRODMIR has no database"):
        member.merge_file(dataclasses.replace(A, databases=()))


def test_memory_and_limits_of_a_member() -> None:
    assert of(A).sections["config"] == {
        "globals": "0,0,8192,0,0,0",
        "routines": "512",
        "gmheap": "1048576",
        "jrnbufs": "64",
        "memlock": "64",
        "MaxServers": "8",
        "MaxServerConn": "32",
        "wijdir": "/irissys/wij/",
    }


def test_journals_stand_on_two_volumes_and_freeze_rather_than_lose() -> None:
    assert of(A).sections["Journal"] == {
        "CurrentDirectory": "/irissys/jrnpri/",
        "AlternateDirectory": "/irissys/jrnalt/",
        "FreezeOnError": "1",
        "CompressFiles": "1",
    }


@pytest.mark.parametrize(("host", "connection"), [(A, "MirrorSetName"), (SERVER, "Server")])
def test_each_database_has_its_resource_directory_and_namespace(host: Host, connection: str) -> None:
    parsed = of(host)

    assert [each["Name"] for each in parsed.named("CreateDatabase")] == ["APPA", "APP-B_2"]
    assert [each["ResourceName"] for each in parsed.named("CreateDatabase")] == ["%DB_APPA", "%DB_APP-B_2"]
    assert parsed.named("CreateResource") == [{"Name": "%DB_APPA"}, {"Name": "%DB_APP-B_2"}]
    assert {each[connection] for each in parsed.named("CreateDatabase")} == {"PRODMIR"}
    assert parsed.named("CreateNamespace") == [
        {"Name": name, "Globals": name, "Routines": name} for name in ("APPA", "APP-B_2")
    ]


def test_the_databases_of_a_member_are_mirrored() -> None:
    (first, _) = of(A).named("CreateDatabase")

    assert first == {
        "Name": "APPA",
        "Directory": "/irissys/db/APPA",
        "ResourceName": "%DB_APPA",
        "MirrorSetName": "PRODMIR",
        "MirrorDBName": "APPA",
    }


def test_ecp_is_open_with_tls_only() -> None:
    parsed = of(A)

    assert {each["Name"]: each["Enabled"] for each in parsed.named("ModifyService")} == {
        "%Service_Mirror": "1",
        "%Service_Bindings": "1",
        "%Service_ECP": "1",
    }
    assert parsed.only("ModifySystem") == {"Name": "SYSTEM", "SSLECPServer": "2"}
    assert parsed.only("ModifyServer") == {
        "Port": "1972",
        "BindAddress": "",
        "SSLConfig": "%SuperServer",
        "SSLSupportLevel": "1",
    }
    configurations = {each["Name"]: (each["Type"], each["VerifyPeer"]) for each in parsed.named("CreateSSLConfig")}
    assert configurations == {"%SuperServer": ("1", "0"), "%ECPServer": ("1", "3")}


def test_without_ecp_clients_the_service_is_closed() -> None:
    parsed = of(WITHOUT_ECP)

    assert {each["Name"]: each["Enabled"] for each in parsed.named("ModifyService")} == {
        "%Service_Mirror": "1",
        "%Service_Bindings": "1",
        "%Service_ECP": "0",
    }
    assert parsed.named("ModifySystem") == []
    assert parsed.only("CreateSSLConfig")["Name"] == "%SuperServer"


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_every_superserver_takes_tls_which_is_all_that_web_gateways_use(host: Host) -> None:
    server = of(host).only("ModifyServer")
    assert (server["Port"], server["SSLConfig"], server["SSLSupportLevel"]) == ("1972", "%SuperServer", "1")


def test_an_application_server_is_a_client_of_the_mirror() -> None:
    parsed = of(SERVER)
    (first, _) = parsed.named("CreateDatabase")

    # Address, port, mirror connection, TLS.
    assert parsed.sections["ECPServers"] == {"PRODMIR": "10.0.1.10,1972,1,1"}
    assert first == {
        "Name": "APPA",
        "Directory": ":mirror:PRODMIR:APPA",
        "Server": "PRODMIR",
        "LogicalOnly": "1",
        "ResourceName": "%DB_APPA",
    }
    _, client = parsed.named("CreateSSLConfig")
    assert (client["Name"], client["Type"], client["VerifyPeer"]) == ("%ECPClient", "0", "1")
    assert {name for name, _ in parsed.actions} == {
        "CreateSSLConfig",
        "ModifyServer",
        "CreateResource",
        "CreateDatabase",
        "CreateNamespace",
    }


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_every_directory_is_one_of_the_layout(host: Host) -> None:
    known = {*layout.MOUNT_POINTS.values(), layout.TLS}
    parsed = of(host)
    values = [
        *(value for keys in parsed.sections.values() for value in keys.values()),
        *(value for _, properties in parsed.actions for value in properties.values()),
    ]

    paths = [Path(value) for value in values if value.startswith("/")]
    assert paths
    assert {str(path) for path in paths if not any(str(each) in known for each in (path, *path.parents))} == set()


def test_the_layout_has_a_place_of_its_own_for_each_volume() -> None:
    places = [Path(place) for place in (*layout.MOUNT_POINTS.values(), layout.TLS)]

    assert tuple(layout.MOUNT_POINTS) == storage.ROLES
    assert len(set(places)) == len(places)
    assert not [one for one in places for other in places if one in other.parents]
    assert {Path(file).parent for file in (layout.CA_FILE, layout.CERTIFICATE_FILE, layout.PRIVATE_KEY_FILE)} == {
        Path(layout.TLS)
    }
    # ConfigMirror looks for these names.
    assert {Path(file).name for file in (layout.CA_FILE, layout.CERTIFICATE_FILE, layout.PRIVATE_KEY_FILE)} == {
        "CAFile.pem",
        "CertificateFile.pem",
        "PrivateKeyFile.pem",
    }
