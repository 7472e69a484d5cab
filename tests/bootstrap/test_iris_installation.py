"""IRIS gets onto a host from its kit or its image, whatever goes wrong on the way, and starts as what it is to be."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.bootstrap.fake_iris.kit import make_kit
from tests.bootstrap.iris_lab import MirrorLab, change_description, deaths_until_the_end, qlist, state
from tests.bootstrap.lab.lab import Lab, LabHost

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

STEPS = (
    "users.users",
    "places.places",
    "kit.kit",
    "license.license_key",
    "certificates.certificates",
    "instance.instance_unit",
)
SERVE = ("mirror.claim", "mirror.start_member", "mirror.authorize_peers", "mirror.mirror_is_ready")


class Place:
    """A host without IRIS, and the arbiter.

    Attributes:
        host: A member that has done nothing but `users` and `places`; it is called b, and nobody else is there.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.made, self.folder = lab, MirrorLab(lab, folder), folder
        self.arbiter = self.made.arbiter()
        self.arbiter.boot()
        self.made.steps(("users.users", "places.places"))
        self.host = self.made.member("b")
        self.host.boot()
        lab.wait_for_signal(self.host)
        self.made.steps(STEPS, SERVE)
        lab.publish("lab", "TRAK")
        # The code of all steps, without doing them.
        self.host.run("python3", "-I", "-c", _APPLY)

    def kit(self, **changes: object) -> None:
        """What the host is to be installed from."""
        change_description(self.host, kit=None if changes == {"none": True} else {**self.made.kit, **changes})


_APPLY = """
import sys
sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap import first_boot
from bootstrap.host import run
host = run.open_host(run.Lines())
first_boot.apply(host.aws, host.me)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Lab() as lab:
        yield Place(lab, tmp_path_factory.mktemp("kits"))


@pytest.fixture
def host(place: Place) -> Iterator[LabHost]:
    """The host, which has nothing of IRIS on it and is to get the kit."""
    place.kit()
    yield place.host
    place.lab.aws.heal()
    clean(place)


def clean(place: Place) -> None:
    host = place.host
    with contextlib.suppress(ClientError):
        place.lab.aws.client("ssm").delete_parameter(Name="/cdk-intersystems/lab/TRAK/created")
    gone = [
        *(f"/irissys/{name}" for name in ("sys", "db", "jrnpri", "jrnalt", "wij", "tls")),
        *(f"/etc/systemd/system/{name}" for name in ("iris.service", "multi-user.target.wants/iris.service")),
        *("/usr/local/etc/irissys", "/usr/local/bin/iris", "/etc/systemd/system/ISCAgent.service"),
        *("/opt/cdk-intersystems/image", "/var/lib/cdk-intersystems/license", "/var/lib/cdk-intersystems/kit"),
    ]
    host.run("systemctl", "stop", "iris", "ISCAgent", check=False)
    host.run("rm", "-rf", *gone)
    host.run("cdk-host", "prepare", "--only", "places")


def install(host: LabHost) -> str:
    """Runs the step; what it fails with, or nothing."""
    done = host.run("cdk-host", "prepare", "--only", "kit", check=False)
    assert (done.status == 0) is (not failures(done.output + done.errors))
    return "".join(failures(done.output + done.errors))


def failures(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("cdk-host: prepare failed: ")]


def is_installed(host: LabHost) -> bool:
    said = qlist(host)
    return (said[0], said[1], said[3].split(",")[0]) == ("IRIS", "/irissys/sys", "down")


def test_the_kit_is_installed_once_with_what_matters_and_nothing_of_it_stays(place: Place, host: LabHost) -> None:
    assert install(host) == ""
    assert is_installed(host)
    calls = [json.loads(line) for line in host.path("/var/log/fake-iris/calls").read_text().splitlines()]
    (installer,) = [call for call in calls if call["program"] == "irisinstall_silent"]
    assert installer["environment"] == {
        "ISC_PACKAGE_INSTANCENAME": "IRIS",
        "ISC_PACKAGE_INSTALLDIR": "/irissys/sys",
        "ISC_PACKAGE_UNICODE": "Y",
        "ISC_PACKAGE_INITIAL_SECURITY": "LockedDown",
        "ISC_PACKAGE_USER_PASSWORD": "",
        "ISC_PACKAGE_CSPSYSTEM_PASSWORD": "",
        "ISC_PACKAGE_MGRUSER": "irisowner",
        "ISC_PACKAGE_MGRGROUP": "irisowner",
        "ISC_PACKAGE_IRISUSER": "irisusr",
        "ISC_PACKAGE_IRISGROUP": "irisusr",
        "ISC_PACKAGE_SUPERSERVER_PORT": "1972",
        "ISC_PACKAGE_WEB_CONFIGURE": "N",
        "ISC_PACKAGE_STARTIRIS": "N",
        "ISC_PACKAGE_IPM": "N",
    }
    assert not host.path("/var/lib/cdk-intersystems/kit").exists()
    # Nobody but root looks at what we keep with the installation.
    assert host.run("stat", "-c", "%a %U", "/irissys/sys/.cdk-intersystems").output == "700 root\n"

    before, _ = host.files().calm(), place.lab.aws.forget_calls()
    assert install(host) == ""
    assert host.files().calm().changes_to(before) == []
    assert place.lab.aws.calls() == []
    assert len(host.path("/var/log/fake-iris/calls").read_text().split("irisinstall_silent")) == 2


def other_kit(place: Place, host: LabHost) -> None:
    place.kit(sha256="0" * 64)


def other_system(place: Place, host: LabHost) -> None:
    kit = make_kit(place.folder, system="rh9")
    change_description(host, kit=place.lab.artifact(kit.name, kit.read_bytes()))


def no_kit(place: Place, host: LabHost) -> None:
    place.kit(none=True)


def no_archive(place: Place, host: LabHost) -> None:
    change_description(host, kit=place.lab.artifact("kit.tar.gz", b"not a tar"))


def not_that_kit(place: Place, host: LabHost) -> None:
    change_description(host, kit=place.made.agent_kit)


def refused_secret(place: Place, host: LabHost) -> None:
    place.lab.aws.fault("secretsmanager", "GetSecretValue", "AccessDeniedException", 400, times=None)


def refused_object(place: Place, host: LabHost) -> None:
    place.lab.aws.fault("s3", "GetObject", "AccessDenied", 403, times=None)


def short_password(place: Place, host: LabHost) -> None:
    arn = place.lab.secret_arns["password"]
    place.lab.aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString="short")


def somebody_elses(place: Place, host: LabHost) -> None:
    host.path("/irissys/sys/IRIS.DAT").write_text("somebody's data")


def full_disk(place: Place, host: LabHost) -> None:
    host.run("sh", "-c", "dd if=/dev/zero of=/var/filler bs=1M 2> /dev/null; sync", check=False)


CASES: dict[Callable[[Place, LabHost], None], str] = {
    other_kit: "SHA-256",
    other_system: "irisinstall_silent",
    no_kit: "there is no kit, and the image has no instance IRIS: name a kit, or an image that has it",
    no_archive: "the kit kit.tar.gz can't be unpacked in /var/lib/cdk-intersystems/kit: tar: ",
    not_that_kit: "has no irisinstall_silent: is it the one for this role?",
    refused_secret: "secretsmanager GetSecretValue",
    refused_object: "AccessDenied",
    short_password: "is none that IRIS takes: 8 to 255 characters",
    somebody_elses: "/irissys/sys holds files that were not installed by this host's bootstrap (IRIS.DAT): nothing was touched",
    full_disk: "No space left on device",
}


@pytest.mark.parametrize(("broken", "said"), CASES.items(), ids=[case.__name__ for case in CASES])
def test_what_is_wrong_is_told_in_one_line_and_repaired_by_running_again(
    place: Place, host: LabHost, broken: Callable[[Place, LabHost], None], said: str
) -> None:
    broken(place, host)
    failure = install(host)

    assert failure.startswith("cdk-host: prepare failed: kit: ")
    assert said in failure
    assert "short" not in failure
    assert not host.path("/var/lib/cdk-intersystems/kit").exists()
    if broken is somebody_elses:
        assert sorted(path.name for path in host.path("/irissys/sys").iterdir()) == ["IRIS.DAT"]

    place.lab.aws.heal()
    host.run("rm", "-f", "/irissys/sys/IRIS.DAT", "/var/filler")
    place.lab.aws.client("secretsmanager").put_secret_value(
        SecretId=place.lab.secret_arns["password"], SecretString=place.lab.secrets["password"]
    )
    place.kit()
    assert install(host) == ""
    assert is_installed(host)


def test_a_power_cut_in_the_midst_of_the_installer_is_mended_by_the_next_start(place: Place, host: LabHost) -> None:
    settings = host.path("/etc/fake-iris/settings.json")
    before = settings.read_text()
    settings.write_text(json.dumps({**json.loads(before), "installer_stands": True}))
    running = host.start("cdk-host", "prepare", "--only", "kit")
    written = host.path("/irissys/sys/lib/fake/main.py")
    host.wait_until("the installer has placed a part of its files", written.exists)
    assert not host.path("/irissys/sys/.cdk-intersystems/installed").exists()
    host.crash()
    running.communicate()
    host.path("/etc/fake-iris/settings.json").write_text(before)
    host.boot()
    host.wait_until("it is primary", lambda: state(host) == ("running", "Failover", "Primary"))


def test_a_member_comes_up_whatever_command_it_dies_after(place: Place, host: LabHost) -> None:
    """All of both phases, from nothing to a mirror, dying after one command, then after two, and so on."""
    deaths = {phase: deaths_until_the_end(host, phase, steps) for phase, steps in (("prepare", STEPS), ("serve", SERVE))}
    host.wait_until("it is primary", lambda: state(host) == ("running", "Failover", "Primary"))

    assert deaths["prepare"] > 10
    assert deaths["serve"] > 5
    # Once more: nothing is left to do but to look.
    done = host.run("cdk-host", "prepare", "--only", *(step.rpartition(".")[2] for step in STEPS))
    assert not [line for line in done.output.splitlines() if line.startswith("wrote ")]


def test_a_licence_that_knows_no_mirroring_is_told_and_another_one_repairs_it(place: Place, host: LabHost) -> None:
    give, arn = place.lab.aws.client("secretsmanager").put_secret_value, place.lab.secret_arns["license"]
    give(SecretId=arn, SecretString="a key for something else")
    host.run("cdk-host", "prepare", "--only", *(step.rpartition(".")[2] for step in STEPS))
    serve = [step.rpartition(".")[2] for step in SERVE]
    failed = host.run("cdk-host", "serve", "--only", *serve, check=False)
    (line,) = [line for line in failed.output.splitlines() if line.startswith("cdk-host: serve failed: start_member: ")]
    assert "create.cpf did not take effect; /irissys/sys/mgr/messages.log says: " in line
    assert "Mirroring is unavailable for current license" in line

    give(SecretId=arn, SecretString=place.made.license)
    # As another version that is applied does.
    host.run("rm", "/var/lib/cdk-intersystems/license")
    host.run("cdk-host", "prepare", "--only", "license_key")
    host.run("cdk-host", "serve", "--only", *serve)
    assert state(host) == ("running", "Failover", "Primary")


def test_an_image_with_the_product_gets_its_passwords_at_the_first_start(place: Place, host: LabHost) -> None:
    # As an image is made: installed, and what will be a volume put aside. Its passwords are the installation's.
    arn = place.lab.secret_arns["password"]
    give = place.lab.aws.client("secretsmanager").put_secret_value
    give(SecretId=arn, SecretString="the-images-own")
    assert install(host) == ""
    give(SecretId=arn, SecretString=place.lab.secrets["password"])
    host.run("sh", "-c", "mkdir -p /opt/cdk-intersystems/image && rm -rf /irissys/sys/.cdk-intersystems && "
             "tar -C /irissys/sys -cf /opt/cdk-intersystems/image/installation.tar . && rm -rf /irissys/sys/*")  # fmt: skip
    place.kit(none=True)
    host.run("cdk-host", "prepare")
    assert is_installed(host)
    host.run("cdk-host", "serve", "--only", "claim", "start_member")

    def can_log_in(user: str, password: str) -> bool:
        asked = [
            "setpriv",
            "--reuid=nobody",
            "--clear-groups",
            "--",
            "iris",
            "terminal",
            "IRIS",
            "-U",
            "%SYS",
            "Ready^%ZcdkHost",
        ]
        return "cdk:ready" in host.run(*asked, stdin=f"{user}\n{password}\n", check=False).output

    assert can_log_in("Admin", place.lab.secrets["password"])
    assert not can_log_in("Admin", "the-images-own")
