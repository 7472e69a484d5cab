"""A deployment of config/trakcare.yaml as hosts of the lab: what the CDK synthesizes is what they get.

The bundles are the assets of the cloud assembly, the tags those of the templates. What is changed: the operating system, since
this machine's packages are Debian's; and the kits, which are fakes.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cdk_intersystems.model import tags as names
from tests.bootstrap import fake_web_gateway
from tests.bootstrap.call_out_lab import Automation
from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.unit.configuration.regions import one_region

ROOT = Path(__file__).parents[2]
_MIRROR_SET = "trakcare-primary-trak"


def deploy(lab: Lab, folder: Path, servers: Mapping[str, str]) -> "Deployed":
    """Synthesizes the deployment and makes its hosts, switched off. IRIS's waiting times are a tenth of what they are.

    Args:
        lab: The lab.
        folder: An empty folder.
        servers: Name of each server of a tier, such as `app1` -> its address.
    """
    kit = make_kit(folder, extra=fake_web_gateway.files())
    arbiter_kit = make_agent_kit(folder)
    for file in (kit, arbiter_kit):
        lab.artifact(file.name, file.read_bytes())
    # Without that word in its licence the fake has no mirroring.
    lab.secrets["license"] = f"mirroring {lab.secrets['license']}"
    lab.aws.client("secretsmanager").put_secret_value(SecretId=lab.secret_arns["license"], SecretString=lab.secrets["license"])
    _write_configuration(folder, bucket=lab.bucket, kit=kit, arbiter_kit=arbiter_kit)
    made = Deployed(lab, _synthesize(folder, folder / "cdk.out"), servers)
    for host in made.hosts.values():
        settings = host.path("/etc/fake-iris/settings.json")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"scale": 0.1}))
    return made


def _write_configuration(folder: Path, *, bucket: str, kit: Path, arbiter_kit: Path) -> None:
    data = one_region()
    data["platform"] |= {
        "operating_system": "ubuntu2404",
        "packages": "image",
        "kit": {"uri": f"s3://{bucket}/{kit.name}", "sha256": _digest(kit)},
        "arbiter_kit": {"uri": f"s3://{bucket}/{arbiter_kit.name}", "sha256": _digest(arbiter_kit)},
    }
    (folder / "trakcare.yaml").write_text(yaml.safe_dump(data))


def _synthesize(folder: Path, out: Path) -> Path:
    from cdk_intersystems.configuration import load_deployment
    from stacks.deployment_app import define_deployment, make_app

    app = make_app(outdir=str(out))
    define_deployment(app, load_deployment("trakcare", folder))
    return Path(app.synth().directory)


class Deployed:
    """The hosts of a synthesized deployment, switched off.

    Attributes:
        lab: The lab they are in.
        hosts: `a`, `b`, `arbiter`, and each tier's name with a number (`app1`) -> the host.
        automation: Table and queue of the mirror set's failover automation, which its members are told of.
        vip: The virtual IP that its router leads to a member; empty without `route_vip`.
    """

    def __init__(self, lab: Lab, assembly: Path, servers: Mapping[str, str]) -> None:
        """Makes the hosts.

        Args:
            lab: The lab.
            assembly: The cloud assembly.
            servers: Name of each server of a tier, such as `app1` -> its address.
        """
        self.lab = lab
        self.hosts: dict[str, LabHost] = {}
        self._assembly = assembly
        self.automation = self._make_automation()
        self.vip = self._routers_vip()
        self._make_mirror()
        for name, address in servers.items():
            self._make_server(name, address)

    def written(self) -> bytes:
        """Everything that was synthesized: templates, and the bundles, which are tars that aren't compressed."""
        return b"".join(path.read_bytes() for path in sorted(self._assembly.rglob("*")) if path.is_file())

    def _template(self, stack: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self._assembly / f"{stack}.template.json").read_text())["Resources"]
        return found

    def _make_automation(self) -> Automation:
        """Makes the table and the queue that the parameter of the mirror set names, with what its template says of them."""
        resources, named = self._template(_MIRROR_SET), self._parameter(_MIRROR_SET)["call_out"]
        table, queue = (resources[named[each]] for each in ("table", "queue"))
        assert (table["Type"], queue["Type"]) == ("AWS::DynamoDB::Table", "AWS::SQS::Queue")
        # Dead letters go into the other queue.
        assert "RedrivePolicy" in queue["Properties"], f"members would send to {named['queue']}"
        return Automation(self.lab, table=table["Properties"], queue=queue["Properties"])

    def _routers_vip(self) -> str:
        functions = [each for each in self._template(_MIRROR_SET).values() if each["Type"] == "AWS::Lambda::Function"]
        (router,) = (each["Properties"]["Environment"]["Variables"]["ROUTER"] for each in functions)
        return str(_json(router)["route_vip"].get("vip", ""))

    def _make_mirror(self) -> None:
        bundle = self._bundle(_MIRROR_SET)
        for which in ("arbiter", "a", "b"):
            described = json.loads(bundle[which]["host.json"])
            addresses = dict(zip("ab", described["mirror"]["members"].values(), strict=True))
            address = {**addresses, "arbiter": described["mirror"]["arbiter"]}[which]
            tags = self._tags(f"{_MIRROR_SET}-{which}", "AWS::EC2::Instance")
            self.hosts[which] = self.lab.host(
                name=which, address=address, description=described, files=bundle[which], tags=tags, disk_mib=1024
            )
            if which != "arbiter":
                for volume in described["volumes"]:
                    for number in range(1, volume["count"] + 1):
                        self.lab.volume(self.hosts[which], volume["tag"], number=number)
        self._is_the_same(_MIRROR_SET, self.hosts["b"])

    def _make_server(self, name: str, address: str) -> None:
        tier = name.rstrip("0123456789")
        stack = f"trakcare-primary-{tier}"
        files = self._bundle(stack)["server"]
        described = json.loads(files["host.json"])
        tags = self._tags(stack, "AWS::AutoScaling::AutoScalingGroup")
        self.hosts[name] = self.lab.host(
            name=name, address=address, description=described, files=files, tags=tags, disk_mib=1024
        )
        self._is_the_same(stack, self.hosts[name])

    def _parameter(self, stack: str) -> dict[str, Any]:
        found = [each for each in self._template(stack).values() if each["Type"] == "AWS::SSM::Parameter"]
        assert len(found) == 1, f"{stack} has {len(found)} parameters"
        return _json(found[0]["Properties"]["Value"])

    def _bundle(self, stack: str) -> dict[str, dict[str, str]]:
        version = self._parameter(stack)["bundle"]["sha256"]
        files: dict[str, dict[str, str]] = {}
        with tarfile.open(fileobj=io.BytesIO((self._assembly / f"asset.{version}.tar").read_bytes())) as tar:
            for entry in tar:
                parts = entry.name.split("/")
                if entry.isfile() and parts[0] == "config":
                    file = tar.extractfile(entry)
                    assert file is not None
                    files.setdefault(parts[1], {})[parts[2]] = file.read().decode()
        return files

    def _is_the_same(self, stack: str, host: LabHost) -> None:
        """What the lab has published is, to the byte, what the stack's asset is."""
        group = host.machine.tags.get(names.TIER) or host.machine.tags[names.MIRROR_SET]
        assert self.lab.publish("trakcare", group) == self._parameter(stack)["bundle"]["sha256"]

    def _tags(self, stack: str, kind: str) -> dict[str, str]:
        found = [each["Properties"]["Tags"] for each in self._template(stack).values() if each["Type"] == kind]
        assert len(found) == 1, f"{stack} has {len(found)} of {kind}"
        return {tag["Key"]: tag["Value"] for tag in found[0]}


def _json(joined: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON text of a template. What is only known when it is deployed is shown by the name that it has in the template."""
    parts = (part if isinstance(part, str) else part.get("Ref", "?") for part in joined["Fn::Join"][1])
    found: dict[str, Any] = json.loads("".join(parts))
    return found


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
