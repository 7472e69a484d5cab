"""What the rules read: the templates of a synthesized app, with references followed across its stacks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

# Attributes that stand for the resource itself, as `Ref` does; any other attribute is a thing of its own.
_IDENTITY_ATTRIBUTES = frozenset(
    {"AllocationId", "Arn", "GroupId", "HostId", "InstanceId", "LaunchTemplateId", "SubnetId", "VpcId"}
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a template."""

    stack: "Stack"
    logical_id: str
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Its CloudFormation type."""
        return str(self.body.get("Type", ""))

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties as the template states them."""
        properties: Mapping[str, Any] = self.body.get("Properties", {})
        return properties

    @property
    def identity(self) -> str:
        """What `Assembly.identity` gives for a reference to it."""
        return f"{self.stack.name}/{self.logical_id}"

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags, in whichever of CloudFormation's shapes."""
        tags = self.properties.get("Tags", [])
        if isinstance(tags, dict):
            return tags
        return {tag["Key"]: tag["Value"] for tag in tags if isinstance(tag.get("Value"), str)}


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A stack of the app.

    Args:
        name: Its name.
        template: Its template.
        termination_protection: Whether the stack itself is protected; None where only the template is known.
        path: Its construct path.
        template_path: Where the template was read from; empty where it wasn't.
        acknowledged: Per construct path the ids of the findings that were acknowledged there.
        construct_paths: Construct path by logical id.
        region: The AWS region it is deployed to; empty where that isn't known.
    """

    name: str
    template: Mapping[str, Any]
    termination_protection: bool | None = None
    path: str = ""
    template_path: str = ""
    acknowledged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    construct_paths: Mapping[str, str] = field(default_factory=dict)
    region: str = ""

    def resources(self) -> Iterator[Resource]:
        """Its resources, in the template's order."""
        for logical_id, body in self.template.get("Resources", {}).items():
            yield Resource(self, logical_id, body)

    def acknowledges(self, logical_id: str | None, finding: str) -> bool:
        """Whether a finding was acknowledged on a resource, on a construct around it, or on the stack."""
        path = self.path if logical_id is None else self.construct_paths.get(logical_id, self.path)
        while path:
            if finding in self.acknowledged.get(path, frozenset()):
                return True
            path = path.rpartition("/")[0]
        return False


@dataclass(frozen=True)
class Assembly:
    """The stacks of a synthesized app."""

    stacks: tuple[Stack, ...]

    @classmethod
    def from_templates(
        cls,
        templates: Mapping[str, Mapping[str, Any]],
        *,
        regions: Mapping[str, str] | None = None,
        unprotected: frozenset[str] = frozenset(),
    ) -> "Assembly":
        """Take templates and regions by stack name; each stack counts as protected from deletion unless named otherwise."""
        by_stack = regions or {}
        return cls(
            tuple(
                Stack(
                    name,
                    template,
                    termination_protection=name not in unprotected,
                    path=name,
                    region=by_stack.get(name, ""),
                )
                for name, template in templates.items()
            )
        )

    @property
    def regions(self) -> dict[str, str]:
        """The region of each stack, as far as it is known."""
        return {stack.name: stack.region for stack in self.stacks if stack.region}

    @classmethod
    def from_directory(cls, directory: Path) -> "Assembly":
        """Read a cloud assembly as the CDK wrote it, without those of stages inside it."""
        manifest = json.loads((directory / "manifest.json").read_text())
        return cls(
            tuple(
                _read_stack(directory, artifact_id, artifact)
                for artifact_id, artifact in manifest["artifacts"].items()
                if artifact["type"] == "aws:cloudformation:stack"
            )
        )

    def resources(self, *types: str) -> Iterator[Resource]:
        """All resources of the given types; of all types if none is given."""
        for stack in self.stacks:
            for resource in stack.resources():
                if not types or resource.type in types:
                    yield resource

    def find(self, stack: Stack, value: Any) -> Resource | None:
        """The resource a value in a template of this app refers to; None if it is none of the app's."""
        return self._by_identity.get(self.identity(stack, value))

    def identity(self, stack: Stack, value: Any) -> str:
        """A string that is the same for everything that means the same thing, in whichever stack it is said.

        A literal is itself; a reference to a resource is `<stack>/<logical id>`, followed through exports and imports; an
        attribute that isn't the resource itself has its name after a dot.
        """
        if isinstance(value, (str, int, float)):
            return str(value)
        if isinstance(value, dict) and len(value) == 1:
            function, argument = next(iter(value.items()))
            if function == "Ref":
                return argument if argument.startswith("AWS::") else f"{stack.name}/{argument}"
            if function == "Fn::GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return f"{stack.name}/{name}" + ("" if attribute in _IDENTITY_ATTRIBUTES else f".{attribute}")
            if function == "Fn::ImportValue" and isinstance(argument, str) and argument in self._exports:
                exporter, exported = self._exports[argument]
                return self.identity(exporter, exported)
            if function == "Fn::GetStackOutput":
                return self._output(argument)
        return json.dumps(value, sort_keys=True)

    def _output(self, argument: Mapping[str, str]) -> str:
        for stack in self.stacks:
            output = stack.template.get("Outputs", {}).get(argument["OutputName"])
            if stack.name == argument["StackName"] and output:
                return self.identity(stack, output["Value"])
        return json.dumps(argument, sort_keys=True)

    @cached_property
    def _by_identity(self) -> dict[str, Resource]:
        return {resource.identity: resource for resource in self.resources()}

    @cached_property
    def _exports(self) -> dict[str, tuple[Stack, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack in self.stacks
            for output in stack.template.get("Outputs", {}).values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }


def _read_stack(directory: Path, artifact_id: str, artifact: Mapping[str, Any]) -> Stack:
    properties = artifact["properties"]
    template_path = directory / properties["templateFile"]
    metadata = dict(artifact.get("metadata", {}))
    if extra := artifact.get("additionalMetadataFile"):
        metadata |= json.loads((directory / extra).read_text())
    acknowledged: dict[str, frozenset[str]] = {}
    construct_paths: dict[str, str] = {}
    for key, entries in metadata.items():
        path = key.strip("/")
        for entry in entries:
            if entry["type"] == "aws:cdk:logicalId":
                construct_paths[entry["data"]] = path
            elif entry["type"] == "aws:cdk:acknowledged-rules":
                acknowledged[path] = acknowledged.get(path, frozenset()) | {_bare(rule) for rule in entry["data"]}
    return Stack(
        name=properties.get("stackName", artifact_id),
        template=json.loads(template_path.read_text()),
        termination_protection=properties.get("terminationProtection", False),
        path=artifact.get("displayName", artifact_id).split(" ")[0],
        template_path=str(template_path),
        acknowledged=acknowledged,
        construct_paths=construct_paths,
        region=_region(artifact.get("environment", "")),
    )


def _region(environment: str) -> str:
    """The region of an environment, which the CDK writes as `aws://<account>/<region>`."""
    region = environment.rpartition("/")[2]
    return "" if region == "unknown-region" else region


def _bare(rule: str) -> str:
    """The CDK stores an id without a plugin's name as `Annotation::<id>`, and one with as `<plugin>::<id>`."""
    namespace, separator, name = rule.partition("::")
    return name if separator and namespace in {"Annotation", "IrisChecks"} else rule
