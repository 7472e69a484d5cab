"""Rules about hosts that set themselves up: what they run, and that CloudFormation waits for them."""

from collections.abc import Iterator
from typing import Any

from cdk_intersystems.instance_group.capacity import approval_parameter
from cdk_intersystems.model import tags
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LAUNCH_TEMPLATE, SCALING_GROUP, launch_settings
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.user_data import runs_first_boot


@rule(
    "IRIS-23",
    "a host that sets itself up runs the library's user data, to the byte",
    fix="leave the user data as `platform` sets it: another byte restarts members, and what hosts do stands in their bundle",
)
def user_data_is_ours(app: Assembly) -> Iterator[Finding]:
    """A host that CloudFormation waits for is one that sets itself up."""
    for waiting, started in _hosts(app):
        if tags.SIGNAL in waiting.tags and not runs_first_boot(started):
            yield Finding(started, "CloudFormation waits for hosts with other user data", "Properties.UserData")


@rule(
    "IRIS-24",
    "CloudFormation waits for every host that sets itself up, and the host knows which resource waits",
    fix="define the host by a construct of this library, which sets creation policy and tag together",
)
def creation_waits(app: Assembly) -> Iterator[Finding]:
    """Otherwise a stack is complete whose hosts aren't, and the next one is deployed too early.

    Of a tier in the DR region there may be no server before a promotion.
    """
    for waiting, started in _hosts(app):
        if not runs_first_boot(started) or (is_waiting_tier(waiting) and _count(waiting) == 0):
            continue
        own_name = f"{waiting.stack.name}/{waiting.logical_id}"
        if waiting.tags.get(tags.SIGNAL) != own_name:
            message = f"the hosts signal {waiting.tags.get(tags.SIGNAL, 'nothing')}, which is not {own_name}"
            yield Finding(waiting, message, "Properties.Tags")
        signals = waiting.body.get("CreationPolicy", {}).get("ResourceSignal", {})
        expected = _count(waiting)
        if int(signals.get("Count", 0)) != expected:
            message = f"its creation waits for {signals.get('Count', 0)} hosts, and {expected} start"
            yield Finding(waiting, message, "CreationPolicy")


@rule(
    "IRIS-25",
    "the launch template of servers that set themselves up names the bundle, so that another one replaces them",
    fix="define the tier by a construct of this library, which tags the launch template with the bundle's version",
)
def bundle_replaces_servers(app: Assembly) -> Iterator[Finding]:
    """A server of a tier gets a new bundle in no other way."""
    for template in app.resources(LAUNCH_TEMPLATE):
        if runs_first_boot(template) and not _instance_tags(template).get(tags.BUNDLE):
            yield Finding(template, "the launch template names no bundle", "Properties.LaunchTemplateData.TagSpecifications")


START_RULES = (user_data_is_ours, creation_waits, bundle_replaces_servers)


def _hosts(app: Assembly) -> Iterator[tuple[Resource, Resource]]:
    """What CloudFormation can wait for, and what says how its hosts start: an instance itself, or a group's launch template."""
    for instance in app.resources(INSTANCE):
        yield instance, instance
    for group in app.resources(SCALING_GROUP):
        template = app.find(group.stack, group.properties.get("LaunchTemplate", {}).get("LaunchTemplateId", ""))
        if template:
            yield group, template


def is_waiting_tier(group: Resource) -> bool:
    """Whether a tier stands in the DR region: what a promotion raised is taken back only by approval."""
    name = approval_parameter(group.tags.get(tags.TIER, ""))
    return name in group.stack.template.get("Parameters", {})


def _count(waiting: Resource) -> int:
    return 1 if waiting.type == INSTANCE else int(waiting.properties.get("MinSize", 0))


def _instance_tags(template: Resource) -> dict[str, Any]:
    return {
        tag["Key"]: tag["Value"]
        for specification in launch_settings(template).get("TagSpecifications", [])
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tags", [])
    }
