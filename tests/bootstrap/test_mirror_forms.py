"""Two members and an arbiter, started at once, become a mirror with TLS; and what comes after that."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cdk_intersystems.model.cpf import member
from cdk_intersystems.model.cpf.member import DrMember
from tests.bootstrap.iris_lab import MEMORY, PREPARE, SERVE, MirrorLab, change_description, state
from tests.bootstrap.lab.lab import Lab, LabHost

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

CREATED = "/cdk-intersystems/lab/TRAK/created"
IRIS_OWN = (
    "/irissys/sys/_LastGood_.cpf",
    "/irissys/sys/iris.cpf",
    "/irissys/sys/mgr/",
    "/irissys/wij/",
    "/irissys/jrn",
    "/irissys/db/",
)


class Mirror:
    """The mirror as it was formed.

    Attributes:
        waited_for: What the members waited for before the arbiter was there.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.made = lab, MirrorLab(lab, folder)
        self.arbiter, self.a, self.b = self.made.arbiter(), self.made.member("a"), self.made.member("b")
        self.members = {"TRAKA": self.a, "TRAKB": self.b}
        for host in (self.a, self.b):
            host.power_on()
        for host in (self.a, self.b):
            host.wait_until("the arbiter is waited for", lambda host=host: "waiting for the arbiter" in host.journal())
        self.arbiter.boot()
        # What the timer does every 15 seconds is done as soon as there is something to do.
        self.arbiter.wait_until("a member waits for being authorized", lambda: any(map(_somebody_waits, self.members.values())))
        (primary,) = filter(_somebody_waits, self.members.values())
        primary.run("systemctl", "start", "cdk-host-authorize.service")
        for host in (self.a, self.b, self.arbiter):
            lab.wait_for_signal(host, seconds=120)

    @property
    def claim(self) -> dict[str, str]:
        found = self.lab.aws.client("ssm").get_parameter(Name=CREATED)["Parameter"]["Value"]
        return dict(json.loads(found))

    @property
    def primary(self) -> LabHost:
        """The primary, once the other member is its backup: on a busy machine the mirror may have to come to rest first."""
        words = ["Backup", "Primary"]
        self.a.wait_until(
            "one is primary, one backup", lambda: sorted(state(host)[2] for host in self.members.values()) == words
        )
        (found,) = [host for host in self.members.values() if state(host)[2] == "Primary"]
        return found

    def name(self, host: LabHost) -> str:
        """A member's name in the mirror."""
        (found,) = [name for name, each in self.members.items() if each is host]
        return found

    @property
    def backup(self) -> LabHost:
        (found,) = [host for host in self.members.values() if host is not self.primary]
        return found


def _somebody_waits(host: LabHost) -> bool:
    log = host.path("/irissys/sys/mgr/messages.log")
    return log.exists() and "is pending for authorization" in log.read_text()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Lab() as lab:
        yield Mirror(lab, tmp_path_factory.mktemp("kits"))


def is_backup(host: LabHost) -> bool:
    return state(host) == ("running", "Failover", "Backup")


def test_exactly_one_member_creates_the_mirror_and_the_other_one_is_its_backup(mirror: Mirror) -> None:
    assert mirror.members[mirror.claim["member"]] is mirror.primary
    assert state(mirror.primary) == ("running", "Failover", "Primary")
    said = [host.journal("-u", "cdk-host-serve") for host in (mirror.primary, mirror.backup)]
    assert ["this member creates the mirror" in each for each in said] == [True, False]


def test_the_mirror_uses_tls_with_certificates_of_its_own_authority(mirror: Mirror) -> None:
    for name, host in mirror.members.items():
        assert re.search(r"(?m)^TRAK=.*", host.path("/irissys/sys/iris.cpf").read_text())
        shown = host.run(
            "openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", "/irissys/tls/CertificateFile.pem"
        )
        assert shown.output == f"subject=CN={name},OU=TRAK,O=lab\n"
        assert host.run("stat", "-c", "%a %U:%G", "/irissys/tls/PrivateKeyFile.pem").output == "640 irisowner:irisusr\n"
    authorities = {host.path("/irissys/tls/CAFile.pem").read_text() for host in mirror.members.values()}
    assert len(authorities) == 1
    assert f"authorized CN={mirror.name(mirror.backup)}, OU=TRAK, O=lab" in mirror.primary.journal()
    assert {host.unit_state("cdk-host-authorize.timer") for host in mirror.members.values()} == {"active"}


def test_application_servers_are_authorized_on_every_member_beforehand(mirror: Mirror) -> None:
    for host in mirror.members.values():
        said = host.run(
            *("setpriv", "--reuid=irisowner", "--regid=irisowner", "--init-groups", "--"),
            *("iris", "terminal", "IRIS", "-U", "%SYS", "Clients^%ZcdkHost"),
        ).output
        assert [line for line in said.splitlines() if line.startswith("cdk:")] == [
            "cdk:client CN=ecp-client, OU=TRAK, O=lab",
            "cdk:end",
        ]


def test_nothing_secret_is_left_anywhere(mirror: Mirror) -> None:
    authority = mirror.lab.aws.client("secretsmanager").get_secret_value(SecretId=mirror.lab.secret_arns["authority"])
    key = json.loads(authority["SecretString"])["private_key"].splitlines()[5]
    secrets = {**mirror.lab.secrets, "the authority's key": key}
    for host in (*mirror.members.values(), mirror.arbiter):
        root = host.path("/")
        places = [root / place for place in ("etc", "opt", "var", "run", "tmp", "irissys", "usr/local", "root", "dev/shm")]
        found = subprocess.run(
            ["grep", "-r", "-l", "-F", *(word for secret in secrets.values() for word in ("-e", secret)), *places],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.splitlines()
        shown = {str(Path("/") / Path(path).relative_to(root)) for path in found}
        # The licence key's place, for the instance's owner and group alone.
        assert shown == ({"/irissys/sys/mgr/iris.key"} if host is not mirror.arbiter else set()), host.name
        said = host.journal() + "".join(Path(f"/proc/{pid}/cmdline").read_text(errors="replace") for pid in host.processes())
        assert not [name for name, secret in secrets.items() if secret in said]
        assert not host.path("/run/cdk-intersystems-iris").exists()
        assert not host.path("/run/cdk-intersystems/iris.env").exists()
        assert not host.path("/var/lib/cdk-intersystems/kit").exists()
        # Who called what, with which arguments, as the fake has noted it.
        assert not [name for name, secret in secrets.items() if secret in host.path("/var/log/fake-iris/calls").read_text()]
    assert mirror.a.run("stat", "-c", "%a %U:%G", "/irissys/sys/mgr/iris.key").output == "640 irisowner:irisusr\n"


def test_another_start_changes_nothing_asks_nobody_and_keeps_the_mirror(mirror: Mirror) -> None:
    host = mirror.backup
    before = host.files().calm().without(*IRIS_OWN)
    mirror.lab.aws.forget_calls()
    said = len(host.journal("-u", "cdk-host"))
    host.reboot()
    host.wait_for_unit("iris.service")
    host.wait_until("it is the backup again", lambda: is_backup(host))

    assert host.files().calm().without(*IRIS_OWN).changes_to(before) == []
    assert [call for call in mirror.lab.aws.calls() if call.host == host.name] == []
    commands = [line for line in host.journal("-u", "cdk-host")[said:].splitlines() if line.startswith("+ ")]
    assert len(commands) > 3
    looking = ("+ systemctl show ", "+ openssl ", "+ systemctl start --no-block iris.service")
    assert not [line for line in commands if not line.startswith(looking)]
    # It has served with this version, and is started by its unit alone.
    assert host.unit_state("cdk-host-serve.service") == "inactive"


def test_a_member_that_was_forced_down_stays_down_until_a_person_or_a_start_of_the_host(mirror: Mirror) -> None:
    host = mirror.backup
    process = host.run("systemctl", "show", "--property=ControlGroup", "--value", "iris.service").output.strip()
    assert process
    host.run("systemctl", "kill", "--signal=KILL", "iris.service")
    host.wait_until("systemd knows", lambda: host.unit_state("iris.service") in ("failed", "inactive"))
    host.run("sleep", "1")
    assert host.unit_state("iris.service") in ("failed", "inactive")
    assert "Scheduled restart job" not in host.journal("-u", "iris")

    host.run("systemctl", "start", "iris.service")
    host.wait_until("it is the backup again", lambda: is_backup(host))


def test_stopping_the_unit_stops_the_instance_in_good_order(mirror: Mirror) -> None:
    host = mirror.backup
    host.run("systemctl", "stop", "iris.service")
    assert state(host)[0] == "down"
    assert host.unit_state("iris.service") == "inactive"
    # The agent is the host's and goes on.
    assert host.unit_state("ISCAgent.service") == "active"
    host.run("systemctl", "start", "iris.service")
    host.wait_until("it is the backup again", lambda: is_backup(host))


def test_the_agent_may_be_restarted_without_the_instance(mirror: Mirror) -> None:
    host = mirror.backup
    began = _began(host)
    host.run("systemctl", "restart", "ISCAgent.service")
    host.wait_until("it is the backup", lambda: is_backup(host))
    assert _began(host) == began


def test_a_renewed_certificate_has_the_same_name_and_needs_no_authorization(mirror: Mirror) -> None:
    host = mirror.backup
    name = mirror.name(host)
    before = host.path("/irissys/tls/CertificateFile.pem").read_text()
    host.run("cdk-host", "renew")
    assert host.path("/irissys/tls/CertificateFile.pem").read_text() == before

    # A third of these is more than is left of the 90 days.
    described = json.loads(host.run("cat", "/opt/cdk-intersystems/config/host.json").output)
    change_description(host, tls={**described["tls"], "days": 400})
    authorized = mirror.primary.journal().count(f"authorized CN={name}")
    host.run("cdk-host", "renew")
    after = host.path("/irissys/tls/CertificateFile.pem").read_text()
    assert after != before
    shown = host.run(
        "openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", "/irissys/tls/CertificateFile.pem"
    ).output
    assert shown == f"subject=CN={name},OU=TRAK,O=lab\n"
    host.run("systemctl", "restart", "iris.service")
    host.wait_until("it is the backup again", lambda: is_backup(host))
    assert mirror.primary.journal().count(f"authorized CN={name}") == authorized


def test_a_changed_version_is_merged_and_the_backup_started_anew_if_it_has_to_be(mirror: Mirror) -> None:
    host = mirror.backup
    began = _began(host)
    mirror.lab.change(host, files={"join.cpf": _join_file(host).replace("routines=80", "routines=96")})
    host.run("cdk-host", "apply", seconds=120)

    assert "routines=96" in host.path("/irissys/sys/iris.cpf").read_text()
    assert _began(host) != began
    host.wait_until("it is the backup again", lambda: is_backup(host))


def test_a_primary_takes_up_what_it_can_and_is_not_started_anew(mirror: Mirror) -> None:
    host = mirror.primary
    began = _began(host)
    host.path(_real(host, "join.cpf")).write_text(_join_file(host).replace("routines=80", "routines=96"))
    said = host.run("cdk-host", "serve", "--only", "start_member").output

    assert "routines=96" in host.path("/irissys/sys/iris.cpf").read_text()
    assert _began(host) == began
    assert "warning: changed settings wait for a restart" in said


def _join_file(host: LabHost) -> str:
    return host.path(_real(host, "join.cpf")).read_text()


def _real(host: LabHost, name: str) -> str:
    return host.run("readlink", "-f", f"/opt/cdk-intersystems/config/{name}").output.strip()


def _began(host: LabHost) -> str:
    return host.run("iris", "qlist", "IRIS").output.split("^")[3]


def test_a_member_that_nobody_named_stays_outside_until_it_is_named(mirror: Mirror) -> None:
    """It has a certificate of the mirror's own authority, with a name much like the others'."""
    mirror.made.steps(tuple(step for step in PREPARE if step != "schedules.schedules"), SERVE[:2])
    members = {"TRAKA": "10.20.1.10", "TRAKB": "10.20.2.10"}
    plain = mirror.made.description("c", "TRAKC")["mirror"]
    stranger = mirror.made.member(
        "c", name="TRAKC", address="10.20.2.30", member_type="dr", mirror={**plain, "members": members}
    )
    # The deployment's own members join whoever is primary.
    text = stranger_file(mirror)
    mirror.lab.change(stranger, files={f"join-async-{name}.cpf": text for name in members})
    stranger.boot()
    mirror.lab.wait_for_signal(stranger, seconds=60)
    primary = mirror.primary
    # It has looked a moment ago, maybe, and the other member is there.
    primary.run("rm", "-f", "/run/cdk-intersystems/looked-for-pending")
    said = primary.run("cdk-host", "authorize").output

    assert "warning: not authorized, as it is no name of this deployment: member CN=TRAKC, OU=TRAK, O=lab" in said
    assert state(stranger)[2] != "Connected"

    subjects = {name: f"CN={name},OU=TRAK,O=lab" for name in ("TRAKA", "TRAKB", "TRAKC")}
    described = json.loads(primary.run("cat", "/opt/cdk-intersystems/config/host.json").output)
    change_description(primary, mirror={**described["mirror"], "member_subjects": subjects})
    primary.run("rm", "-f", "/run/cdk-intersystems/looked-for-pending")
    primary.run("cdk-host", "authorize")
    stranger.wait_until("it is connected", lambda: state(stranger)[2] == "Connected")
    assert state(stranger) == ("running", "Disaster Recovery", "Connected")
    mirror.lab.terminate(stranger)


def stranger_file(mirror: Mirror) -> str:
    joins = IPv4Address(mirror.primary.address)
    return member.merge_file(
        DrMember(
            deployment="lab", mirror="TRAK", name="TRAKC", address=IPv4Address("10.20.2.30"), arbiter=IPv4Address("10.20.3.10"),
            joins=joins, databases=("APPDATA",), memory=MEMORY,
        )
    ).text()  # fmt: skip


def test_a_replaced_root_volume_finds_its_instance_again(mirror: Mirror) -> None:
    """All that a new host wouldn't have is gone: registry, commands, units, certificate, marks, and what was served."""
    host = mirror.backup
    host.run("systemctl", "stop", "iris.service", "ISCAgent.service")
    host.run("sh", "-c", "rm -rf /usr/local/etc/irissys /usr/local/bin/iris /irissys/tls /var/lib/cdk-intersystems "
             "/etc/systemd/system/ISCAgent.service /etc/systemd/system/iris.service "
             "/etc/systemd/system/multi-user.target.wants/iris.service")  # fmt: skip
    before = len(host.journal())
    host.reboot()
    host.wait_until("it is the backup again", lambda: host.unit_state("iris.service") == "active" and is_backup(host))

    said = host.journal()[before:]
    assert "which this host doesn't know: putting back its registry" in said
    assert "irisinstall_silent" not in said
    assert mirror.members[mirror.claim["member"]] is mirror.primary


def test_a_creator_that_lost_its_volumes_never_creates_another_mirror(mirror: Mirror) -> None:
    """It joins, or tries to: a mirror that knows it already takes it only when a person has removed it there."""
    lost, other = mirror.primary, mirror.backup
    claim = mirror.claim
    # Only an active backup that the arbiter sees takes over from a host that is gone.
    ready = lambda: "mirror=ready;" in other.run("cdk-host", "member", "tell", check=False).output  # noqa: E731
    other.wait_until("the mirror to be ready for a failover", ready, 60)
    mirror.lab.terminate(lost)
    other.wait_until("the other member has taken over", lambda: state(other)[2] == "Primary", 60)
    mirror.made.steps(tuple(step for step in PREPARE if step != "schedules.schedules"), SERVE)
    new = mirror.made.member(lost.name)
    new.boot()
    mirror.lab.wait_for_signal(new, "FAILURE")

    said = new.journal("-u", "cdk-host-serve")
    assert "this member creates the mirror" not in said
    (failure,) = [line for line in said.splitlines() if line.startswith("cdk-host: serve failed: ")]
    assert "join.cpf did not take effect; /irissys/sys/mgr/messages.log says: " in failure
    assert "lost its volumes, remove it there first" in failure
    assert (mirror.claim, state(other)[2]) == (claim, "Primary")
