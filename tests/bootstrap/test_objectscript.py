"""The ObjectScript that hosts load into IRIS: it parses, and it has what they call."""

import re
from pathlib import Path

import pytest
import tree_sitter_objectscript
from tree_sitter import Language, Node, Parser

BOOTSTRAP = Path(__file__).parents[2] / "constructs/cdk_intersystems/bootstrap"
SOURCES = sorted((BOOTSTRAP / "objectscript").iterdir())
CODE = (BOOTSTRAP / "objectscript/ZcdkHost.mac").read_text(encoding="ascii")


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


def test_it_survives_an_upgrade_of_iris() -> None:
    # Specialized System Tools and Utilities: of routines in IRISSYS an upgrade keeps those that begin with %Z.
    assert CODE.startswith("ROUTINE %ZcdkHost [Type=MAC]\n")


def test_it_has_no_secret_and_writes_nothing_but_answers() -> None:
    code = [line for line in CODE.splitlines() if not line.lstrip().startswith(("//", ";"))]

    assert not [line for line in code if "password" in line.lower()]
    written = [line for line in code if re.search(r"\bwrite\b", line)]
    assert written
    assert not [line for line in written if '"cdk:' not in line]
