"""Runbooks: one behind each alarm of a mirror set, in one form, with commands that exist."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
import pytest
from aws_cdk import Stack

from cdk_intersystems import Network, Platform
from cdk_intersystems.bootstrap.call_out import command as call_out
from cdk_intersystems.bootstrap.host import commands as cdk_host
from cdk_intersystems.bootstrap.host.roles import PREPARE, SERVE
from cdk_intersystems.bootstrap.region import command as region
from cdk_intersystems.network.connectivity import SiteToSiteVpn
from cdk_intersystems.network.direct_connect import DirectConnect
from tests.infra.connection_app import template_with
from tests.infra.dr_region_app import region_templates
from tests.infra.mirror_app import templates_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
RUNBOOKS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
BY_HAND = ROOT / "docs" / "how-to" / "invoke-the-router.md"
PAGES = [*RUNBOOKS, FOLDER / "README.md", BY_HAND]
SECTIONS = ["Is the service down?", "First look", "Decide", "Never", "Over when", "Causes"]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Of the command line itself, not of an operation.
_OF_THE_CLI = {"query", "output", "max-items", "cli-binary-format", "region"}
_LOGS_TAIL = {"since", "format", "filter-pattern"}


@pytest.fixture(scope="module")
def mirror_sets() -> list[Mapping[str, Any]]:
    """The templates of mirror sets with every strategy, whose hosts set themselves up."""
    platform = Platform(operating_system="rhel9", architecture="x86_64", packages="image")
    return [
        templates_of(platform=platform, databases=["DATA"], strategies=strategies, vip=vip)["trak"]
        for strategies, vip in ((["polling"], None), (["route_vip"], "10.255.0.1"), (["listener", "route_vip"], "10.255.0.1"))
    ]


@pytest.fixture(scope="module")
def with_alarms(mirror_sets: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same, the automation between two regions, and connections with networks outside AWS."""
    return [*mirror_sets, region_templates()["region"], template_with(_connections)]


def _connections(stack: Stack, network: Network) -> None:
    SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway="203.0.113.10", asn=65010)
    DirectConnect(
        stack,
        "DirectConnect",
        network=network,
        gateway="11112222-3333-4444-5555-666677778888",
        allowed_prefixes=["10.20.0.0/16"],
        connections=["dxcon-fg5678gh"],
    )


def _alarms(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield resource["Properties"]


def _runbook_of(alarm: Mapping[str, Any]) -> str:
    found = re.findall(r"Runbook: docs/runbooks/([a-z-]+\.md)$", alarm["AlarmDescription"])
    assert len(found) == 1, f"the alarm names no runbook: {alarm['AlarmDescription']}"
    return str(found[0])


def _metrics_of(alarm: Mapping[str, Any]) -> set[str]:
    listed = [each["MetricStat"]["Metric"]["MetricName"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    return {*listed, *([alarm["MetricName"]] if "MetricName" in alarm else [])}


def test_each_alarm_has_a_runbook_and_each_runbook_an_alarm(with_alarms: list[Mapping[str, Any]]) -> None:
    named = {_runbook_of(alarm) for template in with_alarms for alarm in _alarms(template)}

    assert named == {path.name for path in RUNBOOKS}


def test_a_runbook_names_the_metrics_of_its_alarms(with_alarms: list[Mapping[str, Any]]) -> None:
    for template in with_alarms:
        for alarm in _alarms(template):
            text = (FOLDER / _runbook_of(alarm)).read_text()
            assert _metrics_of(alarm)
            assert [name for name in _metrics_of(alarm) if f"`{name}`" not in text] == [], _runbook_of(alarm)


def test_the_list_has_each_runbook() -> None:
    assert sorted(set(re.findall(r"^\| \[[a-z-]+\]\(([a-z-]+\.md)\)", (FOLDER / "README.md").read_text(), re.MULTILINE))) == [
        path.name for path in RUNBOOKS
    ]


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_form(path: Path) -> None:
    text = path.read_text()
    opening, *parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))

    assert list(sections) == SECTIONS
    assert re.fullmatch(r"# .+\n\n.+ \(`\w+`.*\)\n\n", opening), "a title, and in one paragraph what the alarm means"
    assert re.match(r"\n?\*?\*?(No|Yes|Treat|Only|For)\b", sections["Is the service down?"])
    assert "](README.md#the-shell)" in sections["First look"]
    assert len(_BLOCK.findall(sections["First look"])) >= 1
    assert len(re.findall(r"^\| (?!you see|---)", sections["Decide"], re.MULTILINE)) >= 4, "a table of what to do"
    assert len(re.findall(r"^- ", sections["Never"], re.MULTILINE)) >= 2
    assert text.endswith("\nNever run on a licensed IRIS; not verified on AWS.\n")


def _lines(path: Path, *kinds: str) -> Iterator[str]:
    """The commands in a page's blocks, and between its single backquotes."""
    text = path.read_text()
    for kind, block in _BLOCK.findall(text):
        if kind in kinds:
            yield from (line.strip().removeprefix("# ") for line in block.splitlines() if line.strip())
    yield from re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))


def _words(line: str) -> list[str]:
    """A command without what a shell takes away from it."""
    words = shlex.split(line, comments=True)
    return words[: next((at for at, word in enumerate(words) if word in ("|", ">", ";")), len(words))]


def _aws_commands(path: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """The commands of AWS's command line: line, service, operation, and the names of its options. One to a line at most."""
    for line in _lines(path, "bash"):
        if found := re.search(r"(?:^|\(|\{ )aws ([a-z0-9-]+) ([a-z-]+)(?= |$)", line):
            yield line, found[1], found[2], re.findall(r" --([a-z-]+)", line)


def test_commands_of_aws_exist() -> None:
    session = botocore.session.get_session()
    seen = 0
    for path in PAGES:
        for line, service, operation, options in _aws_commands(path):
            seen += 1
            if (service, operation) == ("logs", "tail"):
                assert set(options) - {"query"} <= _LOGS_TAIL, line
                continue
            if (service, operation) == ("ssm", "start-session"):
                assert options == ["target"], line
                continue
            model = session.get_service_model(service)
            operations = {_of_the_command_line(name): name for name in model.operation_names}
            assert operation in operations, f"{path.name}: {line}"
            known = {_of_the_command_line(name) for name in model.operation_model(operations[operation]).input_shape.members}
            assert [option for option in options if option not in known | _OF_THE_CLI] == [], f"{path.name}: {line}"
            for query in re.findall(r'--query "([^"]*)"', line):
                jmespath.compile(query)
            for payload in re.findall(r"--payload '([^']*)'", line):
                json.loads(payload)
    assert seen > 40


def _of_the_command_line(name: str) -> str:
    """A name of the API as the command line writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def test_commands_of_the_hosts_exist() -> None:
    parsers = {"cdk-host": cdk_host._parser(), "iris-call-out": call_out._parser(), "iris-region": region._parser()}
    steps = {step.__name__ for step in (*PREPARE["member"], *SERVE["member"])}
    seen = 0
    for path in PAGES:
        for line in _lines(path, "console"):
            program = line.partition(" ")[0]
            arguments = _words(line)[1:] if program in (*parsers, "iris-gate") else []
            if program in parsers and arguments:
                seen += 1
                try:
                    given = parsers[program].parse_args(arguments)
                except SystemExit:
                    pytest.fail(f"{path.name}: there is no command {line}")
                assert set(getattr(given, "only", [])) <= steps, f"{path.name}: {line}"
            if program == "iris-gate":
                assert arguments in ([], ["status"], ["close"]), f"{path.name}: {line}"
    assert seen > 20


def test_names_in_the_shell_are_set_and_found(mirror_sets: list[Mapping[str, Any]]) -> None:
    text = (FOLDER / "README.md").read_text()
    shell = {name for _, block in _BLOCK.findall(text) for name in re.findall(r"^(?:export )?([A-Z_]+)=", block, re.MULTILINE)}
    listed = {"UUID", "ROUTE_TABLE", "LISTENER", "TARGET_GROUP", "OTHER_TARGET_GROUP"}  # what the command before them lists
    for path in PAGES:
        used = {name for line in _lines(path, "bash", "console") for name in re.findall(r"\$\{?([A-Z_]+)", line)}
        assert used <= shell | listed, path.name

    for kind, part in re.findall(r"\$\(one (\S+) (\w+)\)", text):
        for template in mirror_sets:
            resources = template["Resources"].items()
            found = [name for name, resource in resources if resource["Type"] == f"AWS::{kind}" and part in name]
            wanted = 0 if part == "EndpointLoadBalancer" and not _has_balancer(template) else 1
            assert len(found) == wanted, f"{kind} {part}: {found}"


def _has_balancer(template: Mapping[str, Any]) -> bool:
    return any(each["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer" for each in template["Resources"].values())


def test_what_is_searched_for_in_the_log_is_said_there() -> None:
    said = "".join(path.read_text() for path in (ROOT / "lambda").glob("*/*.py"))
    seen = 0
    for path in PAGES:
        for key, value in re.findall(r'\$\.(\w+)(?:\[0\])? = "([^"]*)"', path.read_text()):
            seen += 1
            wanted = {"decision": f'decision="{value}"', "why": f'"{value}"'}.get(key, f"{key}=")
            assert wanted in said, f"{path.name}: {key} {value}"
    assert seen > 5


def test_links_lead_to_headings() -> None:
    seen = 0
    for path in PAGES:
        for page, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", path.read_text()):
            seen += 1
            headings = re.findall(r"^#+ (.*)$", (path.parent / page if page else path).read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}, (
                f"{path.name}: #{anchor}"
            )
    assert seen > len(RUNBOOKS)
