"""The ObjectScript that hosts load into IRIS: it parses, and it has what they call."""

import re
from pathlib import Path

import pytest
import tree_sitter_objectscript
from tree_sitter import Language, Node, Parser

BOOTSTRAP = Path(__file__).parents[2] / "constructs/cdk_intersystems/bootstrap"
SOURCES = sorted((BOOTSTRAP / "objectscript").iterdir())
CODE = (BOOTSTRAP / "objectscript/ZcdkHost.mac").read_text(encoding="ascii")


#: A label with its arguments.
_LABEL = re.compile(r"(?m)^([A-Z]\w*)\(([^)]*)\) public")


def text_of(name: str) -> str:
    return (BOOTSTRAP / "objectscript" / name).read_text(encoding="ascii")


def problems(text: str) -> list[str]:
    """Where a source isn't ObjectScript, as far as its grammar tells."""
    root = Parser(Language(tree_sitter_objectscript.language_objectscript())).parse(text.encode()).root_node
    return [f"line {node.start_point.row + 1}: {node.type}" for node in _all(root) if node.is_error or node.is_missing]


def _all(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in _all(child))]


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_it_parses(source: Path) -> None:
    assert problems(source.read_text(encoding="ascii")) == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("while rows.Next() {", "while rows.Next() "),
        ("set rows=", "sett rows="),
        ('write "cdk:ready",!', 'write "cdk:ready,!'),
        ("do Tell^%ZcdkHost(", "do Tell^%ZcdkHost(("),
        ("%New(query)", "%New(query"),
    ],
)
def test_a_broken_copy_is_refused(wrong: str, right: str) -> None:
    assert wrong in CODE
    assert problems(CODE.replace(wrong, right, 1)) != []


def test_every_call_of_the_host_is_there_with_as_many_arguments() -> None:
    steps = "".join(path.read_text(encoding="utf-8") for path in (BOOTSTRAP / "host").rglob("*.py"))
    called = set(re.findall(r"([A-Z]\w*)\^%ZcdkHost", steps.replace("{entry}", "AuthorizeMember")))
    labels = dict(re.findall(r"(?m)^([A-Z]\w*)\(([^)]*)\) public", CODE))

    assert {"Ready", "Pending", "Clients", "Restart", "AuthorizeMember"} <= called <= set(labels)
    assert labels["AuthorizeClient"] == labels["AuthorizeMember"] == "name"
    assert labels["Pending"] == "mirror"


def test_the_calls_of_the_call_out_are_there_with_as_many_arguments() -> None:
    route = text_of("ZcdkRoute.mac")
    step = (BOOTSTRAP / "host/steps/call_out.py").read_text(encoding="utf-8")
    called = set(re.findall(r"(\w+)\^%ZcdkRoute", route + text_of("ZMIRROR.mac") + step))

    assert called == {"CallOut", "Log", "SetWait", "TakeRoute", "Whose"}
    assert dict(_LABEL.findall(route)) == {
        "CallOut": "event,since",
        "Log": "severity,message",
        "SetWait": "seconds",
        "TakeRoute": "",
        "Whose": "",
    }
    assert "job CallOut^%ZcdkRoute(event,$ztimestamp)::1\n" in route
    assert "SetWait^%ZcdkRoute({mine.takeover_wait_seconds})" in step


def test_the_mirror_s_entry_points_are_there() -> None:
    # High Availability Guide, "Using the ^ZMIRROR User-defined Routine". The mirror gives none of them an argument.
    entries = dict(_LABEL.findall(text_of("ZMIRROR.mac")))
    documented = {"CanNodeStartToBecomePrimary", "CheckBecomePrimaryOK", "NotifyBecomePrimary", "NotifyBecomePrimaryFailed"}
    assert set(entries) == documented | {"CdkIntersystems", "Failed"}
    assert {entries[name] for name in documented} == {""}


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_it_survives_an_upgrade_of_iris(source: Path) -> None:
    # Specialized System Tools and Utilities: of routines in IRISSYS an upgrade keeps those that begin with Z and %Z.
    assert re.match(r"ROUTINE %?Z\w+ \[Type=MAC\]\n", source.read_text(encoding="ascii"))


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_it_has_no_secret_and_writes_nothing_but_answers(source: Path) -> None:
    lines = source.read_text(encoding="ascii").splitlines()
    code = [line for line in lines if not line.lstrip().startswith(("//", ";"))]

    assert not [line for line in code if "password" in line.lower()]
    written = [line for line in code if re.search(r"\bwrite\b", line)]
    # What the mirror calls has nobody to write to.
    assert bool(written) is (source.name != "ZMIRROR.mac")
    assert not [line for line in written if '"cdk:' not in line]
