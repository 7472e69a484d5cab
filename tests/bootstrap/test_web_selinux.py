"""What Apache needs to be allowed by SELinux is allowed once. Only the commands are looked at: there is no SELinux here."""

import re
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host.steps import web_gateway
from tests.bootstrap.step_host import StepHost, Store

LABELED = {
    "/opt/webgateway/bin/CSPa24.so": "httpd_modules_t",
    "/opt/webgateway/bin/CSP.ini": "httpd_sys_rw_content_t",
    "/opt/webgateway/bin/CSPRT.ini": "httpd_sys_rw_content_t",
    "/opt/webgateway/bin/temp/page.dat": "httpd_sys_rw_content_t",
    "/opt/webgateway/logs/CSP.log": "httpd_log_t",
    "/run/web-server/httpd.pid": "httpd_var_run_t",
    "/irissys/tls/CAFile.pem": "cert_t",
}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepHost:
    """A host with SELinux, on which nothing was allowed yet."""
    selinux = tmp_path / "selinux"
    (selinux / "booleans").mkdir(parents=True)
    (selinux / "enforce").write_text("1")
    (selinux / "booleans" / "httpd_can_network_connect").write_text("0 0")
    monkeypatch.setattr(web_gateway, "_SELINUX", selinux)
    monkeypatch.setattr(web_gateway, "_MAY_CONNECT", selinux / "booleans" / "httpd_can_network_connect")
    monkeypatch.setattr(web_gateway, "_KNOWN_LABELS", tmp_path / "file_contexts.local")
    made = StepHost(Store(), "web")
    made.answers = dict.fromkeys(("setsebool", "semanage", "restorecon"), str)
    return made


def test_apache_may_connect_and_each_file_has_the_label_it_needs(host: StepHost) -> None:
    web_gateway.allow_in_selinux(host)
    assert "setsebool -P httpd_can_network_connect 1" in host.commands
    labels = [command.split()[4:] for command in host.commands if command.startswith("semanage fcontext --add --type ")]
    for path, label in LABELED.items():
        assert [known for known, pattern in labels if re.fullmatch(pattern, path)] == [label], path
    assert host.commands[-1].startswith("restorecon -R /opt/webgateway")


def test_what_is_allowed_is_not_allowed_again(host: StepHost) -> None:
    web_gateway.allow_in_selinux(host)
    # As semanage keeps it.
    added = [command.split()[4:] for command in host.commands if command.startswith("semanage ")]
    lines = [f"{pattern}    system_u:object_r:{label}:s0\n" for label, pattern in added]
    web_gateway._KNOWN_LABELS.write_text("".join(lines))
    web_gateway._MAY_CONNECT.write_text("1 1")
    host.said.clear()
    web_gateway.allow_in_selinux(host)
    assert host.said == []


def test_a_file_that_was_replaced_gets_its_label_again(host: StepHost) -> None:
    web_gateway.restore_label(host, "/opt/webgateway/bin/CSP.ini")
    assert host.commands == ["restorecon /opt/webgateway/bin/CSP.ini"]


def test_without_selinux_nothing_is_done(host: StepHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(web_gateway, "_SELINUX", tmp_path / "nothing")
    web_gateway.allow_in_selinux(host)
    web_gateway.restore_label(host, "/opt/webgateway/bin/CSP.ini")
    assert host.said == []
