"""The API by which people ask for moves and approve them."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

ROUTES = (
    ("POST", "/moves"),
    ("GET", "/moves/current"),
    ("POST", "/moves/{id}/approval"),
    ("POST", "/moves/{id}/cancellation"),
    ("POST", "/moves/{id}/resumption"),
    ("GET", "/readiness"),
    ("POST", "/readiness"),
)
"""What can be asked. Every one of them only by a request that is signed."""

#: Source: API Gateway Developer Guide, "Customize HTTP API access logs".
_LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.identity.userArn",
    "route": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.responseType",
}
# People and a command ask, now and then.
_RATE, _BURST = 5, 20


def define_api(
    scope: Construct, *, name: str, function: lambda_.IFunction, key: kms.IKey, log_retention: logs.RetentionDays
) -> apigatewayv2.HttpApi:
    """Define the API, which admits only requests that IAM has found to be signed by who may call it.

    Args:
        scope: The construct it belongs to.
        name: Its name.
        function: The function that answers.
        key: The key of its access log.
        log_retention: How long the log is kept.
    """
    api = apigatewayv2.HttpApi(
        scope,
        "Api",
        api_name=name,
        description="Moves between regions: asks, approvals, and how far they are",
        create_default_stage=False,
        default_authorizer=authorizers.HttpIamAuthorizer(),
    )
    integration = integrations.HttpLambdaIntegration("Function", function)
    for method, path in ROUTES:
        api.add_routes(path=path, methods=[apigatewayv2.HttpMethod[method]], integration=integration)
    log_group = logs.LogGroup(
        scope, "AccessLog", encryption_key=key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN
    )
    stage = apigatewayv2.HttpStage(
        scope,
        "Stage",
        http_api=api,
        stage_name="$default",
        auto_deploy=True,
        throttle=apigatewayv2.ThrottleSettings(rate_limit=_RATE, burst_limit=_BURST),
    )
    made = stage.node.default_child
    assert isinstance(made, apigatewayv2.CfnStage)
    made.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log_group.log_group_arn,
        format="{" + ",".join(f'"{name}":"{value}"' for name, value in _LOGGED.items()) + "}",
    )
    return api


def url_of(api: apigatewayv2.HttpApi) -> str:
    """The API's address."""
    stack = Stack.of(api)
    return f"https://{api.api_id}.execute-api.{stack.region}.{stack.url_suffix}"
