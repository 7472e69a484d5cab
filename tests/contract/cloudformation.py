"""What CloudFormation does to the resources of deployed stacks when an app's next version is deployed.

The facts come from the resource provider schemas that cfn-lint bundles: a change of a create-only property replaces the
resource. What a conditional create-only property does is in `_CONDITIONAL` below, with its source.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

Template = Mapping[str, Any]
Templates = Mapping[str, Template]


class Effect(StrEnum):
    """What happens to one resource."""

    NEW = "new"
    UPDATED = "updated"
    RESTARTED = "restarted"
    REPLACED = "replaced"
    DELETED = "deleted"
    RETAINED = "retained"
    REFUSED = "refused"


@dataclass(frozen=True, order=True)
class Change:
    """One resource's effect; `why` names the properties that changed."""

    stack: str
    logical_id: str
    type: str
    effect: Effect
    why: tuple[str, ...] = ()


# Reference of AWS::EC2::Instance, for an instance whose root volume is on EBS (ours are): "Update requires: Some
# interruptions", where the instance is stopped and started; in a VPC the security groups change without interruption;
# and of the block devices only DeleteOnTermination changes without replacement.
_CONDITIONAL: Mapping[str, Mapping[str, Effect]] = {
    "AWS::EC2::Instance": {
        **dict.fromkeys(
            (
                "AdditionalInfo",
                "Affinity",
                "EbsOptimized",
                "HostId",
                "InstanceType",
                "KernelId",
                "PrivateDnsNameOptions",
                "RamdiskId",
                "Tenancy",
                "UserData",
            ),
            Effect.RESTARTED,
        ),
        "SecurityGroupIds": Effect.UPDATED,
        "BlockDeviceMappings": Effect.REPLACED,
    },
    # Reference of AWS::AutoScaling::AutoScalingGroup: no interruption of the group. What becomes of its instances, the
    # instance refresh decides.
    "AWS::AutoScaling::AutoScalingGroup": dict.fromkeys(
        ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier"), Effect.UPDATED
    ),
}

# The schema of AWS::EC2::Volume has no create-only property, and its update handler may call nothing but ModifyVolume and
# ModifyVolumeAttribute: what those can't change, CloudFormation refuses to.
_VOLUME_CHANGES = frozenset({"AutoEnableIO", "Iops", "MultiAttachEnabled", "Size", "Tags", "Throughput", "VolumeType"})

# Reference of AWS::Route53::RecordSet, whose schema has no create-only properties: "Update requires: Replacement".
_REPLACING = {"AWS::Route53::RecordSet": frozenset({"HostedZoneId", "Name"})}

# Attributes that change when their resource is updated in place.
_MOVING_ATTRIBUTES = {"AWS::EC2::LaunchTemplate": {"LatestVersionNumber", "DefaultVersionNumber"}}

_SEVERITY = (Effect.UPDATED, Effect.RESTARTED, Effect.REPLACED, Effect.REFUSED)


def effects(before: Templates, after: Templates) -> list[Change]:
    """What happens when all stacks of an app's next version are deployed, each after those it refers to.

    Args:
        before: The deployed templates by stack name.
        after: The next version's. A stack that it lacks is left as it is: the CDK deletes none by itself.
    """
    imported = _imports(before.values())
    found = [change for name in after for change in _stack_effects(name, before.get(name), after[name], imported)]
    return sorted(found)


def refusals(deployed: Mapping[str, str] | None, template: Template, supplied: Mapping[str, str]) -> list[str]:
    """Which assertions of a template's rules fail, before CloudFormation touches anything.

    Args:
        deployed: The values of the deployed stack's parameters; None where there is no such stack yet.
        template: The template to be deployed.
        supplied: Values given with this deployment. For all others the CDK's command line keeps the previous value, and a
            new parameter has its default.

    Returns:
        The descriptions of the failed assertions, or of a parameter that doesn't exist.
    """
    stated = template.get("Parameters", {})
    if unknown := sorted(set(supplied) - set(stated)):
        return [f"parameters {unknown} do not exist in the template"]
    values = parameters(deployed, template, supplied)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        for assertion in rule["Assertions"]
        if not _holds(assertion["Assert"], values)
    ]


def parameters(deployed: Mapping[str, str] | None, template: Template, supplied: Mapping[str, str]) -> dict[str, str]:
    """The values a stack's parameters have in a deployment: supplied, else previous, else the default."""
    return {
        name: supplied.get(name, (deployed or {}).get(name, parameter.get("Default")))
        for name, parameter in template.get("Parameters", {}).items()
    }


@dataclass
class Deployed:
    """Stacks as they are deployed."""

    templates: dict[str, Template] = field(default_factory=dict)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)

    def deploy(self, after: Templates, approvals: Mapping[str, Mapping[str, str]] | None = None) -> "Deployment":
        """Deploy every stack whose rules hold.

        Args:
            after: The templates.
            approvals: By stack the parameters given; those under `*` are given to every stack.
        """
        given = approvals or {}
        passed, refused = {}, {}
        for name, template in after.items():
            supplied = {**given.get("*", {}), **given.get(name, {})}
            if failed := refusals(self.parameters.get(name), template, supplied):
                refused[name] = failed
            else:
                passed[name] = template
        changes = effects(self.templates, passed)
        for name, template in passed.items():
            supplied = {**given.get("*", {}), **given.get(name, {})}
            self.parameters[name] = parameters(self.parameters.get(name), template, supplied)
            self.templates[name] = template
        return Deployment(changes=changes, refused=refused)


@dataclass(frozen=True)
class Deployment:
    """What one deployment did: the effects, and by stack the assertions that stopped it."""

    changes: list[Change]
    refused: Mapping[str, list[str]]


def _stack_effects(name: str, before: Template | None, after: Template, imported: set[str]) -> Iterator[Change]:
    # A stack that only refers to what exists already has no resources.
    old: Mapping[str, Any] = (before or {}).get("Resources", {})
    new: Mapping[str, Any] = after.get("Resources", {})
    changed = _changed(old, new)
    for logical_id, (effect, why) in changed.items():
        yield Change(name, logical_id, new[logical_id]["Type"], effect, why)
    for logical_id in sorted(new.keys() - old.keys()):
        yield Change(name, logical_id, new[logical_id]["Type"], Effect.NEW)
    for logical_id in sorted(old.keys() - new.keys()):
        resource = old[logical_id]
        kept = resource.get("DeletionPolicy", "Delete") != "Delete"
        yield Change(name, logical_id, resource["Type"], Effect.RETAINED if kept else Effect.DELETED)
    if before is not None:
        moved = {logical_id for logical_id, (effect, _) in changed.items() if effect is Effect.REPLACED}
        yield from _export_refusals(name, before, after, imported, moved)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Effect, tuple[str, ...]]]:
    """The changed resources, following references to what is replaced until nothing more changes."""
    known: dict[str, tuple[Effect, tuple[str, ...]]] = {}
    while True:
        moved = {logical_id for logical_id, (effect, _) in known.items() if effect is Effect.REPLACED}
        updated = {
            f"{logical_id}.{attribute}"
            for logical_id in known
            for attribute in _MOVING_ATTRIBUTES.get(new[logical_id]["Type"], ())
        }
        found: dict[str, tuple[Effect, tuple[str, ...]]] = {}
        for logical_id in sorted(old.keys() & new.keys()):
            if old[logical_id]["Type"] != new[logical_id]["Type"]:
                found[logical_id] = (Effect.REPLACED, ("Type",))
            elif why := _changed_properties(old[logical_id], new[logical_id], moved, updated):
                found[logical_id] = (_effect_of(old[logical_id], new[logical_id], why), why)
        if found == known:
            return known
        known = found


def _changed_properties(old: Mapping[str, Any], new: Mapping[str, Any], moved: set[str], updated: set[str]) -> tuple[str, ...]:
    was, now = old.get("Properties", {}), new.get("Properties", {})
    return tuple(
        name
        for name in sorted(was.keys() | now.keys())
        if json.dumps(was.get(name), sort_keys=True) != json.dumps(now.get(name), sort_keys=True)
        or any(reference in moved or f"{reference}.{attribute}" in updated for reference, attribute in _refers(now.get(name)))
    )


def _effect_of(old: Mapping[str, Any], new: Mapping[str, Any], why: Iterable[str]) -> Effect:
    kind = new["Type"]
    return max((_property_effect(kind, name, old, new) for name in why), key=_SEVERITY.index)


def _property_effect(kind: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Effect:
    if kind == "AWS::EC2::Volume":
        shrinks = name == "Size" and new["Properties"]["Size"] < old["Properties"]["Size"]
        return Effect.UPDATED if name in _VOLUME_CHANGES and not shrinks else Effect.REFUSED
    if name in _REPLACING.get(kind, ()):
        return Effect.REPLACED
    schema = _schema(kind)
    if f"/properties/{name}" in schema.get("conditionalCreateOnlyProperties", ()):
        return _CONDITIONAL[kind][name]
    # A create-only property may be nested; then a change of what is around it counts too.
    nested = tuple(p.split("/")[2] for p in schema.get("createOnlyProperties", ()))
    return Effect.REPLACED if name in nested else Effect.UPDATED


def _export_refusals(name: str, before: Template, after: Template, imported: set[str], moved: set[str]) -> Iterator[Change]:
    """CloudFormation neither removes nor changes an exported value while another stack imports it."""
    now = {output["Export"]["Name"]: output["Value"] for output in after.get("Outputs", {}).values() if "Export" in output}
    for logical_id, output in sorted(before.get("Outputs", {}).items()):
        export = output.get("Export", {}).get("Name")
        if export not in imported:
            continue
        if export not in now:
            yield Change(name, logical_id, "export in use", Effect.REFUSED, ("removed",))
        elif now[export] != output["Value"] or any(reference in moved for reference, _ in _refers(now[export])):
            yield Change(name, logical_id, "export in use", Effect.REFUSED, ("changed",))


def _imports(templates: Iterable[Template]) -> set[str]:
    return {
        value for template in templates for key, value in _walk(template) if key == "Fn::ImportValue" and isinstance(value, str)
    }


def _refers(value: Any) -> set[tuple[str, str]]:
    """The resources a value refers to, each with the attribute."""
    found = set()
    for key, inner in _walk(value):
        if key == "Ref":
            found.add((inner, ""))
        elif key == "Fn::GetAtt":
            found.add((inner[0], inner[1]))
    return found


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _holds(condition: Any, values: Mapping[str, str]) -> bool:
    ((function, arguments),) = condition.items()
    match function:
        case "Fn::Equals":
            first, second = (_value(argument, values) for argument in arguments)
            return bool(first == second)
        case "Fn::Contains":
            options, wanted = arguments
            return _value(wanted, values) in options
        case "Fn::Not":
            return not _holds(arguments[0], values)
        case "Fn::And":
            return all(_holds(argument, values) for argument in arguments)
        case "Fn::Or":
            return any(_holds(argument, values) for argument in arguments)
        case _:
            raise ValueError(f"no rule function we know: {function}")


def _value(argument: Any, values: Mapping[str, str]) -> Any:
    return values[argument["Ref"]] if isinstance(argument, Mapping) else argument


# Where newer types are known first.
_PROVIDERS = ("eu-west-2", "us-east-1")


@cache
def _types() -> dict[str, str]:
    """The file of each type's schema."""
    known: dict[str, str] = {}
    for region in reversed(_PROVIDERS):
        known |= json.loads((files("cfnlint.data.schemas.providers") / f"{region}.json").read_text())
    return known


@cache
def _schema(kind: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads((files("cfnlint.data.schemas.resources") / f"{_types()[kind]}.json").read_text())
    return schema
