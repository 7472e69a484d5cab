"""Steps of hosts whose mirror spans regions: whom they trust, through whom they join, and who waits for what."""

import os
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.call_out.requests import FailedError, RefusedError
from cdk_intersystems.bootstrap.host import authority, certificate, iris, member, network
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.iris import Instance
from cdk_intersystems.bootstrap.host.steps import authorize, call_out, certificates, ecp, instance, mirror, web_server
from tests.bootstrap.certificate_files import AUTHORITY_PARAMETER, Folder, ready_made_keys
from tests.bootstrap.lab.descriptions import plain_description
from tests.bootstrap.step_host import StepHost, Store, refusal

OTHERS = {
    "TRAKA": {"address": "10.20.1.10", "subject": "CN=TRAKA,OU=TRAK,O=lab"},
    "TRAKB": {"address": "10.20.2.10", "subject": "CN=TRAKB,OU=TRAK,O=lab"},
}
REGION = {
    "role": "dr",
    "own": "dr",
    "mirror_set": "TRAK",
    "table": "lab-TRAK-region-state",
    "table_region": "eu-west-1",
    "fenced_parameter": "/cdk-intersystems/lab/TRAK/fenced",
}


def described(role: str = "member", *, other_region: str = "eu-west-1", **changes: Any) -> dict[str, Any]:
    """A host of the DR region: members TRAKC and TRAKD, and two elsewhere."""
    plain = plain_description(role)
    members = {"TRAKC": "10.20.11.10", "TRAKD": "10.20.12.10"}
    here = {
        "members": members,
        "member_subjects": {name: f"CN={name},OU=TRAK,O=lab" for name in members},
        "others": OTHERS,
        "other_authority_region": other_region,
    }
    mine = {"name": "TRAKC", "member_type": "dr"} if role == "member" else {}
    return {"mirror": {**plain["mirror"], **here}, "region": REGION, **mine, **changes}


@pytest.fixture
def store() -> Store:
    return Store()


class Elsewhere:
    """The other region's SSM."""

    def __init__(self) -> None:
        self.pem = ""
        self.error: FailedError | None = None
        self.asked: list[tuple[str, str]] = []

    def call(self, service: str, target: str, request: Any, about: str, region: str = "", version: str = "1.0") -> Any:  # noqa: PLR0917
        self.asked.append((request["Name"], region))
        if self.error:
            raise self.error
        if not self.pem:
            raise RefusedError("ssm GetParameter", "ParameterNotFound", "")
        return {"Parameter": {"Value": self.pem}}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    monkeypatch.setattr(certificate, "new_key", ready_made_keys())
    made = Elsewhere()
    monkeypatch.setattr(authority, "_OTHERS", tmp_path / "state" / "other-authority.pem")
    monkeypatch.setattr(authority, "_SAID", tmp_path / "said" / "problem")
    monkeypatch.setattr(authority, "bounded", lambda _host: made)
    Folder(tmp_path, monkeypatch)
    return made


def another_authority(store: Store, tmp_path: Path) -> str:
    """What the members of another region have published."""
    host = StepHost(store)
    return certificate.new_authority(host, certificate.new_key(host), "/O=lab/OU=TRAK/CN=the other one", 9)


def trusted() -> str:
    return certificates.CA_FILE.read_text()


def test_members_trust_the_authorities_of_both_regions(store: Store, elsewhere: Elsewhere, tmp_path: Path) -> None:
    host = StepHost(store, **described())
    certificates.certificates(host)
    assert trusted() == store.parameters[AUTHORITY_PARAMETER]

    # Nobody had published the other one before. It is looked for every few seconds, and said once.
    assert not certificates.trust_others(host)
    assert len([line for line in host.said if "asked eu-west-1 for its certificate authority" in line]) == 1
    elsewhere.pem = another_authority(Store(), tmp_path)
    assert certificates.trust_others(host)
    assert trusted() == store.parameters[AUTHORITY_PARAMETER] + elsewhere.pem
    assert elsewhere.asked[-1] == (AUTHORITY_PARAMETER, "eu-west-1")
    # The own one is still the one that this host's certificate is of.
    certificates.certificates(host)
    assert trusted().count("BEGIN CERTIFICATE") == 2


def test_what_is_known_is_not_asked_for_again_and_outlives_the_other_region(
    store: Store, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    host = StepHost(store, **described())
    elsewhere.pem = another_authority(Store(), tmp_path)
    certificates.certificates(host)
    asked = len(elsewhere.asked)
    assert certificates.trust_others(host)
    assert len(elsewhere.asked) == asked

    elsewhere.error = FailedError("no answer from ssm.eu-west-1.amazonaws.com")
    os.utime(authority._OTHERS, (0, 0))
    before = trusted()
    assert certificates.trust_others(host)
    assert trusted() == before
    # Nor each few seconds while it is gone.
    asked = len(elsewhere.asked)
    certificates.trust_others(host)
    assert len(elsewhere.asked) == asked


def test_an_authority_that_began_anew_takes_the_place_of_the_former_one(
    store: Store, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    host = StepHost(store, **described())
    elsewhere.pem = former = another_authority(Store(), tmp_path)
    certificates.certificates(host)
    os.utime(authority._OTHERS, (0, 0))
    elsewhere.pem = another_authority(Store(), tmp_path)
    assert certificates.trust_others(host)

    assert former not in trusted()
    assert trusted() == store.parameters[AUTHORITY_PARAMETER] + elsewhere.pem


@pytest.mark.parametrize("rubbish", ["rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_not_trusted(store: Store, elsewhere: Elsewhere, rubbish: str) -> None:
    host = StepHost(store, **described())
    certificates.certificates(host)
    elsewhere.pem = rubbish

    assert not certificates.trust_others(host)
    assert trusted() == store.parameters[AUTHORITY_PARAMETER]
    assert any(line.startswith("warning: the parameter") for line in host.said)


def test_regions_of_one_authority_have_it_once(store: Store, elsewhere: Elsewhere) -> None:
    host = StepHost(store, **described())
    certificates.certificates(host)
    elsewhere.pem = trusted()

    assert certificates.trust_others(host)
    assert trusted().count("BEGIN CERTIFICATE") == 1


@pytest.mark.parametrize("changes", [{"other_region": ""}, {"role": "application"}])
def test_nobody_else_is_asked_for(store: Store, elsewhere: Elsewhere, changes: dict[str, Any]) -> None:
    assert certificates.trust_others(StepHost(store, changes.get("role", "member"), **described(**changes)))
    assert elsewhere.asked == []


# Joining


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The merge files with which a member was started."""
    done: list[str] = []
    down = Instance(Path("/irissys/sys"), "down", Path("/irissys/sys/iris.cpf"), "", "")
    monkeypatch.setattr(iris, "installed", lambda _host: down)
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: False)
    monkeypatch.setattr(mirror, "bring_up", lambda _host, merge: done.append(merge.name))
    monkeypatch.setattr(mirror, "trust_others", lambda _host: True)
    monkeypatch.setattr(mirror, "_claimed", lambda _host: {"member": "TRAKA", "number": "1"})
    monkeypatch.setattr(mirror, "_number", lambda _host: "2")
    return done


def primary(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(network, "is_primary", lambda each: each == address)


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("10.20.1.10", "join-async-TRAKA.cpf"),
        ("10.20.2.10", "join-async-TRAKB.cpf"),
        # Its own neighbour, which was promoted while this one lost its volumes.
        ("10.20.12.10", "join-async-TRAKD.cpf"),
    ],
)
def test_a_member_of_the_dr_region_joins_through_whoever_is_primary(
    joined: list[str], monkeypatch: pytest.MonkeyPatch, address: str, file: str
) -> None:
    primary(monkeypatch, address)
    mirror.start_member(StepHost(Store(), **described()))

    assert joined == [file]


@pytest.mark.parametrize(("address", "file"), [("10.20.2.10", "join.cpf"), ("10.20.11.10", "join-async-TRAKC.cpf")])
def test_a_member_of_the_home_region_joins_as_what_the_mirror_can_take(
    joined: list[str], monkeypatch: pytest.MonkeyPatch, address: str, file: str
) -> None:
    """Without its volumes: next to its neighbour as a failover member, and otherwise for disaster recovery."""
    there = {"TRAKC": {"address": "10.20.11.10", "subject": "x"}, "TRAKD": {"address": "10.20.12.10", "subject": "x"}}
    plain = plain_description("member")["mirror"]
    primary(monkeypatch, address)
    mirror.start_member(StepHost(Store(), mirror={**plain, "others": there}, region={**REGION, "role": "primary"}))

    assert joined == [file]


def test_outside_aws_each_member_whose_agent_answers_is_tried(joined: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no responder of ours on the premises; the backup refuses, the primary takes it."""

    def bring_up(_host: Any, merge: Path) -> None:
        joined.append(merge.name)
        if "TRAKA" in merge.name:
            raise StepError("the instance started, and join-async-TRAKA.cpf did not take effect")

    monkeypatch.setattr(mirror, "bring_up", bring_up)
    primary(monkeypatch, "nobody's")
    monkeypatch.setattr(network, "takes_connections", lambda _address, port, _seconds=0: port == 2188)
    host = StepHost(Store(), **described(other_region=""))
    mirror.start_member(host)

    assert joined == ["join-async-TRAKA.cpf", "join-async-TRAKB.cpf"]
    assert any("could not join through TRAKA (10.20.1.10): the instance started" in line for line in host.said)


def test_nobody_is_tried_who_says_that_it_is_not_primary_or_is_not_there(
    joined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    primary(monkeypatch, "nobody's")
    for open_ports in ((2188, 2189), ()):
        monkeypatch.setattr(network, "takes_connections", lambda _address, port, _seconds=0, ports=open_ports: port in ports)
        said = refusal(lambda: mirror.start_member(StepHost(Store(), **described(other_region=""))))
        assert "for a primary of the mirror TRAK to join: TRAKD (10.20.12.10), TRAKA (10.20.1.10), TRAKB (10.20.2.10)" in said
    assert joined == []


def test_the_primary_authorizes_the_names_of_both_regions_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waiting = [f"member CN=TRAK{letter}, OU=TRAK, O=lab" for letter in "ACX"]
    authorized: list[str] = []

    def call(_host: Any, what: str, **_options: Any) -> str:
        if what.startswith("Pending"):
            return "".join(f"cdk:{each}\n" for each in waiting) + "cdk:end\n"
        authorized.append(what)
        return "cdk:done\n"

    monkeypatch.setattr(iris, "call", call)
    monkeypatch.setattr(iris, "look", lambda _name: Instance(tmp_path, "running", tmp_path, "Failover", "Primary"))
    monkeypatch.setattr(network, "connected_to_superserver", set)
    monkeypatch.setattr(authorize, "_LOOKED", tmp_path / "looked")
    monkeypatch.setattr(authorize, "trust_others", lambda _host: True)
    host = StepHost(Store(), **described())

    assert authorize.authorize(host) == 2
    assert [each.split('"')[1] for each in authorized] == ["CN=TRAKA, OU=TRAK, O=lab", "CN=TRAKC, OU=TRAK, O=lab"]
    assert any("not authorized, as it is no name of this deployment: member CN=TRAKX" in line for line in host.said)


def test_a_member_that_waits_has_the_call_out_of_one_that_does_not() -> None:
    mine = {"mirror_set": "TRAK", "member": "a", "takeover_wait_seconds": 1}
    host = StepHost(Store(), **described(call_out=mine))
    object.__setattr__(host.settings, "call_out", object())

    assert call_out._wanted(host) is not None
    assert call_out._wanted(StepHost(Store(), "arbiter", **described("arbiter"))) is None


# Servers of tiers, and runbooks


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    found = Instance(Path("/irissys/sys"), "down", Path("/irissys/sys/iris.cpf"), "", "")
    monkeypatch.setattr(iris, "installed", lambda _host: found)
    monkeypatch.setattr(iris, "look", lambda _name: found)
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: False)
    monkeypatch.setattr(instance, "bring_up", lambda _host, merge: done.append(merge.name))
    return done


def test_an_application_server_of_a_region_that_waits_is_ready_without_iris(
    started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The primary is elsewhere: that is not this region's.
    primary(monkeypatch, "10.20.1.10")
    host = StepHost(Store(), "application", **described("application"))
    instance.start_instance(host)
    ecp.ecp_is_connected(host)

    assert (started, host.commands) == ([], [])
    assert host.said == ["ready to start when a member of TRAK in this region is primary: TRAKC, TRAKD"]
    assert not instance.is_to_start(host)


def test_it_starts_when_the_region_has_a_primary(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    primary(monkeypatch, "10.20.12.10")
    host = StepHost(Store(), "application", **described("application"))

    assert instance.is_to_start(host)
    instance.start_instance(host)
    assert started == ["via-d.cpf"]
    # Once it is what it is to be, systemd starts it, and a person may stop it.
    monkeypatch.setattr(iris, "is_configured", lambda _host, _instance: True)
    assert not instance.is_to_start(host)


def test_in_the_home_region_nobody_is_content_without_a_primary(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    primary(monkeypatch, "nobody's")
    host = StepHost(Store(), "application", **described("application", region={**REGION, "role": "primary"}))

    assert "for a primary of TRAK at" in refusal(lambda: instance.start_instance(host))
    assert not instance.is_to_start(host)


def test_a_web_server_of_a_region_that_waits_is_ready_with_its_status_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    primary(monkeypatch, "10.20.1.10")
    asked: list[str] = []

    def status_of(path: str) -> int:
        asked.append(path)
        return 503 if path == web_server.REGION_STATUS_PATH else 200

    monkeypatch.setattr(web_server, "status_of", status_of)
    host = StepHost(Store(), "web", **described("web"))
    web_server.pages_answer(host)

    assert asked == [web_server.STATUS_PATH, web_server.REGION_STATUS_PATH]


@pytest.mark.parametrize(("kind", "refused"), [("Disaster Recovery", True), ("Failover", False)])
def test_runbooks_work_on_a_member_once_it_was_promoted(monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool) -> None:
    found = Instance(Path("/irissys/sys"), "running", Path("/irissys/sys/iris.cpf"), kind, "Backup")
    monkeypatch.setattr(iris, "look", lambda _name: found)

    assert member._is_failover(StepHost(Store(), **described())) is not refused
