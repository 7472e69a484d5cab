"""Who imports whom, and how little: model <- constructs <- stacks <- app.py, and nothing that isn't used."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "constructs" / "cdk_intersystems"
MODEL = "cdk_intersystems.model"


def _imports(path: Path) -> Iterator[str]:
    """The modules a file imports, also inside functions; relative ones by their full name."""
    parts = path.relative_to(ROOT / "constructs" if PACKAGE in path.parents else ROOT).with_suffix("").parts
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _broken(folder: Path, *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _files(folder)
        for name in _imports(path)
        if any(name == each or name.startswith(f"{each}.") for each in forbidden)
    ]


def test_the_model_imports_nothing_of_ours_but_itself_and_no_library() -> None:
    for path in _files(PACKAGE / "model"):
        for name in _imports(path):
            top = name.partition(".")[0]
            assert name.startswith(MODEL) or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_the_configuration_imports_no_cdk() -> None:
    assert _broken(PACKAGE / "configuration", "aws_cdk", "constructs", "jsii") == []


def test_constructs_import_no_configuration() -> None:
    for folder in sorted(
        path for path in PACKAGE.iterdir() if path.is_dir() and path.name not in ("configuration", "command", "__pycache__")
    ):
        assert _broken(folder, "cdk_intersystems.configuration", "yaml", "pydantic") == []


def test_the_package_imports_nothing_outside_itself() -> None:
    assert _broken(PACKAGE, "stacks", "app", "local", "tests") == []


def test_stacks_import_neither_the_app_nor_what_surrounds_it() -> None:
    assert _broken(ROOT / "stacks", "app", "local", "tests") == []


def test_the_app_imports_neither_local_nor_tests() -> None:
    names = set(_imports(ROOT / "app.py"))
    assert not {name for name in names if name.partition(".")[0] in ("local", "tests")}


def test_functions_import_nothing_of_ours_outside_themselves() -> None:
    assert _broken(ROOT / "lambda", "cdk_intersystems", "stacks", "local", "tests", "aws_cdk") == []


def test_the_check_sees_an_import() -> None:
    assert "stacks.shared.Shared" in set(_imports(ROOT / "stacks" / "deployment_app.py"))
    assert _broken(ROOT / "stacks", "cdk_intersystems.configuration") != []


def _loaded_after(code: str) -> set[str]:
    """The modules a fresh Python has loaded after some code."""
    prepared = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'constructs')!r}]"
    shown = "import json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{prepared}\n{code}\n{shown}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def _all_of(folder: str) -> str:
    modules = [".".join(path.relative_to(ROOT / "constructs").with_suffix("").parts) for path in _files(PACKAGE / folder)]
    return "import " + ", ".join(module.removesuffix(".__init__") for module in modules)


def test_the_model_loads_no_library() -> None:
    loaded = _loaded_after(_all_of("model"))
    assert MODEL in loaded
    assert loaded & {"aws_cdk", "jsii", "constructs", "pydantic", "yaml", "boto3", "botocore"} == set()


def test_the_configuration_loads_no_cdk() -> None:
    loaded = _loaded_after("from cdk_intersystems.configuration import load_deployment")
    assert "pydantic" in loaded
    assert loaded & {"aws_cdk", "jsii", "constructs"} == set()


def test_importing_the_package_loads_no_cdk() -> None:
    assert _loaded_after("import cdk_intersystems") & {"aws_cdk", "jsii", "constructs", "pydantic", "yaml"} == set()


_SYNTH = """
from pathlib import Path
from cdk_intersystems.configuration import load_deployment
from stacks.deployment_app import define_deployment, make_app
app = make_app()
define_deployment(app, load_deployment({name!r}, Path({config!r})))
app.synth()
"""
# What every app loads, whatever it defines, stands in none of these sets. Each service module costs a reader of jsii's
# assembly some tenths of a second.
_TIERS = {"aws_cdk.aws_autoscaling", "aws_cdk.aws_wafv2"}


@pytest.mark.parametrize(("name", "without"), [("minimal", _TIERS), ("trakcare", set())])
def test_a_deployment_loads_the_service_modules_it_uses(name: str, without: set[str]) -> None:
    loaded = _loaded_after(_SYNTH.format(name=name, config=str(ROOT / "config")))
    assert loaded & (without | {"cdk_nag", "aws_cdk.assertions", "aws_cdk.aws_stepfunctions_tasks"}) == set()
    assert "aws_cdk.aws_ec2" in loaded


def test_no_source_root_is_a_package() -> None:
    """As packages they would shadow PyPI's `constructs`, and `lambda` can't even be named."""
    for folder in ("constructs", "lambda"):
        assert not (ROOT / folder / "__init__.py").exists(), f"remove {folder}/__init__.py"


def test_constructs_is_the_library_of_pypi() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import constructs; print(constructs.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "site-packages" in loaded.stdout


def test_the_checkout_has_no_symlinks() -> None:
    listed = subprocess.run(["git", "ls-files", "--stage"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert listed.stdout
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []
