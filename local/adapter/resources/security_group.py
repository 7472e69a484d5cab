"""AWS::EC2::SecurityGroup, and rules as resources of their own."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, groups, table
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, changed

_INGRESS, _EGRESS = "SecurityGroupIngress", "SecurityGroupEgress"
_OTHER_SIDES = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
_RULE = ("GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "Description")


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of the template as the authorize actions take it."""
    permission: dict[str, Any] = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    for name, (side, key) in _OTHER_SIDES.items():
        if rule.get(name):
            other = {key: rule[name]}
            if rule.get("Description"):
                other["Description"] = rule["Description"]
            if rule.get("SourceSecurityGroupOwnerId") and key == "GroupId":
                other["UserId"] = rule["SourceSecurityGroupOwnerId"]
            permission[side] = [other]
    return permission


def _change(identifier: str, action: str, rules: list[dict[str, Any]]) -> None:
    """Authorize or revoke rules."""
    if rules:
        table.call(action, GroupId=identifier, IpPermissions=[_permission(rule) for rule in rules])


def create(resource: Resource) -> Made:
    """Create the group; a template's egress rules take the place of the one that lets everything out."""
    given = resource.properties
    request = {
        "GroupName": given.get("GroupName") or resource.name(),
        "Description": given["GroupDescription"],
        "TagSpecifications": resource.tags("security-group"),
    }
    if given.get("VpcId"):
        request["VpcId"] = given["VpcId"]
    identifier = table.call("CreateSecurityGroup", **request)["GroupId"]
    if given.get(_EGRESS):
        groups.group(identifier)["IpPermissionsEgress"].clear()
        _change(identifier, "AuthorizeSecurityGroupEgress", given[_EGRESS])
    _change(identifier, "AuthorizeSecurityGroupIngress", given.get(_INGRESS) or [])
    return identifier, _attributes(identifier)


def _attributes(identifier: str) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    return {"Id": identifier, "GroupId": identifier, "VpcId": groups.group(identifier)["VpcId"]}


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Revoke the rules the template has no more and authorize its new ones; rules made elsewhere stay."""
    new = resource.properties
    for name, direction in ((_INGRESS, "Ingress"), (_EGRESS, "Egress")):
        before, after = old.get(name) or [], new.get(name) or []
        _change(physical_id, f"RevokeSecurityGroup{direction}", [rule for rule in before if rule not in after])
        _change(physical_id, f"AuthorizeSecurityGroup{direction}", [rule for rule in after if rule not in before])
    tags.change(physical_id, old, new)
    return physical_id, _attributes(physical_id)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the group, if it is still there; refused while something uses it."""
    if physical_id in emulator.ec2._security_groups:
        table.call("DeleteSecurityGroup", GroupId=physical_id)


def create_ingress(resource: Resource) -> Made:
    """Authorize an inbound rule."""
    return _create_rule(resource, "Ingress")


def create_egress(resource: Resource) -> Made:
    """Authorize an outbound rule.

    Where the group has nothing but EC2's own rule that lets everything out, CloudFormation leaves that rule, and so
    does this.
    """
    return _create_rule(resource, "Egress")


def _create_rule(resource: Resource, direction: str) -> Made:
    """Authorize one rule and return its id."""
    group_id = resource.properties["GroupId"]
    permissions = [_permission(resource.properties)]
    answer = table.call(f"AuthorizeSecurityGroup{direction}", GroupId=group_id, IpPermissions=permissions)
    identifier = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return identifier, {"Id": identifier}


def update_rule(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the description, all that can change in place."""
    group = groups.group(resource.properties["GroupId"])
    description = resource.properties.get("Description")
    if "Description" in changed(old, resource.properties):
        for egress, entries in ((False, group["IpPermissions"]), (True, group["IpPermissionsEgress"])):
            for entry in entries:
                if emulator.ec2._sg_rule_id(group["GroupId"], egress, entry) == physical_id:
                    _describe(entry, description)
    return physical_id, {"Id": physical_id}


def _describe(entry: common.Record, description: str | None) -> None:
    """Put a description on the one source or destination of an entry."""
    for side in {side for side, _ in _OTHER_SIDES.values()}:
        for other in entry[side]:
            other["Description"] = description


def delete_ingress(physical_id: str, properties: Properties) -> None:
    """Revoke an inbound rule."""
    _delete_rule(physical_id, properties, "Ingress")


def delete_egress(physical_id: str, properties: Properties) -> None:
    """Revoke an outbound rule."""
    _delete_rule(physical_id, properties, "Egress")


def _delete_rule(physical_id: str, properties: Properties, direction: str) -> None:
    """Revoke a rule, if its group is still there."""
    if properties.get("GroupId") in emulator.ec2._security_groups:
        ids = [physical_id]
        table.call(f"RevokeSecurityGroup{direction}", GroupId=properties["GroupId"], SecurityGroupRuleIds=ids)


HANDLERS = {
    "AWS::EC2::SecurityGroup": Handler(
        create=create,
        update=update,
        delete=delete,
        known=("GroupName", "GroupDescription", "VpcId", _INGRESS, _EGRESS, "Tags"),
        replacing=("GroupDescription", "GroupName", "VpcId"),
        tags=True,
    ),
    "AWS::EC2::SecurityGroupIngress": Handler(
        create=create_ingress,
        update=update_rule,
        delete=delete_ingress,
        known=(*_RULE, "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupOwnerId"),
        replacing=(
            "GroupName",
            "IpProtocol",
            "SourceSecurityGroupId",
            "SourcePrefixListId",
            "ToPort",
            "CidrIp",
            "SourceSecurityGroupName",
            "SourceSecurityGroupOwnerId",
            "FromPort",
            "GroupId",
            "CidrIpv6",
        ),
    ),
    "AWS::EC2::SecurityGroupEgress": Handler(
        create=create_egress,
        update=update_rule,
        delete=delete_egress,
        known=(*_RULE, "DestinationPrefixListId", "DestinationSecurityGroupId"),
        replacing=(
            "IpProtocol",
            "DestinationSecurityGroupId",
            "ToPort",
            "CidrIp",
            "FromPort",
            "GroupId",
            "CidrIpv6",
            "DestinationPrefixListId",
        ),
    ),
}
