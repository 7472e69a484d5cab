"""Rules about mirror members: where they stand, what keeps them, what may touch them."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from cdk_intersystems.mirrored_database.roll_approval import PARAMETER as ROLL_APPROVAL
from cdk_intersystems.mirrored_database.roll_approval import code_of
from cdk_intersystems.model import tags
from cdk_intersystems.model.topology import MEMBERS
from cdk_intersystems.policy.rules.assembly import Assembly, Resource, Stack
from cdk_intersystems.policy.rules.mirrors import (
    INSTANCE,
    VOLUME,
    Member,
    launch_settings,
    member_stacks,
    member_volumes,
    members,
    network_interfaces,
    private_address,
    zone,
)
from cdk_intersystems.policy.rules.rule import Finding, rule


@rule(
    "IRIS-1",
    "the failover members of a mirror set and its arbiter stand in three different zones",
    fix="give each member a subnet in a zone of its own; an arbiter beside a failover member is lost together with it",
)
def distinct_zones(app: Assembly) -> Iterator[Finding]:
    """Also: a member's volumes stand in its own zone, or it can't attach them."""
    by_set: dict[str, list[Member]] = {}
    for member in members(app):
        by_set.setdefault(member.mirror_set, []).append(member)
    for mirror_set, found in by_set.items():
        taken: dict[str, Member] = {}
        for member in found:
            where = zone(app, member.host)
            if where is None:
                yield Finding(member.host, f"member {member.member} of {mirror_set} states no zone")
            elif where in taken:
                other = taken[where].member
                message = f"members {other} and {member.member} of {mirror_set} both stand in {where}"
                yield Finding(member.host, message, "Properties.AvailabilityZone")
            else:
                taken[where] = member
        for missing in set(MEMBERS[2:]) - {member.member for member in found}:
            yield Finding(found[0].host.stack, f"{mirror_set} has no {missing}", "Resources")
    for member in members(app):
        for volume in member_volumes(app):
            if volume.stack is member.host.stack and zone(app, volume) != zone(app, member.host):
                message = f"the volume stands in {zone(app, volume)}, its member in {zone(app, member.host)}"
                yield Finding(volume, message, "Properties.AvailabilityZone")


@rule(
    "IRIS-2",
    "every mirror member has a fixed private address of its own",
    fix="state the member's private address as a literal inside its subnet's range",
)
def fixed_addresses(app: Assembly) -> Iterator[Finding]:
    """A mirror keeps its members by address, and a fixed one makes a silent replacement fail."""
    taken: dict[str, Member] = {}
    for member in members(app):
        address = private_address(member.host)
        if not isinstance(address, str) or not _is_address(address):
            yield Finding(member.host, f"member {member.member} of {member.mirror_set} has no fixed private address")
            continue
        if address in taken:
            other = taken[address]
            message = f"{address} is the address of member {other.member} of {other.mirror_set} too"
            yield Finding(member.host, message, "Properties.NetworkInterfaces")
        taken[address] = member
        cidr = _subnet_range(app, member.host)
        if cidr and ip_address(address) not in ip_network(cidr):
            yield Finding(member.host, f"{address} is not in the range {cidr} of the member's subnet")


@rule(
    "IRIS-9",
    "a member's volumes are encrypted with a customer-managed key and stay when their stack or definition goes",
    fix="set Encrypted and KmsKeyId, and RemovalPolicy.RETAIN on each data volume; encrypt the root volume with the same key",
)
def volumes_encrypted_and_kept(app: Assembly) -> Iterator[Finding]:
    """Data volumes, and those an instance states itself."""
    for volume in member_volumes(app):
        if not _has_own_key(volume.properties):
            yield Finding(volume, "the volume is not encrypted with a customer-managed key", "Properties.KmsKeyId")
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if volume.body.get(policy) not in {"Retain", "RetainExceptOnCreate"}:
                yield Finding(volume, f"{policy} is {volume.body.get(policy, 'not stated')}, so that data can be lost", policy)
    for member in members(app):
        mappings = launch_settings(member.host).get("BlockDeviceMappings", [])
        if not mappings:
            yield Finding(member.host, "the root volume's encryption is not stated", "Properties.BlockDeviceMappings")
        for number, mapping in enumerate(mappings):
            if not _has_own_key(mapping.get("Ebs", {})):
                location = f"Properties.BlockDeviceMappings[{number}]"
                yield Finding(member.host, "a volume of the instance is not encrypted with a customer-managed key", location)


@rule(
    "IRIS-10",
    "members' hosts and stacks are protected from deletion",
    fix="leave termination_protection on; switch it off only for the deployment before the system is destroyed",
    # It is switched off on purpose before a deployment is destroyed, which must stay possible.
    severity="warning",
)
def protected_from_deletion(app: Assembly) -> Iterator[Finding]:
    """The EC2 setting of the host, and CloudFormation's of the stack."""
    for member in members(app):
        if launch_settings(member.host).get("DisableApiTermination") is not True:
            message = f"the host of member {member.member} of {member.mirror_set} can be terminated"
            yield Finding(member.host, message, "Properties.DisableApiTermination")
    for stack in member_stacks(app):
        if stack.termination_protection is False:
            yield Finding(stack, f"the stack {stack.name} can be deleted", "terminationProtection")


@rule(
    "IRIS-11",
    "every member's stack asks for an approval before its member is restarted or replaced",
    fix="define RollApproval in the member's stack, with the instance and volumes of that stack",
)
def roll_approval(app: Assembly) -> Iterator[Finding]:
    """The parameter's default is the code its rule compares with, and no two stacks have one code."""
    codes: dict[str, Stack] = {}
    for stack in member_stacks(app):
        if sum(1 for member in members(app) if member.host.stack is stack) > 1:
            yield Finding(stack, "more than one member stands in this stack", "Resources")
        parameter = stack.template.get("Parameters", {}).get(ROLL_APPROVAL)
        code = _compared_with(stack)
        if parameter is None:
            yield Finding(stack, f"the stack has no parameter {ROLL_APPROVAL}", "Parameters")
        elif code is None:
            yield Finding(stack, f"no rule of the stack compares {ROLL_APPROVAL} with a code", "Rules")
        elif parameter.get("Default") != code:
            message = f"{ROLL_APPROVAL} is {parameter.get('Default')} by default and its rule wants {code}"
            yield Finding(stack, message, f"Parameters.{ROLL_APPROVAL}")
        elif code in codes:
            yield Finding(stack, f"the code {code} is that of {codes[code].name} too", f"Parameters.{ROLL_APPROVAL}")
        else:
            codes[code] = stack


@rule(
    "IRIS-22",
    "the approval a member's stack asks for covers what its template really says",
    fix="set the properties of the instance or volume itself; an override is applied after the approval's code was computed",
)
def approval_covers_the_template(app: Assembly) -> Iterator[Finding]:
    """`add_property_override` gets past `RollApproval`, which can't see it; the finished template shows it."""
    for stack in member_stacks(app):
        stated = stack.template.get("Parameters", {}).get(ROLL_APPROVAL, {}).get("Default")
        code = code_of(_full_name(stack), stack.template["Resources"])
        if stated is not None and stated != code:
            message = f"{ROLL_APPROVAL} is {stated}, and the instance and volumes of the template give {code}"
            yield Finding(stack, message, f"Parameters.{ROLL_APPROVAL}")


MEMBER_RULES = (
    distinct_zones,
    fixed_addresses,
    volumes_encrypted_and_kept,
    protected_from_deletion,
    roll_approval,
    approval_covers_the_template,
)


def _full_name(stack: Stack) -> str:
    """What `RollApproval` was told the member is called."""
    tagged = next(resource for resource in stack.resources() if resource.type in {INSTANCE, VOLUME} and resource.tags)
    return "/".join(tagged.tags.get(tag, "") for tag in (tags.DEPLOYMENT, tags.MIRROR_SET, tags.MEMBER))


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _subnet_range(app: Assembly, host: Resource) -> str | None:
    for interface in network_interfaces(host):
        subnet = app.find(host.stack, interface.get("SubnetId"))
        cidr = subnet.properties.get("CidrBlock") if subnet else None
        if isinstance(cidr, str):
            return cidr
    return None


def _has_own_key(volume: dict[str, Any] | Any) -> bool:
    key = volume.get("KmsKeyId")
    return volume.get("Encrypted") is True and bool(key) and "alias/aws/" not in str(key)


def _compared_with(stack: Stack) -> str | None:
    for stated in stack.template.get("Rules", {}).values():
        for assertion in stated.get("Assertions", []):
            left, right = assertion.get("Assert", {}).get("Fn::Equals", (None, None))
            if left == {"Ref": ROLL_APPROVAL} and isinstance(right, str):
                return right
    return None
