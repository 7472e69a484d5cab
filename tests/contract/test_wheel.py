"""The distribution: what `pip install cdk-intersystems` brings, and that it works without the checkout.

The wheel is installed in an empty environment. To spare a download of 400 MB at each run, that environment reads the
dependencies from the one the tests run in, by a path file; editable installs aren't followed through one. So this shows that
the wheel is complete, and by the declared dependencies that it asks for what it imports; not that the newest versions within
their ranges work.
"""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from cdk_intersystems.host_bundle import bundle

ROOT = Path(__file__).parent.parent.parent


def _run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "CDK_VALIDATION": "false", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_pypi_would_take_both(built: Path) -> None:
    shown = _run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *sorted(built.iterdir()), cwd=built)
    assert shown.count("PASSED") == 2


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = ROOT / "constructs" / "cdk_intersystems"
    wanted = {
        path.relative_to(ROOT / "constructs").as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    functions = ROOT / "lambda"
    wanted |= {f"cdk_intersystems/functions/{path.relative_to(functions).as_posix()}" for path in functions.glob("*/**/*.py")}
    assert packed == wanted
    assert {"cdk_intersystems/py.typed", "cdk_intersystems/model/data/instance_types.json"} <= packed
    # What runs on hosts is of many kinds, and has no suffix in part.
    bootstrap = {name.removeprefix("cdk_intersystems/bootstrap/") for name in packed if "/bootstrap/" in name}
    assert {"first_boot.py", "cdk-host", "gate/iris-gate", "mirror_status/mirror-status.socket"} <= bootstrap
    assert {Path(name).suffix for name in bootstrap} >= {".py", ".service", ".socket", ""}


def test_the_sdist_has_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert tops <= {"constructs", "lambda", "LICENSE", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert {"constructs", "LICENSE", "README.md", "pyproject.toml"} <= tops


def test_what_the_package_imports_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0] for requirement in declared}
    # These come with a declared one, in the very version it needs.
    brought = {"jsii": "aws-cdk-lib", "pydantic_core": "pydantic", "botocore": "boto3"}
    for top, by in brought.items():
        assert any(re.match(top.replace("_", "[-_]"), requirement) for requirement in metadata.requires(by) or [])
    # Functions of this project, under the name that only type checkers know them by.
    functions = {path.name for path in (ROOT / "lambda").iterdir() if path.is_dir()}
    homes = metadata.packages_distributions()
    for path in (ROOT / "constructs").rglob("*.py"):
        for top in _top_level_imports(path) - sys.stdlib_module_names - {"cdk_intersystems", *brought, *functions}:
            assert set(homes[top]) & names, f"{path.name} imports {top}, which no dependency declares"


def _top_level_imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | named}


_APP = """
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from cdk_intersystems import MemberVolumes, MirroredDatabase, Network, Platform, VolumeSpec
from cdk_intersystems.host_bundle import bundle
import cdk_intersystems


class Regional(Stack):
    @property
    def availability_zones(self):
        return ["eu-west-2a", "eu-west-2b", "eu-west-2c"]


app = App()
stack = Regional(app, "iris", env=Environment(region="eu-west-2"))
image = ec2.MachineImage.generic_linux({"eu-west-2": "ami-0123456789abcdef0"})
network = Network(
    stack,
    "Network",
    cidr="10.20.0.0/16",
    availability_zones=stack.availability_zones,
    flow_log_group=logs.LogGroup(stack, "FlowLogs"),
)
database = MirroredDatabase(
    stack,
    "Database",
    deployment="iris",
    mirror_name="IRIS",
    vpc=network.vpc,
    data_subnets=network.subnets("data"),
    arbiter_subnets=network.subnets("arbiter"),
    service_endpoints=network.endpoints_security_group,
    machine_image=image,
    instance_type=ec2.InstanceType("r7i.xlarge"),
    volumes=MemberVolumes(data=VolumeSpec(type="io2", size_gib=100, iops=5000)),
    platform=Platform(operating_system="rhel9", architecture="x86_64", packages="image"),
    databases=["DATA"],
)
print(bundle.version_of(bundle.bundle({})))
print(cdk_intersystems.__file__)
print(sorted(made.stack_name for made in app.synth().stacks))
"""


def test_an_app_of_its_public_api_synthesizes_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment, work = tmp_path / "environment", tmp_path / "work"
    work.mkdir()
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=work)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (work / "app.py").write_text(_APP)
    version, where, stacks = _run(python, "app.py", cwd=work, JSII_NODE=os.environ["JSII_NODE"]).splitlines()[-3:]
    assert Path(where).is_relative_to(environment), "imported from the installed wheel"
    assert version == bundle.version_of(bundle.bundle({})), "hosts run the same from a wheel as from a checkout"
    assert stacks == str(["iris", "iris-a", "iris-arbiter", "iris-b"])
