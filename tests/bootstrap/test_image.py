"""The scripts of an image's component, as synthesized, on a machine that is no host of a deployment."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

from cdk_intersystems.model.image import image_component, image_files
from cdk_intersystems.model.platform import Platform, S3Object
from tests.bootstrap import fake_web_gateway
from tests.bootstrap.fake_iris.kit import make_kit
from tests.bootstrap.lab.lab import Lab, LabHost

ROOT = "/opt/cdk-intersystems"
ARCHIVE = "/root/cdk-intersystems-image.tar"


class Machine:
    """A machine in the lab that is to become an image.

    Attributes:
        host: The machine.
        scripts: The component's, by the name of their step.
    """

    def __init__(self, lab: Lab, folder: Path, kind: Any, address: str) -> None:
        from cdk_intersystems.host_bundle.bundle import bundle, version_of

        kit = make_kit(folder, extra=fake_web_gateway.files())
        lab.artifact(kit.name, kit.read_bytes())
        self.host = lab.host(
            name=kind, address=address, description=lab.description("arbiter"), user_data=b"#!/bin/sh\ntrue\n", disk_mib=1024
        )
        platform = Platform(
            operating_system="ubuntu2404",
            architecture="x86_64",
            kit=S3Object(uri=f"s3://{lab.bucket}/{kit.name}", sha256=version_of(kit.read_bytes())),
        )
        self.packed = bundle(image_files(platform, kind))
        document = image_component(bucket="", key="", sha256=version_of(self.packed), kind=kind, has_kit=True)
        steps = [step for phase in document["phases"] for step in phase["steps"]]
        self.scripts = {step["name"]: step["inputs"]["commands"][0] for step in steps if step["action"] == "ExecuteBash"}
        self.host.boot()

    def put(self, content: bytes) -> None:
        """What the component's first step does: puts the bundle there."""
        self.host.path(ARCHIVE).write_bytes(content)

    def run(self, name: str) -> Any:
        """Runs a step as Image Builder's program does: all lines as one script, by root."""
        return self.host.run("bash", "-s", stdin=self.scripts[name], check=False, seconds=180)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def iris(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(lab, tmp_path_factory.mktemp("iris"), "iris", "10.20.9.10")


def _listing(host: LabHost, folder: str) -> list[str]:
    return host.run("ls", "-A", folder, check=False).output.split()


def test_another_bundle_is_refused_before_anything_of_it_runs(iris: Machine) -> None:
    iris.put(iris.packed + b"more")
    assert iris.run("MakeImage").status != 0
    assert _listing(iris.host, ROOT) == []


def test_the_instance_is_in_the_image_and_nothing_of_a_host(lab: Lab, iris: Machine) -> None:
    iris.put(iris.packed)
    made = iris.run("MakeImage")
    assert made.status == 0, made.output + made.errors
    assert _listing(iris.host, ROOT) == ["image"]
    assert iris.run("CheckMachine").status == 0
    for gone in ("/var/lib/cdk-intersystems", "/etc/cdk-intersystems", "/usr/local/bin/cdk-host", ARCHIVE):
        assert iris.host.run("test", "-e", gone, check=False).status == 1, gone
    assert _listing(iris.host, "/irissys/sys") == []
    inside = iris.host.run("tar", "-tf", f"{ROOT}/image/installation.tar").output
    assert "./iris.cpf" in inside
    assert ".cdk-intersystems" not in inside
    assert iris.host.run("stat", "-c", "%a", f"{ROOT}/image/installation.tar").output.strip() == "600"
    assert "51773" in iris.host.run("id", "irisowner").output


def test_no_secret_was_asked_for(lab: Lab, iris: Machine) -> None:
    """The machine's role couldn't read one, and no password of a deployment is in an image."""
    services = {call.service for call in lab.aws.calls()}
    assert services <= {"s3"}, services


def test_a_forgotten_trace_is_found(iris: Machine) -> None:
    iris.host.run("mkdir", "-p", f"{ROOT}/current")
    assert iris.run("CheckMachine").status != 0
    iris.host.run("rmdir", f"{ROOT}/current")
    assert iris.run("CheckMachine").status == 0


def test_an_image_for_web_servers_has_the_web_gateway_and_no_password(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    web = Machine(lab, tmp_path_factory.mktemp("web"), "web", "10.20.9.20")
    web.put(web.packed)
    made = web.run("MakeImage")
    assert made.status == 0, made.output + made.errors
    assert web.run("CheckMachine").status == 0
    assert any(name.endswith(".so") for name in _listing(web.host, "/opt/webgateway/bin"))
    assert json.dumps(_listing(web.host, "/opt/webgateway")).count("assword") == 0
    assert web.host.run("iris", "qlist", "IRIS", check=False).output == ""
