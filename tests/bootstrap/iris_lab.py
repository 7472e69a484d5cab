"""A mirror in the lab: two members and an arbiter that install the fake kit by the real steps, on their root disks."""

import json
from pathlib import Path
from typing import Any

from cdk_intersystems.host_bundle import bundle
from cdk_intersystems.model.host_description import MirrorFacts
from cdk_intersystems.model.host_files import merge_files
from cdk_intersystems.model.memory import SharedMemory
from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.lab import Lab, LabHost

ADDRESSES = {"a": "10.20.1.10", "b": "10.20.2.10", "arbiter": "10.20.3.10"}
MEMORY = SharedMemory(globals_mb=512, routines_mb=80, gmheap_kb=307_200, jrnbufs_mb=64, max_servers=8, max_server_conn=8)
FACTS = MirrorFacts(
    deployment="lab",
    name="TRAK",
    number=1,
    addresses=dict(ADDRESSES),  # type: ignore[arg-type]
    databases=("APPDATA",),
    ecp_clients=True,
    service_ports=(1972,),
)
ECP_CLIENT = "CN=ecp-client,OU=TRAK,O=lab"

PREPARE = (
    "users.users",
    "places.places",
    "kit.kit",
    "license.license_key",
    "certificates.certificates",
    "places.responder",
    "agent.agent",
    "instance.instance_unit",
    "schedules.schedules",
)
SERVE = ("mirror.claim", "mirror.start_member", "mirror.authorize_peers", "mirror.mirror_is_ready")
ARBITER = """
from .steps import agent, kit, users
PREPARE["arbiter"] = (users.users, kit.agent_kit, agent.agent)
SERVE["arbiter"] = (agent.agent_answers,)
"""

# Runs on a member: `cdk-host`, which dies, as by SIGKILL, after no command, then after one, and so on until it comes to its
# end. Prints how often it died.
_DIES = """
import os, signal, sys
sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap.host.commands import main
from bootstrap.host.context import Context

plain, left = Context.run, 0

def dies(self, command, **options):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return plain(self, command, **options)

Context.run = dies
for deaths in range(99):
    left, child = deaths, os.fork()
    if child == 0:
        os._exit(main(sys.argv[1:]))
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print("deaths", deaths)
        sys.exit(os.WEXITSTATUS(status))
"""


class MirrorLab:
    """What the hosts of a mirror are made of.

    Attributes:
        kit: The kit, as a description names it.
        license: The licence key; secret.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        kit, agent = make_kit(folder, system="ubuntu2404"), make_agent_kit(folder)
        self.kit = lab.artifact(kit.name, kit.read_bytes())
        self.agent_kit = lab.artifact(agent.name, agent.read_bytes())
        self.license = f"{lab.secrets['license']} mirroring\n"
        lab.aws.client("secretsmanager").put_secret_value(SecretId=lab.secret_arns["license"], SecretString=self.license)
        # Making a key of the length that hosts have takes a second or more, and it is made again and again here.
        certificate = bundle.code()["host/certificate.py"]
        assert b"_BITS = 3072\n" in certificate
        lab.code["host/certificate.py"] = certificate.replace(b"_BITS = 3072\n", b"_BITS = 2048\n")
        lab.code["host/steps/places.py"] = Path(__file__).with_name("iris_lab_steps.py").read_bytes()
        self.steps(PREPARE, SERVE)

    def steps(self, prepare: tuple[str, ...], serve: tuple[str, ...] = ()) -> None:
        """Which steps members made from now on do."""
        self.lab.only_steps("member", prepare, serve)
        self.lab.code["host/roles.py"] += ARBITER.encode()

    def member(self, which: str, *, name: str = "", address: str = "", **changes: Any) -> LabHost:
        """A member, switched off.

        Args:
            which: `a` or `b`, whose merge files it gets; or another one, with those of b.
            name: Its name in the mirror. Default: by the letter.
            address: Its address. Default: by the letter.
            changes: What of its description is otherwise.
        """
        name = name or f"TRAK{which.upper()}"
        return self.lab.host(
            name=which,
            address=address or ADDRESSES[which],
            description=self.description(which, name, **changes),
            files=merge_files(FACTS, "a" if which == "a" else "b", MEMORY),
        )

    def description(self, which: str, name: str, **changes: Any) -> dict[str, Any]:
        """The description of a member."""
        plain = self.lab.description("member")
        mine = {
            "host": which,
            "name": name,
            "kit": self.kit,
            "tls": {**plain["tls"], "subject": f"/O=lab/OU=TRAK/CN={name}"},
            "mirror": {**plain["mirror"], "databases": ["APPDATA"], "ecp_subjects": [ECP_CLIENT]},
        }
        return {**plain, **mine, **changes}

    def arbiter(self, **changes: Any) -> LabHost:
        """The arbiter, switched off."""
        described = self.lab.description("arbiter", kit=self.agent_kit, **changes)
        return self.lab.host(name="arbiter", address=ADDRESSES["arbiter"], description=described)


def deaths_until_the_end(host: LabHost, phase: str, steps: tuple[str, ...]) -> int:
    """Does steps of a phase, dying after no command, then after one, and so on until they are done: how often that was."""
    names = [step.rpartition(".")[2] for step in steps]
    done = host.run("python3", "-I", "-B", "-c", _DIES, phase, "--only", *names, seconds=180)
    return int(done.output.rpartition("deaths ")[2])


def qlist(host: LabHost) -> list[str]:
    """What `iris qlist` says, field by field."""
    return host.run("iris", "qlist", "IRIS").output.rstrip("\n").split("^")


def state(host: LabHost) -> tuple[str, str, str]:
    """Status, member type and mirror status of a member's instance."""
    said = qlist(host)
    return said[3].split(",")[0], said[10], said[11]


def change_description(host: LabHost, **changes: Any) -> None:
    """Changes, on a host, what it is to become, as no bundle does: for tests of what comes of it."""
    real = host.run("readlink", "-f", "/opt/cdk-intersystems/config/host.json").output.strip()
    path = host.path(real)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
