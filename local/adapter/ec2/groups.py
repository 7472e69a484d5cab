"""Security groups and their rules."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a rule's other side stands in a permission, and what names it there.
_SIDES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
# CreateSecurityGroup and IpRange: "up to 255 characters in length", from these.
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_ALLOW_ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
_FILTERS: dict[str, str | filters.Getter] = {
    "description": "Description",
    "group-id": "GroupId",
    "group-name": "GroupName",
    "owner-id": "OwnerId",
    "vpc-id": "VpcId",
    "ip-permission.group-id": "IpPermissions.UserIdGroupPairs.GroupId",
    "ip-permission.cidr": "IpPermissions.IpRanges.CidrIp",
    "ip-permission.from-port": "IpPermissions.FromPort",
    "ip-permission.to-port": "IpPermissions.ToPort",
    "egress.ip-permission.group-id": "IpPermissionsEgress.UserIdGroupPairs.GroupId",
    "egress.ip-permission.cidr": "IpPermissionsEgress.IpRanges.CidrIp",
}


def group(identifier: str) -> common.Record:
    """Look up a security group."""
    return common.find(emulator.ec2._security_groups, identifier, "InvalidGroup", "security group")


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateSecurityGroup; a new group lets everything out, as EC2's does."""
    vpc_id = request.get("VpcId") or emulator.ec2._DEFAULT_VPC_ID
    name = common.required(request, "GroupName")
    common.vpc(vpc_id)
    for other in emulator.ec2._security_groups.values():
        if other["GroupName"] == name and other["VpcId"] == vpc_id:
            message = f"The security group '{name}' already exists for VPC '{vpc_id}'"
            raise AwsError("InvalidGroup.Duplicate", message)
    description = common.required(request, "Description")
    _check_description(description, "security group description")
    identifier = common.new_id("sg")
    emulator.ec2._security_groups[identifier] = {
        "GroupId": identifier,
        "GroupName": name,
        "Description": description,
        "VpcId": vpc_id,
        "OwnerId": emulator.account(),
        "IpPermissions": [],
        "IpPermissionsEgress": list(_entries(_ALLOW_ALL)),
    }
    common.tag(identifier, request, "security-group")
    return {"GroupId": identifier}


def _check_description(text: str, what: str) -> None:
    """Refuse a description with a character that EC2 does not take."""
    if not _DESCRIPTION.fullmatch(text):
        message = f"Invalid {what}. Valid descriptions are strings less than 256 characters from the following set:"
        raise AwsError("InvalidParameterValue", f"{message} a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*")


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteSecurityGroup, refused while an interface has the group or another group's rule names it."""
    record = group(common.required(request, "GroupId"))
    identifier = record["GroupId"]
    if record["GroupName"] == "default":
        message = f'the specified group: "{identifier}" name: "default" cannot be deleted by a user'
        raise AwsError("CannotDelete", message)
    used = any(
        entry["GroupId"] == identifier
        for interface in emulator.ec2._network_interfaces.values()
        for entry in interface["Groups"]
    )
    named = any(
        pair.get("GroupId") == identifier
        for other in emulator.ec2._security_groups.values()
        if other["GroupId"] != identifier
        for permission in other["IpPermissions"] + other["IpPermissionsEgress"]
        for pair in permission["UserIdGroupPairs"]
    )
    if used or named:
        raise AwsError("DependencyViolation", f"resource {identifier} has a dependent object")
    del emulator.ec2._security_groups[identifier]
    emulator.ec2._tags.pop(identifier, None)
    return {"GroupId": identifier}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeSecurityGroups; permissions with one protocol and port range are reported together."""
    store = emulator.ec2._security_groups
    records = common.chosen(store, request.get("GroupIds"), "InvalidGroup", "security group")
    if request.get("GroupNames"):
        records = [record for record in records if record["GroupName"] in request["GroupNames"]]
    found = filters.matching(records, request, "GroupId", _FILTERS)
    return {
        "SecurityGroups": [
            {
                **record,
                "IpPermissions": _together(record["IpPermissions"]),
                "IpPermissionsEgress": _together(record["IpPermissionsEgress"]),
                "Tags": common.tags_of(record["GroupId"]),
            }
            for record in found
        ]
    }


def _together(permissions: list[common.Record]) -> list[common.Record]:
    """Put the entries with one protocol and port range into one permission."""
    merged: dict[tuple[Any, ...], common.Record] = {}
    for entry in permissions:
        key = (entry["IpProtocol"], entry.get("FromPort"), entry.get("ToPort"))
        permission = merged.setdefault(
            key, {**{name: entry[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in entry}}
        )
        for side in _SIDES:
            permission.setdefault(side, []).extend(entry[side])
    return list(merged.values())


def _entries(permission: common.Record) -> Iterator[common.Record]:
    """Split a permission into entries with one source or destination each, in the form ministack stores."""
    protocol = str(permission["IpProtocol"]).lower()
    protocol = {"6": "tcp", "17": "udp", "1": "icmp", "all": "-1"}.get(protocol, protocol)
    common_part: common.Record = {"IpProtocol": protocol}
    if protocol != "-1":
        for name in ("FromPort", "ToPort"):
            if permission.get(name) is not None:
                common_part[name] = int(permission[name])
    for side in _SIDES:
        for other in permission.get(side) or []:
            content = dict(other)
            if side == "UserIdGroupPairs":
                content.setdefault("UserId", emulator.account())
            yield {**common_part, **{name: [content] if name == side else [] for name in _SIDES}}


def _key(entry: common.Record) -> tuple[Any, ...]:
    """What makes two rules the same: everything but the description."""
    side = next(name for name in _SIDES if entry[name])
    other = entry[side][0].get(_SIDES[side])
    return (entry["IpProtocol"], entry.get("FromPort"), entry.get("ToPort"), side, other)


def _requested(request: dict[str, Any]) -> list[common.Record]:
    """The rules of a request, in its longer or in its shorter form."""
    permissions = list(request.get("IpPermissions") or [])
    if request.get("IpProtocol"):
        short: common.Record = {name: request[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in request}
        if request.get("CidrIp"):
            short["IpRanges"] = [{"CidrIp": request["CidrIp"]}]
        permissions.append(short)
    return [entry for permission in permissions for entry in _entries(permission)]


def _authorize(request: dict[str, Any], direction: str) -> dict[str, Any]:
    """Add rules; one that is there already refuses the whole request."""
    record = group(common.required(request, "GroupId"))
    present = {_key(entry) for entry in record[direction]}
    wanted = _requested(request)
    for entry in wanted:
        _check(entry)
        key = _key(entry)
        if key in present:
            raise AwsError("InvalidPermission.Duplicate", f'the specified rule "{_sentence(entry)}" already exists')
        present.add(key)
    record[direction].extend(wanted)
    egress = direction == "IpPermissionsEgress"
    return {"Return": True, "SecurityGroupRules": [_rule(record, entry, egress=egress) for entry in wanted]}


def _check(entry: common.Record) -> None:
    """Refuse a rule that EC2 refuses: a CIDR that is none, or a group that does not exist."""
    for cidr in entry["IpRanges"]:
        try:
            ipaddress.IPv4Network(cidr["CidrIp"])
        except ValueError:
            raise AwsError("InvalidParameterValue", f"CIDR block {cidr['CidrIp']} is malformed") from None
    for other in (content for side in _SIDES for content in entry[side]):
        _check_description(other.get("Description") or "", "rule description")
    for pair in entry["UserIdGroupPairs"]:
        if pair.get("GroupId") and pair.get("UserId") == emulator.account():
            group(pair["GroupId"])


def _sentence(entry: common.Record) -> str:
    """A rule as EC2 writes it in the message about a duplicate."""
    _, first, last, _, other = _key(entry)
    if entry["IpProtocol"] == "-1":
        return f"peer: {other}, ALL, ALLOW"
    return f"peer: {other}, {entry['IpProtocol'].upper()}, from port: {first}, to port: {last}, ALLOW"


def _rule(record: common.Record, entry: common.Record, *, egress: bool) -> common.Record:
    """A rule as EC2 reports it by itself."""
    side = next(name for name in _SIDES if entry[name])
    content = entry[side][0]
    answer = {
        "SecurityGroupRuleId": emulator.ec2._sg_rule_id(record["GroupId"], egress, entry),
        "GroupId": record["GroupId"],
        "GroupOwnerId": emulator.account(),
        "IsEgress": egress,
        "IpProtocol": entry["IpProtocol"],
        "FromPort": entry.get("FromPort", -1),
        "ToPort": entry.get("ToPort", -1),
        "Description": content.get("Description"),
    }
    names = {"IpRanges": "CidrIpv4", "Ipv6Ranges": "CidrIpv6", "PrefixListIds": "PrefixListId"}
    if side == "UserIdGroupPairs":
        answer["ReferencedGroupInfo"] = {"GroupId": content.get("GroupId"), "UserId": content.get("UserId")}
    else:
        answer[names[side]] = content[_SIDES[side]]
    return answer


def _revoke(request: dict[str, Any], direction: str) -> dict[str, Any]:
    """Take rules away; in a VPC EC2 refuses one that is not there."""
    record = group(common.required(request, "GroupId"))
    egress = direction == "IpPermissionsEgress"
    ids = request.get("SecurityGroupRuleIds") or []
    known = {emulator.ec2._sg_rule_id(record["GroupId"], egress, entry): _key(entry) for entry in record[direction]}
    for identifier in ids:
        if identifier not in known:
            message = f"The security group rule ID '{identifier}' does not exist"
            raise AwsError("InvalidSecurityGroupRuleId.NotFound", message)
    keys = {known[identifier] for identifier in ids} | {_key(entry) for entry in _requested(request)}
    if not keys <= set(known.values()):
        message = "The specified rule does not exist in this security group."
        raise AwsError("InvalidPermission.NotFound", message)
    record[direction][:] = [entry for entry in record[direction] if _key(entry) not in keys]
    return {"Return": True}


def authorize_ingress(request: dict[str, Any]) -> dict[str, Any]:
    """AuthorizeSecurityGroupIngress."""
    return _authorize(request, "IpPermissions")


def authorize_egress(request: dict[str, Any]) -> dict[str, Any]:
    """AuthorizeSecurityGroupEgress."""
    return _authorize(request, "IpPermissionsEgress")


def revoke_ingress(request: dict[str, Any]) -> dict[str, Any]:
    """RevokeSecurityGroupIngress."""
    return _revoke(request, "IpPermissions")


def revoke_egress(request: dict[str, Any]) -> dict[str, Any]:
    """RevokeSecurityGroupEgress."""
    return _revoke(request, "IpPermissionsEgress")


ACTIONS = {
    "CreateSecurityGroup": create,
    "DeleteSecurityGroup": delete,
    "DescribeSecurityGroups": describe,
    "AuthorizeSecurityGroupIngress": authorize_ingress,
    "AuthorizeSecurityGroupEgress": authorize_egress,
    "RevokeSecurityGroupIngress": revoke_ingress,
    "RevokeSecurityGroupEgress": revoke_egress,
}
