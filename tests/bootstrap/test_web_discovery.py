"""Application servers come and go behind a web server, and nothing that AWS fails to say takes one away."""

import os
from collections.abc import Iterator

import pytest

from cdk_intersystems.bootstrap.host import csp_ini
from tests.bootstrap.web_lab import PREPARE, WebLab, web_lab
from tests.bootstrap.web_machines import Machine

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and systemd", allow_module_level=True)

CSP_INI = "/opt/webgateway/bin/CSP.ini"
PAGE = "/csp/user/page.csp"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebLab]:
    with web_lab(tmp_path_factory.mktemp("web")) as made:
        made.install()
        yield made


@pytest.fixture
def first(lab: WebLab) -> Machine:
    """The only server, as at the beginning."""
    server = lab.machines[0]
    lab.say(instances=[["i-0aa", server.address]], refused=[])
    lab.steps("discover")
    assert servers(lab) == {"i0aa": server.address}
    return server


def servers(lab: WebLab) -> dict[str, str]:
    """What the Web Gateway works with."""
    sections = csp_ini.read(lab.text(CSP_INI))
    for path in sections["APP_PATH_INDEX"]:
        named = sections[f"APP_PATH:{path}"].items()
        alternatives = {value.rpartition("~")[2] for key, value in named if key.startswith("Alternative_Server_")}
        assert alternatives == set(sections["SYSTEM_INDEX"])
    return {name: sections[name]["Ip_Address"] for name in sections["SYSTEM_INDEX"]}


@pytest.fixture
def second(lab: WebLab, first: Machine) -> Iterator[Machine]:
    """One more, which AWS doesn't tell of yet."""
    server = lab.application_server()
    yield server
    server.remove()
    lab.machines.remove(server)


def both(first: Machine, second: Machine) -> list[list[str]]:
    return [["i-0aa", first.address], ["i-0bb", second.address]]


def test_a_server_that_answers_is_taken_up_and_the_gateway_told(lab: WebLab, first: Machine, second: Machine) -> None:
    assert lab.get(PAGE).status == 200
    assert "RELOAD=1" not in lab.text(CSP_INI)
    lab.say(instances=both(first, second))
    logged = lab.steps("discover")
    assert f"application server i0bb at {second.address} has come" in logged
    assert servers(lab) == {"i0aa": first.address, "i0bb": second.address}
    assert "RELOAD=1" in lab.text(CSP_INI)
    answered = {lab.get(PAGE).body.split()[0].decode() for _ in range(20)}
    assert answered == {first.address, second.address}


def test_a_session_stays_with_its_server_until_that_is_gone(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    lab.steps("discover")
    cookie = lab.get(PAGE).headers["Set-Cookie"].partition(";")[0]
    own = {"session=i0aa": first, "session=i0bb": second}[cookie]
    assert {lab.get(PAGE, f"Cookie: {cookie}").body.split()[0].decode() for _ in range(10)} == {own.address}
    own.silence(1972)
    other = lab.get(PAGE, f"Cookie: {cookie}")
    assert other.status == 200
    assert other.body.split()[0].decode() != own.address
    own.iris(lab.iris_certificate)


def test_a_server_that_does_not_answer_yet_waits(lab: WebLab, first: Machine, second: Machine) -> None:
    second.silence(1972)
    lab.say(instances=both(first, second))
    lab.steps("discover")
    assert servers(lab) == {"i0aa": first.address}
    second.iris(lab.iris_certificate)
    lab.steps("discover")
    assert set(servers(lab)) == {"i0aa", "i0bb"}


def test_a_server_that_is_known_stays_while_it_does_not_answer(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    lab.steps("discover")
    second.silence(1972)
    lab.steps("discover")
    assert set(servers(lab)) == {"i0aa", "i0bb"}


def test_a_server_that_runs_no_more_is_let_go(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    lab.steps("discover")
    lab.say(instances=[["i-0bb", second.address]])
    assert "application server i0aa at 10.20.5.11 has gone" in lab.steps("discover")
    assert servers(lab) == {"i0bb": second.address}
    assert lab.get(PAGE).body.split()[0].decode() == second.address


def test_a_server_replaced_at_the_same_address_is_another(lab: WebLab, first: Machine) -> None:
    lab.say(instances=[["i-0cc", first.address]])
    lab.steps("discover")
    assert servers(lab) == {"i0cc": first.address}


@pytest.mark.parametrize("says", [{"instances": []}, {"refused": ["instances"]}, {"instances": [["i-0dd", "10.20.5.99"]]}])
def test_no_answer_takes_anything_away(lab: WebLab, first: Machine, says: dict[str, object]) -> None:
    before = lab.host.path(CSP_INI).stat()
    lab.say(**says)
    done = lab.host.run("cdk-host", "discover", check=False)
    assert (done.status, done.errors) == ((1, "step discover: instances is refused\n") if "refused" in says else (0, ""))
    after = lab.host.path(CSP_INI).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert servers(lab) == {"i0aa": first.address}
    # Nor does a whole new start.
    if "refused" not in says:
        lab.steps(*PREPARE)
        lab.without_timer()
        assert servers(lab) == {"i0aa": first.address}


def test_the_same_answer_changes_nothing_in_whatever_order(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    lab.steps("discover")
    lab.say(instances=both(first, second)[::-1])
    before = lab.host.files().calm().without("/srv")
    assert lab.steps("discover") == ""
    assert lab.host.files().calm().without("/srv") == before


def test_what_the_gateway_has_overwritten_is_put_right(lab: WebLab, first: Machine, second: Machine) -> None:
    before = lab.text(CSP_INI)
    lab.say(instances=both(first, second))
    lab.steps("discover")
    # It read the former file, and wrote it back only now.
    lab.put(CSP_INI, before.encode(), 0o640)
    lab.steps("discover")
    assert set(servers(lab)) == {"i0aa", "i0bb"}


def test_interrupted_while_it_writes_it_is_made_up_for(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    for changes in (1, 2, 3):
        assert lab.dies_after(changes, "discover")
        lab.steps("discover")
        assert set(servers(lab)) == {"i0aa", "i0bb"}
        assert set(csp_ini.read(lab.text("/etc/cdk-intersystems/web/CSP.ini"))["SYSTEM_INDEX"]) == {"i0aa", "i0bb"}
        lab.say(instances=[["i-0aa", first.address]])
        lab.steps("discover")
        lab.say(instances=both(first, second))


def test_if_none_answers_at_first_those_that_run_are_taken(lab: WebLab, first: Machine, second: Machine) -> None:
    second.silence(1972)
    lab.host.path("/var/lib/cdk-intersystems/application-servers.json").unlink()
    lab.say(instances=[["i-0bb", second.address]])
    lab.steps("discovery")
    assert servers(lab) == {"i0bb": second.address}


def test_if_none_runs_at_first_it_starts_all_the_same_and_takes_the_first_that_comes(lab: WebLab, first: Machine) -> None:
    lab.host.path("/var/lib/cdk-intersystems/application-servers.json").unlink()
    lab.say(instances=[])
    assert "waited 0 s for a first application server: starting without one" in lab.steps("discovery")
    assert servers(lab) == {}
    assert lab.get("/status/web-server").status == 200
    assert lab.get(PAGE).status == 503
    lab.say(instances=[["i-0aa", first.address]])
    lab.steps("discover")
    assert lab.get(PAGE).status == 200


def test_a_timer_looks_by_itself(lab: WebLab, first: Machine, second: Machine) -> None:
    lab.say(instances=both(first, second))
    # At once, here, and not at random.
    lab.put("/etc/systemd/system/cdk-host-discover.timer.d/lab.conf", b"[Timer]\nRandomizedDelaySec=0\nOnUnitInactiveSec=1\n")
    lab.host.run("systemctl", "daemon-reload")
    lab.host.run("systemctl", "start", "cdk-host-discover.timer")
    lab.host.wait_until("the second server", lambda: set(servers(lab)) == {"i0aa", "i0bb"}, seconds=30)
    lab.without_timer()
    assert "Starting" not in lab.host.journal("--unit=cdk-host-discover.service", "--since=-60s")
    assert "has come" in lab.host.journal("--unit=cdk-host-discover.service")
