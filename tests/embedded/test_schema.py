"""The adapter's resource types agree with CloudFormation's own schemas, which cfn-lint brings."""

import json
import subprocess
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from local.server import REPOSITORY, _emulator_python

from .conftest import REGION

pytestmark = pytest.mark.embedded

# Newer than cfn-lint's schemas.
_TOO_NEW = {"AWS::EC2::SubnetCidrReservation"}
_LIST_HANDLERS = """
import json, sys
sys.path.append(sys.argv[1])
from local.adapter import install
handlers = {kind: handler for family in install._FAMILIES for kind, handler in family.HANDLERS.items()}
print(json.dumps({kind: {"known": h.known, "replacing": h.replacing, "tags": h.tags} for kind, h in handlers.items()}))
"""


@pytest.fixture(scope="module")
def handlers() -> dict[str, dict[str, Any]]:
    """The adapter's resource types, as its own Python knows them."""
    command = [str(_emulator_python()), "-P", "-c", _LIST_HANDLERS, str(REPOSITORY)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, Any]] = json.loads(listed.stdout.splitlines()[-1])
    return found


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return found


def create_only(kind: str) -> set[str]:
    """The properties a change of which replaces a resource, as far as they are whole properties."""
    pointers = [pointer.removeprefix("/properties/") for pointer in schema(kind).get("createOnlyProperties", [])]
    return {pointer for pointer in pointers if "/" not in pointer}


def test_every_type_and_property_exists(handlers: dict[str, dict[str, Any]]) -> None:
    unknown = {
        f"{kind}.{name}"
        for kind, handler in handlers.items()
        if kind not in _TOO_NEW
        for name in [*handler["known"], *handler["replacing"]]
        if name not in schema(kind)["properties"]
    }
    assert unknown == set()


def test_what_replaces_a_resource_is_what_the_schema_says(handlers: dict[str, dict[str, Any]]) -> None:
    wrong: dict[str, set[str]] = {}
    for kind, handler in handlers.items():
        if kind not in _TOO_NEW:
            missing = (create_only(kind) & set(handler["known"])) - set(handler["replacing"])
            too_many = set(handler["replacing"]) - create_only(kind)
            wrong[kind] = missing | too_many
    assert {kind: names for kind, names in wrong.items() if names} == {}


def test_a_type_with_a_list_of_tags_takes_its_stacks_tags(handlers: dict[str, dict[str, Any]]) -> None:
    assert {kind for kind, handler in handlers.items() if handler["tags"] and "Tags" not in handler["known"]} == set()
