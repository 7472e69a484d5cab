"""What stands between regions, and what moves a mirror set from one to another: peering, state machines, HTTP APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, first, same

if TYPE_CHECKING:
    from local.clients import Clients


def _peering(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """A peering connection in the template's spelling."""
    answer = clients("ec2").describe_vpc_peering_connections(VpcPeeringConnectionIds=[identifier])
    found = first(answer, "VpcPeeringConnections")
    if found is None or found["Status"]["Code"] != "active":
        return None
    peer = found["AccepterVpcInfo"]
    named = {"VpcId": found["RequesterVpcInfo"]["VpcId"], "PeerVpcId": peer["VpcId"], "PeerRegion": peer["Region"]}
    return {**named, "PeerOwnerId": peer["OwnerId"], "Tags": found["Tags"]}


def _attachment(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("ec2").describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[identifier])
    return first(answer, "TransitGatewayVpcAttachments")


def _gateway_peering(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("ec2").describe_transit_gateway_peering_attachments(TransitGatewayAttachmentIds=[identifier])
    found = first(answer, "TransitGatewayPeeringAttachments")
    if found is None:
        return None
    peer = found["AccepterTgwInfo"]
    named = {"PeerTransitGatewayId": peer["TransitGatewayId"], "PeerAccountId": peer["OwnerId"], "PeerRegion": peer["Region"]}
    return {"TransitGatewayId": found["RequesterTgwInfo"]["TransitGatewayId"], **named, "Tags": found["Tags"]}


def _propagation(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """The gateway, and of the route tables that were asked for those that learn its routes."""
    tables = clients("ec2").describe_route_tables(RouteTableIds=desired["RouteTableIds"])["RouteTables"]
    gateway = {"GatewayId": desired["VpnGatewayId"]}
    learning = [table["RouteTableId"] for table in tables if gateway in table["PropagatingVgws"]]
    return {"VpnGatewayId": desired["VpnGatewayId"], "RouteTableIds": learning}


def _state_machine(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    """A state machine; its definition with the substitutions that the template makes."""
    client = clients("stepfunctions")
    found = client.describe_state_machine(stateMachineArn=arn)
    tags = {tag["key"]: tag["value"] for tag in client.list_tags_for_resource(resourceArn=arn)["tags"]}
    logging = found.get("loggingConfiguration") or {}
    destinations = [
        {"CloudWatchLogsLogGroup": {"LogGroupArn": each["cloudWatchLogsLogGroup"]["logGroupArn"]}}
        for each in logging.get("destinations") or []
    ]
    encryption = found.get("encryptionConfiguration") or {}
    return {
        "DefinitionString": found["definition"],
        "RoleArn": found["roleArn"],
        "StateMachineName": found["name"],
        "StateMachineType": found["type"],
        "Tags": tags,
        "LoggingConfiguration": {
            "Destinations": destinations,
            "IncludeExecutionData": logging.get("includeExecutionData"),
            "Level": logging.get("level"),
        },
        "TracingConfiguration": {"Enabled": (found.get("tracingConfiguration") or {}).get("enabled", False)},
        "EncryptionConfiguration": {name[0].upper() + name[1:]: value for name, value in encryption.items()},
    }


def _capitals(found: dict[str, Any]) -> dict[str, Any]:
    """A description of API Gateway with the template's names."""
    return {name[0].upper() + name[1:]: value for name, value in found.items()}


def _api(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    return clients("apigatewayv2").get_api(ApiId=identifier)  # type: ignore[no-any-return]


def _stage(clients: Clients, name: str, desired: dict[str, Any]) -> Description | None:
    found = clients("apigatewayv2").get_stage(ApiId=desired["ApiId"], StageName=name)
    return {"ApiId": desired["ApiId"], **_capitals(found)}


def _integration(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found = clients("apigatewayv2").get_integration(ApiId=desired["ApiId"], IntegrationId=identifier)
    return {"ApiId": desired["ApiId"], **found}


def _route(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    # `Ref` is API and route; real CloudFormation's is the route alone.
    route = identifier.rpartition("/")[2]
    return {"ApiId": desired["ApiId"], **clients("apigatewayv2").get_route(ApiId=desired["ApiId"], RouteId=route)}


COMPARISONS = {
    "AWS::EC2::VPCPeeringConnection": Comparison(
        describe=_peering, properties=same("VpcId", "PeerVpcId", "PeerRegion", "PeerOwnerId", "Tags")
    ),
    **dict.fromkeys(
        ("AWS::EC2::TransitGatewayAttachment", "AWS::EC2::TransitGatewayVpcAttachment"),
        Comparison(
            describe=_attachment,
            properties=same("TransitGatewayId", "VpcId", "SubnetIds", "Options", "Tags"),
            stored=frozenset({"Options"}),
        ),
    ),
    "AWS::EC2::TransitGatewayPeeringAttachment": Comparison(
        describe=_gateway_peering,
        properties=same("TransitGatewayId", "PeerTransitGatewayId", "PeerAccountId", "PeerRegion", "Tags"),
    ),
    "AWS::EC2::VPNGatewayRoutePropagation": Comparison(
        describe=_propagation, properties=same("RouteTableIds", "VpnGatewayId"), stored=frozenset({"*"})
    ),
    "AWS::StepFunctions::StateMachine": Comparison(
        describe=_state_machine,
        properties=same(
            "DefinitionString",
            "EncryptionConfiguration",
            "LoggingConfiguration",
            "RoleArn",
            "StateMachineName",
            "StateMachineType",
            "Tags",
            "TracingConfiguration",
        ),
        stored=frozenset({"EncryptionConfiguration", "LoggingConfiguration", "TracingConfiguration"}),
    ),
    "AWS::ApiGatewayV2::Api": Comparison(
        describe=_api,
        properties=same("Description", "DisableExecuteApiEndpoint", "Name", "ProtocolType", "Tags"),
    ),
    "AWS::ApiGatewayV2::Stage": Comparison(
        describe=_stage,
        properties=same("AccessLogSettings", "ApiId", "AutoDeploy", "DefaultRouteSettings", "Description", "StageName", "Tags"),
        stored=frozenset({"AccessLogSettings", "DefaultRouteSettings"}),
    ),
    "AWS::ApiGatewayV2::Integration": Comparison(
        describe=_integration,
        properties=same(
            "ApiId",
            "ConnectionType",
            "Description",
            "IntegrationMethod",
            "IntegrationType",
            "IntegrationUri",
            "PayloadFormatVersion",
            "TimeoutInMillis",
        ),
    ),
    "AWS::ApiGatewayV2::Route": Comparison(
        describe=_route, properties=same("ApiId", "AuthorizationScopes", "AuthorizationType", "RouteKey", "Target")
    ),
}
