"""Files that hold what users rely on; `python -m tests.contract.frozen` writes them anew."""

import hashlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

HERE = Path(__file__).parent
LOGICAL_IDS = HERE / "logical_ids.txt"
PUBLIC_API = HERE / "public_api.txt"
USER_DATA = HERE / "user_data.txt"
DEPLOYMENTS = ("minimal", "trakcare", "hybrid")

# Types whose resources hold data, have an address or identity that others rely on, or can't be deleted without an outage.
_STATEFUL = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::EC2::Instance",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EC2::Volume",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
    }
)


def logical_ids(templates: Mapping[str, Any]) -> list[str]:
    """A line for each stateful resource: stack, logical id, type."""
    return [
        f"{stack} {logical_id} {resource['Type']}"
        for stack, template in sorted(templates.items())
        for logical_id, resource in sorted(template.get("Resources", {}).items())
        if resource["Type"] in _STATEFUL
    ]


def user_data() -> list[str]:
    """One line: the SHA-256 of the user data of every host."""
    from cdk_intersystems.host_bundle.bundle import first_boot

    return [hashlib.sha256(first_boot().encode()).hexdigest()]


def public_api() -> list[str]:
    """A line for each public class, and for each of its public members with its signature."""
    import cdk_intersystems

    return [line for name in sorted(cdk_intersystems.__all__) for line in _class(name, getattr(cdk_intersystems, name))]


def _class(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"{name}: {type(value).__name__}"
        return
    yield f"class {name}"
    yield from _callable(name, value.__init__)
    for member, what in sorted(_members(value).items()):
        match what:
            case property():
                yield f"  {name}.{member} -> {_named(_signature(what.fget).return_annotation)}"
            case classmethod() | staticmethod():
                yield from _callable(f"{name}.{member}", what.__func__)
            case FunctionType():
                yield from _callable(f"{name}.{member}", what)
            case _ if not is_dataclass(value):
                yield f"  {name}.{member}"
    if not is_dataclass(value):
        for attribute in sorted(set(re.findall(r"self\.([a-z]\w*)(?::[^=\n]+)? = ", inspect.getsource(value)))):
            yield f"  {name}.{attribute}"


def _callable(name: str, function: Any) -> Iterator[str]:
    """A line for each argument and one for the result."""
    signature = _signature(function)
    for parameter in signature.parameters.values():
        if parameter.name not in ("self", "cls"):
            only = ", by keyword" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
            yield f"  {name}({parameter}{only})"
    if not name[0].isupper() or "." in name:
        yield f"  {name}() -> {_named(signature.return_annotation)}"


def _named(annotation: Any) -> str:
    return inspect.formatannotation(annotation)


def _members(value: type) -> dict[str, Any]:
    return {member: what for member, what in vars(value).items() if not member.startswith("_")}


def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(getattr(function, "__wrapped__", function))


def read(path: Path) -> list[str]:
    """The lines of a file without comments."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def _write(path: Path, comment: str, lines: Iterable[str]) -> None:
    path.write_text("\n".join([*(f"# {line}" for line in comment.splitlines()), *lines]) + "\n")


def main() -> None:
    """Write all files."""
    import yaml

    from tests.contract.versions import synthesized

    config = HERE.parent.parent / "config"
    ids = [
        line for name in DEPLOYMENTS for line in logical_ids(synthesized(yaml.safe_load((config / f"{name}.yaml").read_text())))
    ]
    _write(
        LOGICAL_IDS,
        "Stack, logical id and type of every stateful resource of the deployments in config/.\n"
        "A line that changes or goes is a new, empty resource in every deployed system: that needs a new MAJOR version.",
        ids,
    )
    _write(
        PUBLIC_API,
        "The public API: the classes of cdk_intersystems.__all__, their arguments and their members, a line each.\n"
        "A line that goes, or an argument that goes or becomes required, needs a new MAJOR version; an addition a MINOR one.",
        public_api(),
    )
    _write(
        USER_DATA,
        "SHA-256 of the user data of every host (bootstrap/first_boot.py).\n"
        "Another one restarts each member and arbiter of every deployed system, after an approval, and replaces all servers of "
        "tiers.",
        user_data(),
    )


if __name__ == "__main__":
    main()
