"""What a web server answers, to whom, and what it writes down of it."""

import os
from collections.abc import Iterator

import pytest

from cdk_intersystems.bootstrap.host import apache
from cdk_intersystems.bootstrap.mirror_status.mirror_status import not_primary, primary
from tests.bootstrap.web_lab import WEB, Response, WebLab, web_lab

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and systemd", allow_module_level=True)

REGION = "/status/region/mirror_status.cxw"
MANAGEMENT = "/csp/bin/Systems/Module.cxw"
SECRET = "Patient4711"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebLab]:
    with web_lab(tmp_path_factory.mktemp("web")) as made:
        made.description["web"]["paths"] = ["/csp", "/trakcare/csp", "/api/monitor"]
        made.install()
        yield made


OPEN = [
    "/csp/user/page.csp",
    "/csp/user/page.csp?a=../b&c=%252e%252e/Module.cxw",
    "/csp/user/%25CSP.Broker.cls",
    "/csp/user/%25DeepSee.UserPortal.Home.zen?$NAMESPACE=USER",
    "/csp/healthshare/demo/fhir/r4/Patient/4711",
    "/csp/user/a.b/c",
    "/csp/user/Umlaut%C3%A4.csp",
    "/trakcare/csp/system.Home.cls",
    "/api/monitor/metrics",
]

CLOSED = [
    MANAGEMENT,
    "/csp/bin/RunTime/Module.cxw",
    "/csp/bin/mirror_status.cxw",
    "/csp/user/mirror_status.cxw",
    "/trakcare/csp/bin/Systems/Module.cxw",
    "/csp/bin/Systems/Module.cxw/x.csp",
    "/csp/bin/Systems/Module.cxw?CSPSYS=1",
    "/csp/bin/Systems/Module.cxw;x=1",
    "/csp/BIN/systems/MODULE.CXW",
    "/csp//bin//Systems//Module.cxw",
    "/csp/./bin/./Systems/Module.cxw",
    "/csp/user/../bin/Systems/Module.cxw",
    "/csp/bin/Systems/Module.cxw/../../../user/page.csp",
    "/csp/bin/Systems/Module.cxw/%2e%2e/%2e%2e/%2e%2e/user/page.csp",
    "/csp/bin%2fSystems%2fModule.cxw",
    "/csp%2fbin%2fSystems%2fModule.cxw",
    "/csp/b%69n/Systems/M%6fdule.cxw",
    "/csp/%62%69%6e/%53ystems/Module%2ecxw",
    "/csp/b%2569n/Systems/Module.c%2578w",
    "/csp/user/Module%252ecxw",
    "/csp/user/%2e%2e/bin/Systems/Module.cxw",
    "/csp/user/%252e%252e/bin/Systems/Module%252ecxw",
    "/csp/user/..%5cbin%5cSystems%5cModule.cxw",
    "/csp/user/..\\bin\\Systems\\Module.cxw",
    "/csp/user\\..\\sys\\UtilHome.csp",
    "/csp/user%5c..%5csys%5cUtilHome.csp",
    "/csp/user/page.csp/csp/bin/Systems/Module.cxw",
    "/csp/user/Module.cxw%00.csp",
    f"https://web.trakcare.internal{MANAGEMENT}",
    f"/status/region/mirror_status.cxw/..{MANAGEMENT}",
    f"/status/web-server/..{MANAGEMENT}",
    f"{REGION}/x/../../../..{MANAGEMENT}",
    "/csp/sys/UtilHome.csp",
    "/csp/SYS/UtilHome.csp",
    "/csp/%73ys/UtilHome.csp",
    "/csp//sys/UtilHome.csp",
    "/csp/user/../sys/UtilHome.csp",
    "/csp/sys/sec/%25CSP.UI.Portal.Users.zen",
    "/trakcare/csp/sys/UtilHome.csp",
    "/csp/documatic/%25CSP.Documatic.cls",
    "/api/mgmnt/v2/",
    "/api/atelier/",
    "/api/monitorx",
    "/trakcare/",
    "/trakcare",
    "/CSP/user/page.csp",
    "/",
    "/cspx/page.csp",
    "/index.html",
    "/etc/passwd",
    "/csp/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/opt/webgateway/bin/CSP.ini",
    "/csp/user/..;/bin/Systems/Module.cxw",
    # Apache would read these as /csp/user/page.csp, and the Web Gateway perhaps not.
    "/csp/sys/../user/page.csp",
    "/csp/sys/%2e%2e/user/page.csp",
    "/csp/user/./page.csp",
    "/server-status",
    "/status",
    "/status/web-server/x",
    "/status/region",
    "/status/region/mirror_status.cxw/x",
    "/icons/",
    "/manual/",
]


@pytest.mark.parametrize("target", OPEN)
def test_pages_of_applications_are_open(lab: WebLab, target: str) -> None:
    answer = lab.get(target)
    assert (answer.status, answer.by_the_gateway) == (200, True)
    assert answer.body.decode().endswith(target)


@pytest.mark.parametrize("target", CLOSED)
def test_everything_else_is_closed_however_it_is_written(lab: WebLab, target: str) -> None:
    answer = lab.get(target)
    assert not answer.by_the_gateway
    assert answer.status in (400, 403, 404)


def test_no_file_is_served(lab: WebLab) -> None:
    lab.put("/etc/cdk-intersystems/web/root/index.html", b"a file")
    for target in ("/index.html", "/"):
        assert lab.get(target).status == 403


FORWARDED = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-For: 127.0.0.1, 127.0.0.1",
    "Forwarded: for=127.0.0.1;host=localhost",
    "X-Real-IP: 127.0.0.1",
    "X-Forwarded-Host: localhost",
    f"X-Original-URL: {MANAGEMENT}",
    f"X-Rewrite-URL: {MANAGEMENT}",
]


def test_management_pages_are_closed_to_whoever_claims_to_be_local(lab: WebLab) -> None:
    for header in FORWARDED:
        assert lab.get(MANAGEMENT, header).status == 403
    assert lab.get(MANAGEMENT, *FORWARDED, method="POST").status == 403
    assert lab.get("/csp/user/page.csp", *FORWARDED).body == b"10.20.5.11 /csp/user/page.csp"


def test_management_pages_are_closed_on_the_host_itself(lab: WebLab) -> None:
    said = lab.host.run("curl", "--insecure", "--silent", "--include", f"https://localhost{MANAGEMENT}").output
    assert said.startswith("HTTP/1.1 403 ")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_only_help_attackers_are_closed(lab: WebLab, method: str) -> None:
    answer = lab.get("/csp/user/page.csp" if method == "TRACE" else f"{WEB}:1972", method=method)
    assert answer.status >= 400
    assert not answer.by_the_gateway


# What is written down


def test_no_query_and_no_data_in_an_address_is_logged(lab: WebLab) -> None:
    for target in (
        f"/csp/user/page.csp?name={SECRET}",
        f"/csp/healthshare/demo/fhir/r4/Patient/{SECRET}",
        f"/csp/user/{SECRET}/page.csp/x",
        f"/csp/sys/UtilHome.csp?name={SECRET}",
        f"{MANAGEMENT}?name={SECRET}",
        f"/api/monitor/{SECRET}",
        f"/{SECRET}?{SECRET}",
        f"/csp/user/%zz?{SECRET}",
        f"/csp/%2f{SECRET}",
        f"/csp/{SECRET}/../../../../x",
        f"/csp/user/{SECRET * 2000}",
        f"{REGION}?name={SECRET}",
        f"/status/web-server?name={SECRET}",
    ):
        lab.get(target, f"Referer: https://web/csp/{SECRET}", f"Cookie: {SECRET}=1")
    lab.raw(f"GET /csp/{SECRET}\r\n\r\n".encode())
    lab.raw(f"{SECRET} nonsense\r\n\r\n".encode())
    lab.raw(f"GET /csp/user/a.csp HTTP/1.1\r\nHost: {SECRET}_/x\r\n{SECRET}\r\n\r\n".encode())
    lab.get("/csp/user/last.csp")
    lab.host.wait_until("the log", lambda: "/csp/user/last.csp" in lab.host.journal())
    journal = lab.host.journal()
    assert "GET /csp/user/page.csp 200" in journal
    assert "GET /csp/... 200" in journal
    assert SECRET not in journal
    assert SECRET not in lab.host.run("sh", "-c", "cat /opt/webgateway/logs/* 2> /dev/null || true").output


# The region


def region(lab: WebLab) -> Response:
    """What the region's health check is told, not from memory."""
    lab.host.run("systemctl", "restart", "region-status.service")
    # Apache's own FAILED, while the responder is away, is no plain text.
    lab.host.wait_until("the responder", lambda: lab.get(REGION).headers["Content-Type"] == "text/plain")
    return lab.get(REGION)


def means(answer: Response, response: bytes) -> bool:
    """Whether an answer has the status, type, length and body of a member's response."""
    head, _, body = response.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    same = all(answer.headers.get(name) == value for name, value in (field.split(": ") for field in fields))
    return same and answer.status == int(first.split()[1]) and answer.body == body


PRIMARY, NOT_PRIMARY = primary("").full, not_primary("").full
LIES = [b"HTTP/1.1 200 OK\r\n\r\nFAILED", b"HTTP/1.1 503 Service Unavailable\r\n\r\nSUCCESS", b"SUCCESS", b""]


@pytest.mark.parametrize(
    ("a", "b", "response"),
    [
        (PRIMARY, NOT_PRIMARY, PRIMARY),
        (NOT_PRIMARY, PRIMARY, PRIMARY),
        ("dead", PRIMARY, PRIMARY),
        ("hangs", PRIMARY, PRIMARY),
        (NOT_PRIMARY, NOT_PRIMARY, NOT_PRIMARY),
        ("dead", "hangs", NOT_PRIMARY),
        ("refuses", "refuses", NOT_PRIMARY),
        *((lie, lie, NOT_PRIMARY) for lie in LIES),
    ],
)
def test_the_region_is_up_if_a_member_of_it_is_primary(lab: WebLab, a: bytes | str, b: bytes | str, response: bytes) -> None:
    for member, state in zip(lab.members.values(), (a, b), strict=True):
        member.reachable(state != "dead")
        member.silence(2189)
        if isinstance(state, bytes):
            member.mirror_status(state)
        elif state == "hangs":
            member.mirror_status(None)
    assert means(region(lab), response)


def test_however_many_ask_a_member_is_asked_once_a_second(lab: WebLab) -> None:
    for member in lab.members.values():
        member.reachable(True)
        member.mirror_status(PRIMARY)
    assert means(region(lab), PRIMARY)
    for member in lab.members.values():
        member.asked_for_status = 0
    command = "for i in 1 2 3 4 5 6 7 8; do curl -sk https://localhost$0 & done; wait"
    assert lab.host.run("sh", "-c", command, REGION).output == "SUCCESS" * 8
    assert all(member.asked_for_status <= 3 for member in lab.members.values())


def test_whoever_asks_while_members_are_being_asked_waits_for_the_same_answer(lab: WebLab) -> None:
    for member in lab.members.values():
        member.mirror_status(None)
    lab.host.run("systemctl", "restart", "region-status.service")
    lab.host.wait_until("the responder", lambda: ":2190" in lab.host.run("ss", "-Hltn").output)
    for member in lab.members.values():
        member.asked_for_status = 0
    command = "for i in 1 2 3 4 5 6 7 8; do curl -sk https://localhost$0 & done; wait"
    assert lab.host.run("sh", "-c", command, REGION).output == "FAILED" * 8
    assert all(member.asked_for_status <= 2 for member in lab.members.values())
    for member in lab.members.values():
        member.mirror_status(PRIMARY)
    assert means(region(lab), PRIMARY)


def test_a_head_request_has_no_body_and_others_are_refused(lab: WebLab) -> None:
    answer = lab.get(REGION, method="HEAD")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "7")
    assert lab.get(REGION, method="POST").status == 405


def test_without_its_responder_the_region_is_not_up(lab: WebLab) -> None:
    lab.host.run("systemctl", "stop", "region-status.service")
    answer = lab.get(REGION)
    assert (answer.status, answer.body) == (503, b"FAILED")
    lab.host.run("systemctl", "start", "region-status.service")


# Rendering


def test_each_distribution_has_its_own_paths() -> None:
    template = "User @user@\n@modules@"
    rhel = apache.render(template, apache.distribution("rhel9"), server_name="x", paths=["/csp"], digests={})
    assert rhel.startswith("User apache\n")
    assert '"/usr/lib64/httpd/modules/mod_ssl.so"' in rhel
    ubuntu = apache.render(template, apache.distribution("ubuntu2204"), server_name="x", paths=["/csp"], digests={})
    assert ubuntu.startswith("User www-data\n")
