"""A web server installs itself, and goes on serving whatever happens to it: real systemd, real Apache, no real Web Gateway."""

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bootstrap import fake_web_gateway
from tests.bootstrap.web_lab import PREPARE, WEB, WebLab, web_lab
from tests.bootstrap.web_machines import PASSWORD, Authority

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and systemd", allow_module_level=True)

STATUS = "/status/web-server"
PAGE = "/csp/user/page.csp"
CSP_INI = "/opt/webgateway/bin/CSP.ini"
CONFIGURATION = "/etc/cdk-intersystems/web/httpd.conf"
TEMPLATE = "/opt/cdk-intersystems/bootstrap/web/httpd.conf"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebLab]:
    with web_lab(tmp_path_factory.mktemp("web")) as made:
        made.install()
        yield made


def commands(logged: str) -> list[str]:
    return [line for line in logged.splitlines() if line.startswith("+ ") and not line.startswith("+ systemctl show ")]


def test_the_first_run_makes_a_web_server(lab: WebLab) -> None:
    lab.steps("pages_answer")
    assert lab.get(STATUS).status == 200
    assert lab.get(PAGE).body == b"10.20.5.11 /csp/user/page.csp"
    assert lab.machines[0].asked[-1] == f"CSPSystem {PASSWORD} {PAGE}\n"


def test_the_second_run_changes_nothing_and_asks_aws_nothing(lab: WebLab) -> None:
    lab.calls()
    before = lab.host.files().calm()
    logged = lab.steps(*PREPARE)
    lab.without_timer()
    assert lab.host.files().calm() == before
    assert commands(logged) == ["+ systemctl start cdk-host-discover.timer"], "which the test has stopped"
    assert lab.calls() == []


def test_it_starts_again_by_itself_and_without_aws(lab: WebLab) -> None:
    lab.get(PAGE)
    assert "RELOAD=1" not in lab.text(CSP_INI), "the Web Gateway has taken it out"
    lab.say(refused=["instances", "secret", "kit"])
    lab.host.reboot()
    lab.without_timer()
    assert "RELOAD=1" in lab.text(CSP_INI), "or it might not ask for the password again"
    lab.steps("pages_answer")
    assert lab.get(PAGE).status == 200
    lab.say(refused=[])


def test_nothing_behind_it_concerns_the_load_balancer(lab: WebLab) -> None:
    server = lab.machines[0]
    server.silence(1972)
    try:
        assert lab.get(PAGE).status == 503
        answer = lab.get(STATUS)
        assert (answer.status, answer.body, answer.by_the_gateway) == (200, b"SUCCESS", False)
    finally:
        server.iris(lab.iris_certificate)


def test_a_server_whose_certificate_is_of_another_authority_gets_no_password(lab: WebLab, tmp_path: Path) -> None:
    server = lab.machines[0]
    server.silence(1972)
    asked = len(server.asked)
    server.iris(Authority(tmp_path).context())
    try:
        assert lab.get(PAGE).status == 503
        assert len(server.asked) == asked
    finally:
        server.silence(1972)
        server.iris(lab.iris_certificate)


def test_the_password_stands_nowhere_else(lab: WebLab) -> None:
    lab.get(PAGE)
    kept = "/etc/cdk-intersystems/web/csp-system-password"
    everywhere = ["/etc", "/opt", "/var", "/run", "/usr/local", "/tmp", "/home", "/root"]
    assert lab.host.run("grep", "-rlF", PASSWORD, *everywhere, check=False).output.split() == [kept]
    assert lab.host.run("stat", "-c", "%a %U", kept).output == "400 www-data\n"
    processes = lab.host.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'").output
    assert "apache2" in processes
    assert PASSWORD not in processes + lab.logged + lab.host.journal()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(("version", "speaks"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_only_tls_1_2_and_later(lab: WebLab, version: str, speaks: bool) -> None:
    context = lab.tls()
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    # Or this side wouldn't even offer the old one.
    context.set_ciphers("ALL:@SECLEVEL=0")
    request = f"GET {STATUS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    if speaks:
        assert lab.raw(request, context).startswith(b"HTTP/1.1 200 ")
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            lab.raw(request, context)


def test_nothing_else_listens_for_others(lab: WebLab) -> None:
    listening = lab.host.run("ss", "-Hltn").output.splitlines()
    open_to_all = {line.split()[3].rpartition(":")[2] for line in listening if not line.split()[3].startswith("127.")}
    assert open_to_all == {"443"}


def test_headers_say_little_and_protect(lab: WebLab) -> None:
    headers = lab.get(PAGE).headers
    assert headers["Server"] == "Apache"
    for name in ("Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
        assert name in headers


def test_a_broken_configuration_never_replaces_a_working_one(lab: WebLab) -> None:
    before, right = lab.text(CONFIGURATION), lab.text(TEMPLATE)
    lab.put(TEMPLATE, right.replace("KeepAlive On", "KeepAlive Perhaps").encode())
    said = lab.fails("web_server")
    lab.put(TEMPLATE, right.encode())
    assert said.startswith("step web_server: Apache refuses its new configuration, the former one stays: ")
    assert len(said.splitlines()) == 1
    assert lab.text(CONFIGURATION) == before
    assert lab.get(STATUS).status == 200
    assert commands(lab.steps("web_server")) == []


def test_a_certificate_without_its_key_never_replaces_a_working_pair(lab: WebLab) -> None:
    before, right = certificate_of(lab), lab.text("/irissys/tls/PrivateKeyFile.pem")
    _, key = lab.authority.issue("another", self_signed=True)
    lab.put("/irissys/tls/PrivateKeyFile.pem", key.read_bytes())
    said = lab.fails("web_server")
    assert "CertificateFile.pem and PrivateKeyFile.pem don't belong together, the former ones stay: KEY_VALUES_MISMATCH" in said
    assert len(said.splitlines()) == 1
    lab.host.run("systemctl", "restart", "web-server.service")
    assert certificate_of(lab) == before, "it even starts again with them"
    lab.put("/irissys/tls/PrivateKeyFile.pem", right.encode())
    assert commands(lab.steps("web_server")) == []


def certificate_of(lab: WebLab) -> bytes:
    with lab.client.connect(WEB, 443) as plain, lab.tls().wrap_socket(plain) as connection:
        return connection.getpeercert(binary_form=True) or b""


@contextmanager
def under_way(lab: WebLab) -> Iterator[None]:
    """A request is being worked on in IRIS meanwhile, and is answered in the end."""
    server, answers = lab.machines[0], []
    server.released.clear()
    asked = len(server.asked)
    request = threading.Thread(target=lambda: answers.append(lab.get("/csp/held.csp").status))
    request.start()
    try:
        lab.host.wait_until("the request", lambda: len(server.asked) > asked)
        yield
    finally:
        server.released.set()
        request.join()
    assert answers == [200]


def test_a_renewed_certificate_is_taken_up_and_requests_under_way_are_answered(lab: WebLab) -> None:
    before = certificate_of(lab)
    with under_way(lab):
        lab.certified(lab.authority)
        assert "+ systemctl reload web-server.service" in lab.steps("web_server")
        lab.host.wait_until("the new certificate", lambda: certificate_of(lab) != before)
    assert commands(lab.steps("web_server")) == []


def test_a_reload_that_was_interrupted_is_made_up_for(lab: WebLab) -> None:
    before = certificate_of(lab)
    lab.certified(lab.authority)
    assert lab.dies_after(2, "web_server"), "after the test of the configuration"
    assert certificate_of(lab) == before
    lab.steps("web_server")
    lab.host.wait_until("the new certificate", lambda: certificate_of(lab) != before)


def test_leaving_tells_the_load_balancer_first_and_answers_what_is_under_way(lab: WebLab) -> None:
    leaving = threading.Thread(target=lab.steps, args=("stop_gracefully=1.5",))
    with under_way(lab):
        leaving.start()
        lab.host.wait_until("the load balancer being told", lambda: lab.get(STATUS).status == 503)
        assert lab.get(PAGE).status == 200, "who is sent here all the same is served"
        lab.host.wait_until("nobody else being admitted", lambda: not listens(lab))
    leaving.join()
    lab.steps("web_server")
    lab.host.wait_until("the web server", lambda: listens(lab) and lab.get(STATUS).status == 200)


def listens(lab: WebLab) -> bool:
    try:
        lab.client.connect(WEB, 443).close()
    except ConnectionRefusedError:
        return False
    return True


def test_interrupted_again_and_again_it_becomes_the_same(lab: WebLab, tmp_path: Path) -> None:
    with web_lab(tmp_path) as other:
        other.say(instances=lab.aws["instances"])
        server = other.application_server()
        changes = 1
        while other.dies_after(changes, *PREPARE):
            other.without_timer()
            changes += 1
        assert changes > 4
        assert other.get(STATUS).status == 200
        assert other.get(PAGE).status == 200
        assert server.asked
        assert sorted(other.host.files().calm().without("/srv")) == sorted(lab.host.files().calm().without("/srv"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebLab]:
    """A web server in front of the mirror itself, not yet installed."""
    with web_lab(tmp_path_factory.mktemp("bare"), tier="") as made:
        yield made


def without(name: str) -> bytes:
    return fake_web_gateway.kit({path: text for path, text in fake_web_gateway.files().items() if not path.endswith(name)})


def test_what_is_wrong_with_a_kit_is_told_in_one_line(bare: WebLab) -> None:
    broken = fake_web_gateway.files() | {"install/GatewayInstall": b"#!/bin/sh\necho no such platform >&2\nexit 3\n"}
    for kit, message in (
        (without("GatewayInstall"), "the kit WebGateway.tar.gz has no install/GatewayInstall: give the kit of the Web Gateway"),
        (fake_web_gateway.kit(broken), "ended with 3: no such platform"),
        (b"not a tar", "This does not look like a tar archive"),
    ):
        bare.put("/srv/kit", kit)
        said = bare.fails("web_gateway")
        assert message in said or "tar" in said
        assert len(said.splitlines()) == 1
    bare.description["kit"] = None
    bare.say()
    said = bare.fails("web_gateway")
    assert "/opt/webgateway/bin/CSPa24.so is missing on this image: give the deployment a kit" in said


def test_what_is_wrong_with_the_password_is_told_in_one_line(bare: WebLab) -> None:
    bare.say(arn="")
    assert "the settings name no secret with the password of CSPSystem, secrets.gateway" in bare.fails("gateway_password")
    for wrong in ("", "two\nlines"):
        bare.say(arn="arn:secret", secret=wrong)
        said = bare.fails("gateway_password")
        assert "the secret arn:secret is empty or has a line break in it" in said
        assert "lines" not in said
    bare.say(secret=PASSWORD)


def test_without_an_application_tier_pages_come_from_the_mirror(bare: WebLab) -> None:
    bare.description["kit"] = {"bucket": "kits", "key": "WebGateway.tar.gz", "sha256": "1" * 64, "region": ""}
    bare.say(instances=None)
    bare.put("/srv/kit", fake_web_gateway.kit(fake_web_gateway.files()))
    bare.members["TRAKB"].iris(bare.iris_certificate)
    bare.steps(*PREPARE, "pages_answer")
    assert bare.get(PAGE).body == b"10.20.2.10 /csp/user/page.csp"
    assert "Mirror_Aware=1" in bare.text(CSP_INI)
    bare.steps("discover")
    assert "instances" not in bare.calls()
