"""VPC resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, Path, first, same

if TYPE_CHECKING:
    from local.clients import Clients


def _ec2(operation: str, parameter: str, *path: str) -> Any:
    """Describe an EC2 resource by its id."""

    def describe(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
        return first(getattr(clients("ec2"), operation)(**{parameter: [identifier]}), *path)

    return describe


def _vpc(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    ec2 = clients("ec2")
    found = first(ec2.describe_vpcs(VpcIds=[identifier]), "Vpcs")
    attributes = {}
    for name in ("enableDnsSupport", "enableDnsHostnames"):
        key = name[0].upper() + name[1:]
        attributes[key] = ec2.describe_vpc_attribute(VpcId=identifier, Attribute=name)[key]["Value"]
    return {**found, **attributes} if found else None


def _route(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """The route of a table to a destination."""
    table = first(clients("ec2").describe_route_tables(RouteTableIds=[desired["RouteTableId"]]), "RouteTables") or {}
    destinations = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    for route in table.get("Routes", []):
        if all(route.get(name) == desired[name] for name in destinations if name in desired):
            return {"RouteTableId": table["RouteTableId"], **route}
    return None


def _association(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """A route table's association with a subnet."""
    filters = [{"Name": "association.route-table-association-id", "Values": [identifier]}]
    table = first(clients("ec2").describe_route_tables(Filters=filters), "RouteTables") or {}
    for association in table.get("Associations", []):
        if association["RouteTableAssociationId"] == identifier:
            return dict(association)
    return None


def _gateway_attachment(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """A gateway with the VPC it is attached to."""
    ec2 = clients("ec2")
    if "InternetGatewayId" in desired:
        answer = ec2.describe_internet_gateways(InternetGatewayIds=[desired["InternetGatewayId"]])
        found = first(answer, "InternetGateways")
    else:
        found = first(ec2.describe_vpn_gateways(VpnGatewayIds=[desired["VpnGatewayId"]]), "VpnGateways")
    if not found:
        return None
    attachments = found.get("Attachments") or found.get("VpcAttachments") or []
    return {**found, "VpcId": attachments[0]["VpcId"] if attachments else None}


_SOURCES = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
}


def rules(permissions: list[dict[str, Any]], *, egress: bool) -> list[dict[str, Any]]:
    """Permissions as DescribeSecurityGroups reports them, as the rules of a template."""
    prefix = "Destination" if egress else "Source"
    names = {
        "IpRanges": "CidrIp",
        "Ipv6Ranges": "CidrIpv6",
        "UserIdGroupPairs": f"{prefix}SecurityGroupId",
        "PrefixListIds": f"{prefix}PrefixListId",
    }
    found = []
    for permission in permissions:
        shared: dict[str, Any] = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
        for side, name in names.items():
            for entry in permission.get(side, []):
                rule = {**shared, name: entry[_SOURCES[name][1]]}
                if entry.get("Description"):
                    rule["Description"] = entry["Description"]
                found.append(rule)
    return found


def _group(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """A group with those of its rules that the template gives inline: others are resources of their own."""
    found = first(clients("ec2").describe_security_groups(GroupIds=[identifier]), "SecurityGroups")
    if not found:
        return None
    answer: dict[str, Any] = dict(found)
    for name, key, egress in (
        ("SecurityGroupIngress", "IpPermissions", False),
        ("SecurityGroupEgress", "IpPermissionsEgress", True),
    ):
        wanted = [_without_ports(rule) for rule in desired.get(name) or []]
        present = [_without_ports(rule) for rule in rules(found[key], egress=egress)]
        answer[name] = [rule for rule in present if rule in wanted]
    return answer


def _without_ports(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule in one spelling: for all protocols EC2 keeps no ports."""
    kept = {name: str(value) for name, value in rule.items()}
    if kept.get("IpProtocol") == "-1":
        kept.pop("FromPort", None)
        kept.pop("ToPort", None)
    return kept


def _inline(name: str) -> Path:
    """The inline rules, with the template's spelling of types."""

    def find(description: Description) -> Any:
        return description[name]

    return find


def _rule(egress: bool) -> Any:
    """Describe one rule by what it allows."""

    def describe(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
        group = first(clients("ec2").describe_security_groups(GroupIds=[desired["GroupId"]]), "SecurityGroups")
        key = "IpPermissionsEgress" if egress else "IpPermissions"
        wanted = _without_ports({name: value for name, value in desired.items() if name in _RULE})
        for rule in rules((group or {}).get(key, []), egress=egress):
            if all(_without_ports(rule).get(name) == value for name, value in wanted.items()):
                return {"GroupId": desired["GroupId"], **desired, **rule}
        return None

    return describe


_RULE = ("IpProtocol", "FromPort", "ToPort", *_SOURCES)


def _reservation(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("ec2").get_subnet_cidr_reservations(SubnetId=desired["SubnetId"])
    for entry in answer["SubnetIpv4CidrReservations"]:
        if entry["SubnetCidrReservationId"] == identifier:
            return dict(entry)
    return None


def _address(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    return first(clients("ec2").describe_addresses(PublicIps=[identifier]), "Addresses")


def _flow_log(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found = first(clients("ec2").describe_flow_logs(FlowLogIds=[identifier]), "FlowLogs")
    kinds = {"vpc": "VPC", "subnet": "Subnet", "eni": "NetworkInterface"}
    return {**found, "ResourceType": kinds[found["ResourceId"].split("-")[0]]} if found else None


def _dns_options(description: Description) -> dict[str, Any]:
    """DNS options in the template's spelling, which has a word where the API has a boolean."""
    options = dict(description.get("DnsOptions") or {})
    name = "PrivateDnsOnlyForInboundResolverEndpoint"
    if name in options:
        options[name] = "OnlyInboundResolver" if options[name] else "AllResolvers"
    return options


def _groups(description: Description) -> list[str]:
    return [entry["GroupId"] for entry in description.get("Groups", [])]


COMPARISONS = {
    "AWS::EC2::VPC": Comparison(
        describe=_vpc,
        properties=same("CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"),
    ),
    "AWS::EC2::Subnet": Comparison(
        describe=_ec2("describe_subnets", "SubnetIds", "Subnets"),
        properties=same("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "MapPublicIpOnLaunch", "Tags"),
    ),
    "AWS::EC2::SubnetCidrReservation": Comparison(
        describe=_reservation,
        properties=same("SubnetId", "Cidr", "ReservationType", "Description", "Tags"),
        stored=frozenset({"Description"}),
    ),
    "AWS::EC2::InternetGateway": Comparison(
        describe=_ec2("describe_internet_gateways", "InternetGatewayIds", "InternetGateways"),
        properties=same("Tags"),
    ),
    "AWS::EC2::VPCGatewayAttachment": Comparison(
        describe=_gateway_attachment, properties=same("VpcId", "InternetGatewayId", "VpnGatewayId")
    ),
    "AWS::EC2::RouteTable": Comparison(
        describe=_ec2("describe_route_tables", "RouteTableIds", "RouteTables"), properties=same("VpcId", "Tags")
    ),
    "AWS::EC2::Route": Comparison(
        describe=_route,
        properties=same(
            "RouteTableId",
            "DestinationCidrBlock",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
            "GatewayId",
            "NatGatewayId",
            "InstanceId",
            "NetworkInterfaceId",
            "TransitGatewayId",
            "VpcPeeringConnectionId",
        ),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Comparison(describe=_association, properties=same("RouteTableId", "SubnetId")),
    "AWS::EC2::SecurityGroup": Comparison(
        describe=_group,
        properties={
            **same("GroupName", "VpcId", "Tags"),
            "GroupDescription": "Description",
            "SecurityGroupIngress": _inline("SecurityGroupIngress"),
            "SecurityGroupEgress": _inline("SecurityGroupEgress"),
        },
    ),
    "AWS::EC2::SecurityGroupIngress": Comparison(
        describe=_rule(egress=False), properties=same("GroupId", "Description", *_RULE)
    ),
    "AWS::EC2::SecurityGroupEgress": Comparison(describe=_rule(egress=True), properties=same("GroupId", "Description", *_RULE)),
    "AWS::EC2::EIP": Comparison(describe=_address, properties=same("Domain", "InstanceId", "Tags")),
    "AWS::EC2::NatGateway": Comparison(
        describe=_ec2("describe_nat_gateways", "NatGatewayIds", "NatGateways"),
        properties={
            **same("SubnetId", "ConnectivityType", "Tags"),
            "AllocationId": lambda found: found["NatGatewayAddresses"][0].get("AllocationId"),
            "PrivateIpAddress": lambda found: found["NatGatewayAddresses"][0].get("PrivateIp"),
        },
    ),
    "AWS::EC2::FlowLog": Comparison(
        describe=_flow_log,
        properties=same(
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "Tags",
            "TrafficType",
        ),
        stored=frozenset({"*"}),
    ),
    "AWS::EC2::VPCEndpoint": Comparison(
        describe=_ec2("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints"),
        properties={
            **same(
                "VpcId",
                "ServiceName",
                "VpcEndpointType",
                "SubnetIds",
                "RouteTableIds",
                "PrivateDnsEnabled",
                "IpAddressType",
                "PolicyDocument",
                "Tags",
            ),
            "SecurityGroupIds": _groups,
            "DnsOptions": _dns_options,
        },
        stored=frozenset({"ServiceName", "PrivateDnsEnabled", "DnsOptions", "IpAddressType", "PolicyDocument"}),
    ),
    "AWS::EC2::NetworkInterface": Comparison(
        describe=_ec2("describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces"),
        properties={
            **same("SubnetId", "PrivateIpAddress", "Description", "SourceDestCheck"),
            "Tags": "TagSet",
            "GroupSet": _groups,
        },
        stored=frozenset({"Description", "SourceDestCheck"}),
    ),
    "AWS::EC2::VPNGateway": Comparison(
        describe=_ec2("describe_vpn_gateways", "VpnGatewayIds", "VpnGateways"),
        properties=same("Type", "AmazonSideAsn", "Tags"),
    ),
    "AWS::EC2::CustomerGateway": Comparison(
        describe=_ec2("describe_customer_gateways", "CustomerGatewayIds", "CustomerGateways"),
        properties=same("Type", "BgpAsn", "IpAddress", "Tags"),
    ),
    "AWS::EC2::VPNConnection": Comparison(
        describe=_ec2("describe_vpn_connections", "VpnConnectionIds", "VpnConnections"),
        properties={
            **same("Type", "CustomerGatewayId", "VpnGatewayId", "TransitGatewayId", "Tags"),
            "StaticRoutesOnly": "Options.StaticRoutesOnly",
        },
    ),
}
