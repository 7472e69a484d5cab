"""VPC endpoints and flow logs."""

from __future__ import annotations

import json
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, interfaces
from local.adapter.errors import AwsError

_ENDPOINT_FILTERS: dict[str, str | filters.Getter] = {
    "service-name": "ServiceName",
    "vpc-endpoint-id": "VpcEndpointId",
    "vpc-endpoint-state": "State",
    "vpc-endpoint-type": "VpcEndpointType",
    "vpc-id": "VpcId",
}
_FLOW_LOG_FILTERS: dict[str, str | filters.Getter] = {
    "deliver-log-status": "DeliverLogsStatus",
    "flow-log-id": "FlowLogId",
    "log-destination-type": "LogDestinationType",
    "log-group-name": "LogGroupName",
    "resource-id": "ResourceId",
    "traffic-type": "TrafficType",
}
_OPEN_POLICY = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateVpcEndpoint: routes for a gateway endpoint, an interface in each subnet for an interface endpoint."""
    vpc = common.vpc(common.required(request, "VpcId"))
    service, kind = common.required(request, "ServiceName"), request.get("VpcEndpointType", "Gateway")
    private_dns = bool(request.get("PrivateDnsEnabled", kind == "Interface"))
    if private_dns and kind == "Interface" and not (vpc.get("EnableDnsSupport", True) and vpc.get("EnableDnsHostnames")):
        message = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
        raise AwsError("InvalidParameter", f"{message} for {vpc['VpcId']}")
    identifier = common.new_id("vpce")
    short = service.rsplit(".", 1)[-1]
    record: common.Record = {
        "VpcEndpointId": identifier,
        "VpcEndpointType": kind,
        "VpcId": vpc["VpcId"],
        "ServiceName": service,
        "State": "available",
        "PolicyDocument": _policy(request.get("PolicyDocument")),
        "RouteTableIds": [],
        "SubnetIds": [],
        "Groups": [],
        "NetworkInterfaceIds": [],
        "DnsEntries": [],
        "PrivateDnsEnabled": private_dns and kind == "Interface",
        "RequesterManaged": False,
        "DnsOptions": request.get("DnsOptions"),
        "IpAddressType": request.get("IpAddressType", "ipv4"),
        "OwnerId": emulator.account(),
        "CreationTimestamp": common.now(),
    }
    if kind == "Interface":
        name = f"{identifier}-{identifier[-8:]}.{short}.{emulator.region()}.vpce.amazonaws.com"
        record["DnsEntries"] = [{"DnsName": name, "HostedZoneId": "Z7K1066E3PUKB"}]
        groups = request.get("SecurityGroupIds") or [vpc["DefaultSecurityGroupId"]]
        record["Groups"] = common.security_groups(groups, vpc["VpcId"])
        for subnet_id in request.get("SubnetIds") or []:
            _add_subnet(record, subnet_id)
    for table in request.get("RouteTableIds") or []:
        _add_route(record, table)
    emulator.ec2._vpc_endpoints[identifier] = record
    common.tag(identifier, request, "vpc-endpoint")
    return {"VpcEndpoint": record}


def _policy(document: Any) -> str:
    """A policy as text, as the API has it; open where none is given."""
    if document is None:
        return json.dumps(_OPEN_POLICY)
    return document if isinstance(document, str) else json.dumps(document)


def _add_subnet(record: common.Record, subnet_id: str) -> None:
    """Put an interface of an endpoint into a subnet."""
    groups = [entry["GroupId"] for entry in record["Groups"]]
    description = f"VPC Endpoint Interface {record['VpcEndpointId']}"
    interface = interfaces.make(
        common.subnet(subnet_id), groups=groups, description=description, kind="vpc_endpoint", managed=True
    )
    interface["Status"] = "in-use"
    record["SubnetIds"].append(subnet_id)
    record["NetworkInterfaceIds"].append(interface["NetworkInterfaceId"])


def _add_route(record: common.Record, table_id: str) -> None:
    """Route a gateway endpoint's prefix list through it."""
    table = common.find(emulator.ec2._route_tables, table_id, "InvalidRouteTableId", "routeTable ID")
    record["RouteTableIds"].append(table_id)
    short = record["ServiceName"].rsplit(".", 1)[-1]
    prefix_list = emulator.ec2._aws_pl_id_from_name(f"com.amazonaws.{emulator.region()}.{short}")
    table["Routes"].append(
        {
            "DestinationPrefixListId": prefix_list,
            "GatewayId": record["VpcEndpointId"],
            "State": "active",
            "Origin": "CreateRoute",
        }
    )


def modify(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyVpcEndpoint: policy, groups, private DNS, subnets and route tables."""
    record = _endpoint(common.required(request, "VpcEndpointId"))
    if request.get("ResetPolicy"):
        record["PolicyDocument"] = _policy(None)
    if request.get("PolicyDocument"):
        record["PolicyDocument"] = _policy(request["PolicyDocument"])
    if "DnsOptions" in request:
        record["DnsOptions"] = request["DnsOptions"]
    if "PrivateDnsEnabled" in request:
        record["PrivateDnsEnabled"] = bool(request["PrivateDnsEnabled"])
    known = [entry["GroupId"] for entry in record["Groups"]]
    groups = [entry for entry in known if entry not in (request.get("RemoveSecurityGroupIds") or [])]
    groups += [entry for entry in request.get("AddSecurityGroupIds") or [] if entry not in groups]
    record["Groups"] = common.security_groups(groups, record["VpcId"])
    for identifier in record["NetworkInterfaceIds"]:
        emulator.ec2._network_interfaces[identifier]["Groups"] = record["Groups"]
    for subnet_id in request.get("RemoveSubnetIds") or []:
        _remove_subnet(record, subnet_id)
    for subnet_id in request.get("AddSubnetIds") or []:
        _add_subnet(record, subnet_id)
    for table in request.get("RemoveRouteTableIds") or []:
        _remove_route(record, table)
    for table in request.get("AddRouteTableIds") or []:
        _add_route(record, table)
    return {"Return": True}


def _endpoint(identifier: str) -> common.Record:
    """Look up an endpoint."""
    return common.find(emulator.ec2._vpc_endpoints, identifier, "InvalidVpcEndpointId", "VpcEndpoint ID")


def _remove_subnet(record: common.Record, subnet_id: str) -> None:
    """Take an endpoint's interface out of a subnet."""
    store = emulator.ec2._network_interfaces
    for identifier in list(record["NetworkInterfaceIds"]):
        if store[identifier]["SubnetId"] == subnet_id:
            del store[identifier]
            record["NetworkInterfaceIds"].remove(identifier)
    record["SubnetIds"] = [entry for entry in record["SubnetIds"] if entry != subnet_id]


def _remove_route(record: common.Record, table_id: str) -> None:
    """Take a gateway endpoint's route out of a table."""
    table = emulator.ec2._route_tables.get(table_id)
    if table:
        kept = [route for route in table["Routes"] if route.get("GatewayId") != record["VpcEndpointId"]]
        table["Routes"] = kept
    record["RouteTableIds"] = [entry for entry in record["RouteTableIds"] if entry != table_id]


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteVpcEndpoints."""
    for identifier in common.required(request, "VpcEndpointIds"):
        record = _endpoint(identifier)
        for subnet_id in list(record["SubnetIds"]):
            _remove_subnet(record, subnet_id)
        for table in list(record["RouteTableIds"]):
            _remove_route(record, table)
        del emulator.ec2._vpc_endpoints[identifier]
        emulator.ec2._tags.pop(identifier, None)
    return {"Unsuccessful": []}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeVpcEndpoints."""
    store = emulator.ec2._vpc_endpoints
    records = common.chosen(store, request.get("VpcEndpointIds"), "InvalidVpcEndpointId", "VpcEndpoint ID")
    found = filters.matching(records, request, "VpcEndpointId", _ENDPOINT_FILTERS)
    return {"VpcEndpoints": [{**record, "Tags": common.tags_of(record["VpcEndpointId"])} for record in found]}


def create_flow_logs(request: dict[str, Any]) -> dict[str, Any]:
    """CreateFlowLogs; what they would log is not emulated, there being no traffic."""
    kind = request.get("LogDestinationType", "cloud-watch-logs")
    created = []
    for resource_id in common.required(request, "ResourceIds"):
        identifier = common.new_id("fl")
        destination = request.get("LogDestination")
        emulator.ec2._flow_logs[identifier] = {
            "FlowLogId": identifier,
            "ResourceId": resource_id,
            "TrafficType": request.get("TrafficType", "ALL"),
            "LogDestinationType": kind,
            "LogDestination": destination,
            "LogGroupName": request.get("LogGroupName"),
            "DeliverLogsPermissionArn": request.get("DeliverLogsPermissionArn"),
            "DeliverLogsStatus": "SUCCESS",
            "FlowLogStatus": "ACTIVE",
            "LogFormat": request.get("LogFormat"),
            "MaxAggregationInterval": request.get("MaxAggregationInterval", 600),
            "CreationTime": common.now(),
        }
        common.tag(identifier, request, "vpc-flow-log")
        created.append(identifier)
    return {"FlowLogIds": created, "Unsuccessful": []}


def describe_flow_logs(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeFlowLogs."""
    store = emulator.ec2._flow_logs
    records = common.chosen(store, request.get("FlowLogIds"), "InvalidFlowLogId", "flow log")
    wanted = {**request, "Filters": request.get("Filter") or []}
    found = filters.matching(records, wanted, "FlowLogId", _FLOW_LOG_FILTERS)
    return {"FlowLogs": [{**record, "Tags": common.tags_of(record["FlowLogId"])} for record in found]}


ACTIONS = {
    "CreateVpcEndpoint": create,
    "ModifyVpcEndpoint": modify,
    "DeleteVpcEndpoints": delete,
    "DescribeVpcEndpoints": describe,
    "CreateFlowLogs": create_flow_logs,
    "DescribeFlowLogs": describe_flow_logs,
}
