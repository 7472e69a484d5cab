"""Rules about a deployment in several places: its regions know each other by name alone, and let only the mirror through."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from cdk_intersystems.model.ports import ISCAGENT_PORT
from cdk_intersystems.model.regions import partitions
from cdk_intersystems.policy.rules.assembly import Assembly, Resource, Stack
from cdk_intersystems.policy.rules.elsewhere import ARBITER, Elsewhere, is_range
from cdk_intersystems.policy.rules.mirrors import Member, members, mirror_of, private_address
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.security_groups import GROUP, GroupRule, group_rules, groups_of
from cdk_intersystems.policy.rules.texts import functions, joined, texts

_POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role")
_ARN = re.compile(r":(?P<service>[a-z0-9-]+):(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]):[^:]*:(?P<resource>[^\"\s]*)")
# What a region's roles may name in the other: which region holds a mirror, and its key by way of DynamoDB alone; what
# hosts there publish; and their instances, with the one command that closes a lost region, where it still answers.
_NAMED = {
    "dynamodb": re.compile(r"table/[A-Za-z0-9_.-]+-region-state"),
    "kms": re.compile(r"key/\*"),
    "ssm": re.compile(r"(parameter/cdk-intersystems/|document/cdk-intersystems-)[A-Za-z0-9_./-]+"),
    "ec2": re.compile(r"instance/\*"),
}
_HTTPS = ("tcp", 443, 443)


@rule(
    "IRIS-31",
    "the networks of a deployment's regions don't overlap, so that an address means one host everywhere",
    fix="give each region a range of its own",
)
def networks_apart(app: Assembly) -> Iterator[Finding]:
    """Peering and transit gateways need it, and so does a mirror, which knows its members by address."""
    vpcs = [(vpc, str(vpc.properties.get("CidrBlock"))) for vpc in app.resources("AWS::EC2::VPC")]
    stated = [(vpc, IPv4Network(cidr)) for vpc, cidr in vpcs if is_range(cidr)]
    for (one, cidr), (other, its) in combinations(stated, 2):
        if one.stack.region != other.stack.region and cidr.overlaps(its):
            message = f"{its} in {other.stack.region} overlaps {cidr} in {one.stack.region}"
            yield Finding(other, message, "Properties.CidrBlock")


@rule(
    "IRIS-32",
    "a mirror lets in and reaches nobody elsewhere but its own members, each by its one address, on the mirror's ports",
    fix="leave it to MirroredDatabase: others, other_arbiter and probe_cidrs say who is elsewhere",
)
def only_members_elsewhere(app: Assembly) -> Iterator[Finding]:
    """The rules are held to what the groups name, and the names to the other region's members, where these are in the app."""
    own: dict[str, list[Member]] = {}
    for member in members(app):
        for used in groups_of(app, member.host):
            own.setdefault(used, []).append(member)
    for stated in group_rules(app):
        group = app.find(stated.resource.stack, stated.group)
        if group is None or stated.group not in own or stated.peer_kind != "range" or not is_range(stated.peer):
            continue
        elsewhere = Elsewhere.of(group)
        if _is_strange(stated, elsewhere, is_arbiter=not any(member.is_failover for member in own[stated.group])):
            whom = "is open to" if stated.direction == "ingress" else "may leave to"
            message = f"{stated.ports} {whom} {stated.peer}, which no mirror needs"
            yield Finding(stated.resource, message, stated.location)
    for named in app.resources(GROUP):
        if found := own.get(named.identity):
            yield from _wrong_names(app, named, found)


@rule(
    "IRIS-33",
    "no stack refers to another region's stack, and none names anything there but what hosts and automation have to",
    fix="let both regions' stacks take it from the configuration: each has to be deployable while the other is lost",
)
def regions_apart(app: Assembly) -> Iterator[Finding]:
    """Neither by an export, nor by a copy of one in a parameter, nor by an ARN."""
    for resource in app.resources():
        region = resource.stack.region
        if not region:
            continue
        for location, function, argument in functions(resource):
            if other := _referred_region(app, resource.stack, function, argument):
                yield Finding(resource, f"{function} refers to a stack in {other}", location)
        for location, text in texts(resource):
            if "cdk/exports/" in text:
                yield Finding(resource, "a parameter with another stack's export is read", location)
            for named in _ARN.finditer(text):
                other = named["region"]
                if other == region or other not in partitions() or _may_name(resource, named):
                    continue
                yield Finding(resource, f"it names {named['service']} {named['resource']} in {other}", location)


REGION_RULES = (networks_apart, only_members_elsewhere, regions_apart)


def _is_strange(stated: GroupRule, elsewhere: Elsewhere, *, is_arbiter: bool) -> bool:
    """Whether a rule with a range is none of a mirror's; what IRIS-7, IRIS-8 and IRIS-16 are about is theirs to find."""
    if elsewhere.needs(stated):
        return is_arbiter and (stated.direction, stated.protocol, stated.first) != ("ingress", "tcp", ISCAGENT_PORT)
    if stated.direction == "ingress":
        return elsewhere.is_one(stated.peer)
    to_services = stated.peer_is_internet and (stated.protocol, stated.first, stated.last) == _HTTPS
    return not to_services and not stated.is_all_traffic


def _wrong_names(app: Assembly, group: Resource, own: list[Member]) -> Iterator[Finding]:
    """Names that aren't those of the mirror's members in the other region; one that was taken out isn't in the app."""
    elsewhere = Elsewhere.of(group)
    mirror, region = mirror_of(own[0].host), own[0].host.stack.region
    there = [
        member for member in members(app) if mirror_of(member.host) == mirror and member.host.stack.region not in ("", region)
    ]
    for member in there if region else ():
        address = str(private_address(member.host))
        named = elsewhere.members.values() if member.is_failover else (elsewhere.arbiter,)
        if address not in named and (member.is_failover or elsewhere.arbiter):
            what = f"member {member.member}" if member.is_failover else ARBITER
            message = f"{what} of {mirror} in {member.host.stack.region} is {address}, and the group knows another address"
            yield Finding(group, message, "Properties.Tags")


def _referred_region(app: Assembly, stack: Stack, function: str, argument: Any) -> str | None:
    """The other region that a function refers to; None if it is none."""
    if function == "Fn::GetStackOutput":
        named = argument.get("StackName") if isinstance(argument, dict) else None
        regions = {each.name: each.region for each in app.stacks}
        other = str(argument.get("Region") or regions.get(named or "", "")) if isinstance(argument, dict) else ""
    elif function == "Fn::ImportValue":
        resource = app.find(stack, {function: argument})
        other = resource.stack.region if resource else ""
    else:
        return None
    return other if other and other != stack.region else None


def _may_name(resource: Resource, named: re.Match[str]) -> bool:
    pattern = _NAMED.get(named["service"])
    if resource.type not in _POLICIES or pattern is None or not pattern.fullmatch(named["resource"]):
        return False
    return named["service"] != "kms" or _by_way_of_dynamodb_alone(resource, named["region"])


def _by_way_of_dynamodb_alone(policy: Resource, region: str) -> bool:
    statements = policy.properties.get("PolicyDocument", {}).get("Statement", [])
    about = [each for each in statements if f":kms:{region}:" in joined(each.get("Resource", ""))]
    return all(
        str(each.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", "")).startswith(f"dynamodb.{region}.")
        for each in about
    )
