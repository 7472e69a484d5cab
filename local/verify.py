"""Compares what a deployment's templates desire with what the emulator's service APIs report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local import record
from local.clients import Clients
from local.comparisons import automation, compute, delivery, network, regions, services
from local.comparisons.comparison import Comparison, at, has_tags, matches
from local.resolve import ABSENT, Resolver, UnresolvedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.cdk import Stack
    from local.server import EmbeddedAws

COMPARISONS: dict[str, Comparison] = {
    **automation.COMPARISONS,
    **compute.COMPARISONS,
    **delivery.COMPARISONS,
    **network.COMPARISONS,
    **regions.COMPARISONS,
    **services.COMPARISONS,
}
# No resource of an account stands behind these.
_NOT_RESOURCES = frozenset({"AWS::CDK::Metadata"})

VERIFIED, STORED, DIFFERENT, NOT_COMPARED = "verified", "stored", "different", "not compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of comparing one property.

    Attributes:
        stack: The stack's name.
        logical_id: The resource.
        type: Its type.
        property: The property; empty where the resource as a whole is meant.
        status: ``verified``: an API of the emulator reports it as desired. ``stored``: as desired too, but only the
            adapter keeps it and nothing acts on it. ``different``: it is not as desired. ``not compared``.
        desired: The value of the template, where it differs.
        reported: The value the API reports, where it differs; or why there was no comparison.
    """

    stack: str
    logical_id: str
    type: str
    property: str
    status: str
    desired: Any = None
    reported: Any = None


def verify(aws: EmbeddedAws, stacks: Iterable[Stack]) -> list[Finding]:
    """Compare every property of every resource.

    Args:
        aws: The embedded AWS the stacks were deployed into.
        stacks: The synthesized stacks.
    """
    known = record.read(aws)
    clients: dict[str, Clients] = {}
    findings: list[Finding] = []
    for stack in stacks:
        region = clients.setdefault(stack.region, Clients(aws, stack.region))
        attributes = known.attributes.get(stack.name, {})
        resolver = Resolver(stack, region, attributes)
        for logical_id, resource in resolver.resources().items():
            if resource["Type"] not in _NOT_RESOURCES:
                findings += _resource(resolver, region, logical_id, resource, known)
    return findings


def _resource(
    resolver: Resolver, clients: Clients, logical_id: str, resource: dict[str, Any], known: record.Record
) -> list[Finding]:
    """Compare one resource."""
    kind, stack = resource["Type"], resolver.stack.name

    def finding(status: str, name: str = "", desired: Any = None, reported: Any = None) -> Finding:
        return Finding(
            stack=stack,
            logical_id=logical_id,
            type=kind,
            property=name,
            status=status,
            desired=desired,
            reported=reported,
        )

    physical_id = resolver.physical_ids.get(logical_id, "")
    properties: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, content in (resource.get("Properties") or {}).items():
        try:
            value = resolver.value(content)
        except UnresolvedError as error:
            findings.append(finding(NOT_COMPARED, name, reported=f"{error} could not be resolved"))
            continue
        if value is not ABSENT:
            properties[name] = value
    if known.is_placeholder(stack, logical_id):
        return [finding(NOT_COMPARED, reported="not emulated")]
    if (clients.region, physical_id) in known.stored:
        kept = known.stored[clients.region, physical_id]
        return findings + [
            finding(STORED, name)
            if matches(value, kept.get(name)) or name == "Tags"
            else finding(DIFFERENT, name, value, kept.get(name))
            for name, value in properties.items()
        ]
    comparison = COMPARISONS.get(kind)
    if comparison is None:
        return [finding(NOT_COMPARED, reported="no comparison for this type")]
    try:
        description = comparison.describe(clients, physical_id, properties)
    except ClientError as error:
        return [finding(DIFFERENT, desired=physical_id, reported=str(error))]
    if description is None:
        return [finding(DIFFERENT, desired=physical_id, reported="the API reports no such resource")]
    ignored = known.ignored(stack, logical_id)
    for name, value in properties.items():
        path = comparison.properties.get(name)
        if name in ignored:
            findings.append(finding(NOT_COMPARED, name, reported="not emulated"))
        elif path is None:
            findings.append(finding(NOT_COMPARED, name, reported="no comparison for this property"))
        else:
            reported = at(description, path)
            equal = has_tags(value, reported) if name in ("Tags", "HealthCheckTags") else matches(value, reported)
            status = (STORED if comparison.is_stored(name) else VERIFIED) if equal else DIFFERENT
            findings.append(finding(status, name) if equal else finding(status, name, value, reported))
    return findings
