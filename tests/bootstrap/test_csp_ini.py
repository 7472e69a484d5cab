"""The rendered CSP.ini: its parameters are documented ones, and it says of servers, TLS and passwords what it has to."""

import re
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import csp_ini
from cdk_intersystems.bootstrap.host.csp_ini import Gateway, Server, holds, read, to_application_servers, to_mirror

SERVERS = [Server(f"i0{number:02}", f"10.20.5.{number}") for number in range(11, 19)]
MEMBERS = [Server("TRAKA", "10.20.1.10"), Server("TRAKB", "10.20.2.10")]

# Web Gateway Guide, "Web Gateway Configuration File (CSP.ini) Parameter Reference".
DOCUMENTED = {
    "SYSTEM": """RELOAD READONLY REGISTRY_METHODS DPAPI Instance_Host_Name MAX_CONNECTIONS MAX_CACHE_SIZE Web_Server_ID_Cookie
        SM_Forms Username Password SM_Timeout Custom_SM_Login_Form System_Manager Accept_X_Forwarded_For
        System_Manager_UNPW_Override Server_Response_Timeout Queued_Request_Timeout No_Activity_Timeout
        Timeout_All_Connections Env_Parameters Event_Log_File Event_Log_Rotation_Size Maximum_Logged_Request_Size
        Retain_All_Log_Files SA_Exclude_File_Types Document_Root ASP_Directory WS_Service_Status NSD_Document_Root
        Server_Error Server_Busy Server_Unavailable Server_Timeout Connection_Closed
        Default_Server""",
    "server": """Ip_Address TCP_Port Mirror_Aware Minimum_Server_Connections Maximum_Server_Connections
        Maximum_Session_Connections
        Connection_Security_Level Username Password Product Service_Principal_Name Keytable SSLCC_Protocol_Min
        SSLCC_Protocol_Max SSLCC_Verify_Peer SSLCC_Cipher_Suites SSLCC_Cipher_Suites_1_3 SSLCC_Certificate_File
        SSLCC_Certificate_Key_File
        SSLCC_Key_Type SSLCC_Private_Key_Password SSLCC_CA_Certificate_File""",
    "APP_PATH": """Default_Server Alternative_Servers KeepAlive Non_Parsed_Headers Response_Size_Notification
        Response_Size_Notification_Always GZIP_Compression GZIP_Minimum_File_Size GZIP_Exclude_File_Types
        Extra_CGI_Env_Variables
        Proc_Class""",
}


def gateway(paths: tuple[str, ...] = ("/csp", "/trakcare/csp"), **parameters: str) -> Gateway:
    return Gateway(paths, "cat /secret", "/irissys/tls/CAFile.pem", "/opt/webgateway/logs/CSP.log", parameters)


def application(**parameters: str) -> str:
    return to_application_servers(SERVERS, gateway(**parameters), web_server="i-0web")


@pytest.mark.parametrize(
    "text", [application(), application(**dict.fromkeys(csp_ini.ADJUSTABLE, "7")), to_mirror(MEMBERS, gateway())]
)
def test_every_parameter_is_a_documented_one(text: str) -> None:
    sections = read(text)
    servers, paths = sections.pop("SYSTEM_INDEX"), sections.pop("APP_PATH_INDEX")
    assert set(sections) == {"SYSTEM", *servers, *(f"APP_PATH:{path}" for path in paths)}
    for name, parameters in sections.items():
        kind = "server" if name in servers else name.partition(":")[0]
        unknown = {key for key in parameters if not re.fullmatch(r"Alternative_Server_\d+", key)} - set(
            DOCUMENTED[kind].split()
        )
        assert not unknown, f"[{name}]"


def test_application_servers_share_sessions_by_turns_and_each_is_one_of_its_own() -> None:
    sections = read(application())
    for server in SERVERS:
        profile = sections[server.name]
        assert (profile["Ip_Address"], profile["TCP_Port"]) == (server.address, "1972")
        assert "Mirror_Aware" not in profile
    for path in ("/csp", "/trakcare/csp"):
        profile = sections[f"APP_PATH:{path}"]
        named = [value.rpartition("~")[2] for key, value in profile.items() if re.fullmatch(r"Alternative_Server_\d+", key)]
        assert sorted(named) == [server.name for server in SERVERS]
        assert profile["Alternative_Servers"] == "LoadBalancing"
        assert profile["Alternative_Server_0"] == f"1~~~~~~{profile['Default_Server']}"


def test_without_an_application_tier_it_follows_the_primary_and_either_member_may_be_down_at_first() -> None:
    sections = read(to_mirror(MEMBERS, gateway()))
    assert {name: (sections[name]["Ip_Address"], sections[name]["Mirror_Aware"]) for name in sections["SYSTEM_INDEX"]} == {
        "TRAKA": ("10.20.1.10", "1"),
        "TRAKB": ("10.20.2.10", "1"),
    }
    assert sections["APP_PATH:/csp"]["Alternative_Servers"] == "FailOver"
    assert sections["APP_PATH:/csp"]["Default_Server"] == "TRAKA"


@pytest.mark.parametrize("text", [application(), to_mirror(MEMBERS, gateway())])
def test_servers_are_reached_by_tls_with_their_certificate_checked(text: str) -> None:
    sections = read(text)
    for name in sections["SYSTEM_INDEX"]:
        profile = sections[name]
        assert profile["Connection_Security_Level"] == csp_ini.TLS_LEVEL
        assert (profile["SSLCC_Verify_Peer"], profile["SSLCC_CA_Certificate_File"]) == ("1", "/irissys/tls/CAFile.pem")
        assert int(profile["SSLCC_Protocol_Min"]) >= 16, "TLS 1.2"
        assert (profile["Username"], profile["Password"]) == ("CSPSystem", "{cat /secret}")


def test_nobody_manages_the_gateway() -> None:
    system = read(application())["SYSTEM"]
    assert (system["SM_Forms"], system["System_Manager"], system["Accept_X_Forwarded_For"]) == (
        "Disabled",
        "127.0.0.1",
        "Disabled",
    )
    assert "Username" not in system


def test_the_same_servers_give_the_same_text_in_whatever_order_they_were_found() -> None:
    assert to_application_servers(SERVERS[::-1], gateway(), web_server="i-0web") == application()


def alternatives(servers: list[Server], web_server: str) -> list[str]:
    profile = read(to_application_servers(servers, gateway(), web_server=web_server))["APP_PATH:/csp"]
    return [value for key, value in profile.items() if re.fullmatch(r"Alternative_Server_\d+", key)]


def test_a_server_that_comes_or_goes_leaves_the_order_of_the_others() -> None:
    whole = alternatives(SERVERS, "i-0web")
    for gone in SERVERS:
        rest = alternatives([each for each in SERVERS if each is not gone], "i-0web")
        assert rest == [each for each in whole if not each.endswith(f"~{gone.name}")]


def test_web_servers_begin_with_different_servers() -> None:
    assert len({alternatives(SERVERS, f"i-0web{number}")[0] for number in range(40)}) > len(SERVERS) // 2


def test_no_server_is_a_configuration_too() -> None:
    sections = read(to_application_servers([], gateway(), web_server="i-0web"))
    assert sections["SYSTEM_INDEX"] == {}
    assert "Default_Server" not in sections["SYSTEM"]


def test_a_deployment_sets_parameters_of_servers_and_of_all() -> None:
    sections = read(application(Connection_Security_Level="4", Server_Response_Timeout="30"))
    assert {sections[server.name]["Connection_Security_Level"] for server in SERVERS} == {"4"}
    assert sections["SYSTEM"]["Server_Response_Timeout"] == "30"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"SM_Forms": "Enabled"}, "SM_Forms can't be set"),
        ({"SSLCC_Verify_Peer": "0"}, "SSLCC_Verify_Peer can't be set"),
        ({"MAX_CONNECTIONS": "1\nSM_Forms=Enabled"}, "value of MAX_CONNECTIONS"),
        ({"MAX_CONNECTIONS": ""}, "value of MAX_CONNECTIONS"),
    ],
)
def test_a_deployment_sets_nothing_else(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        application(**parameters)


@pytest.mark.parametrize("path", ["", "/", "csp", "/csp/", "/a.b", "/csp//x", "/csp\n[SYSTEM]", '/csp">', "/csp/.."])
def test_what_is_no_application_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="an application path is like"):
        to_mirror(MEMBERS, gateway((path,)))


def test_paths_and_servers_are_there_once() -> None:
    with pytest.raises(ValueError, match="given twice"):
        to_mirror(MEMBERS, gateway(("/csp", "/csp")))
    with pytest.raises(ValueError, match="at least one application path"):
        to_mirror(MEMBERS, gateway(()))
    with pytest.raises(ValueError, match="same name"):
        to_mirror([MEMBERS[0], MEMBERS[0]], gateway())


def test_what_the_gateway_itself_changes_is_no_difference() -> None:
    rendered = application()
    changed = rendered.replace("RELOAD=1\n", "Configuration_Modified=today\n").replace(
        "{cat /secret}", "]]]e2NhdCAvc2VjcmV0fQ=="
    )
    assert holds(changed, rendered)
    assert not holds(changed.replace("10.20.5.11", "10.20.5.99"), rendered)
    assert not holds(changed.replace("SM_Forms=Disabled", "SM_Forms=Enabled"), rendered)
    assert not holds(changed.replace("Password=]]]e2NhdCAvc2VjcmV0fQ==", "Password="), rendered)
    assert not holds("", rendered)


def test_the_page_tells_the_parameters_that_can_be_set() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hosts" / "web-server.md").read_text()
    assert all(f"`{name}`" in page for name in csp_ini.ADJUSTABLE)
