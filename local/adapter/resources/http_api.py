"""AWS::ApiGatewayV2::Api and Stage: ministack's, at the address that AWS would give them, and in the API's spelling."""

from __future__ import annotations

from local.adapter import emulator
from local.adapter.resources.handler import Handler, Made, Properties, Resource
from local.adapter.resources.state_machine import camel

_KNOWN = (
    "ApiKeySelectionExpression",
    "CorsConfiguration",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "Name",
    "ProtocolType",
    "RouteSelectionExpression",
    "Tags",
    "Version",
)


def create(resource: Resource) -> Made:
    """Create the API."""
    return _addressed(emulator.provisioners._apigw_v2_api_create(resource.logical_id, resource.properties, resource.stack))


def _addressed(made: Made) -> Made:
    """Give an API its address; `local.adapter.http_api` leads requests with that host to it."""
    identifier, attributes = made
    endpoint = f"https://{identifier}.execute-api.{emulator.region()}.amazonaws.com"
    emulator.service("apigateway")._apis[identifier]["apiEndpoint"] = endpoint
    return identifier, {**attributes, "ApiEndpoint": endpoint}


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the API in place."""
    return _addressed(
        emulator.provisioners._apigw_v2_api_update(physical_id, old, resource.properties, resource.stack, resource.logical_id)
    )


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the API."""
    emulator.provisioners._apigw_v2_api_delete(physical_id, properties)


_STAGE = (
    "AccessLogSettings",
    "ApiId",
    "AutoDeploy",
    "ClientCertificateId",
    "DefaultRouteSettings",
    "DeploymentId",
    "Description",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
)


def _given(properties: Properties) -> Properties:
    """A template's properties, of which ministack keeps the settings of routes as they stand there."""
    given = dict(properties)
    if "DefaultRouteSettings" in given:
        given["DefaultRouteSettings"] = _route_settings(given["DefaultRouteSettings"])
    if "RouteSettings" in given:
        given["RouteSettings"] = {key: _route_settings(settings) for key, settings in given["RouteSettings"].items()}
    return given


def _route_settings(settings: Properties) -> Properties:
    """Settings of routes with their numbers as numbers: a template has them as text."""
    found: Properties = camel(settings)
    kinds = {"throttlingBurstLimit": int, "throttlingRateLimit": float}
    return {name: kinds[name](value) if name in kinds else value for name, value in found.items()}


def create_stage(resource: Resource) -> Made:
    """Create the stage."""
    made: Made = emulator.provisioners._apigw_v2_stage_create(resource.logical_id, _given(resource.properties), resource.stack)
    return made


def update_stage(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the stage in place."""
    made: Made = emulator.provisioners._apigw_v2_stage_update(
        physical_id, _given(old), _given(resource.properties), resource.stack, resource.logical_id
    )
    return made


def delete_stage(physical_id: str, properties: Properties) -> None:
    """Delete the stage."""
    emulator.provisioners._apigw_v2_stage_delete(physical_id, properties)


HANDLERS = {
    "AWS::ApiGatewayV2::Api": Handler(create=create, update=update, delete=delete, known=_KNOWN, replacing=("ProtocolType",)),
    "AWS::ApiGatewayV2::Stage": Handler(
        create=create_stage,
        update=update_stage,
        delete=delete_stage,
        known=_STAGE,
        replacing=("ApiId", "StageName"),
    ),
}
