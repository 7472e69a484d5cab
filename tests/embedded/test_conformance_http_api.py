"""HTTP APIs with IAM: who is not who they say doesn't get in, and a function is told who called.

"Control access to HTTP APIs with IAM authorization", "Create AWS Lambda proxy integrations for HTTP APIs" (API Gateway
Developer Guide).
"""

import io
import json
import secrets
import zipfile
from typing import Any

import pytest
from botocore.credentials import Credentials

from local.clients import Clients
from local.server import EmbeddedAws

from .conftest import REGION
from .signed import Caller

pytestmark = pytest.mark.embedded

_ECHO = """
import json
def handler(event, context):
    context = event["requestContext"]
    told = {"who": context.get("authorizer"), "path": event["rawPath"], "body": event.get("body")}
    return {"statusCode": 200, "body": json.dumps(told)}
"""


@pytest.fixture(scope="module")
def url(clients: Clients) -> str:
    """An API that tells its caller what the function was told."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("echo.py", _ECHO)
    role = f"arn:aws:iam::{clients.account}:role/function"
    code = {"ZipFile": packed.getvalue()}
    made = clients("lambda").create_function(
        FunctionName=f"echo-{secrets.token_hex(4)}", Runtime="python3.13", Role=role, Handler="echo.handler", Code=code
    )
    api = clients("apigatewayv2")
    identifier = api.create_api(Name="echo", ProtocolType="HTTP")["ApiId"]
    integration = api.create_integration(
        ApiId=identifier, IntegrationType="AWS_PROXY", IntegrationUri=made["FunctionArn"], PayloadFormatVersion="2.0"
    )["IntegrationId"]
    for key in ("POST /moves", "GET /moves/{id}"):
        target = f"integrations/{integration}"
        api.create_route(ApiId=identifier, RouteKey=key, Target=target, AuthorizationType="AWS_IAM")
    api.create_stage(ApiId=identifier, StageName="$default", AutoDeploy=True)
    return f"https://{identifier}.execute-api.{REGION}.amazonaws.com"


@pytest.fixture
def ada(aws: EmbeddedAws, url: str) -> Caller:
    return Caller.assuming(aws, REGION, url, "approver", "ada")


def test_the_function_is_told_who_called(ada: Caller) -> None:
    answer = ada.call("POST", "/moves", {"kind": "promotion"})
    who = answer.body["who"]["iam"]
    assert answer.status == 200
    assert who["userArn"] == f"arn:aws:sts::{ada.aws.account}:assumed-role/approver/ada"
    assert who["accountId"] == ada.aws.account
    assert who["userId"].endswith(":ada")
    assert json.loads(answer.body["body"]) == {"kind": "promotion"}


def test_a_path_with_a_parameter_is_signed_as_it_is_sent(ada: Caller) -> None:
    assert ada.call("GET", "/moves/20261125T150000Z-1").body["path"] == "/moves/20261125T150000Z-1"


def _stolen_key(ada: Caller) -> Caller:
    assert ada.credentials is not None
    key, token = ada.credentials.access_key, ada.credentials.token
    return ada.but(credentials=Credentials(key, "guessed", token))


def _without_token(ada: Caller) -> Caller:
    assert ada.credentials is not None
    return ada.but(credentials=Credentials(ada.credentials.access_key, ada.credentials.secret_key))


@pytest.mark.parametrize(
    "pretend",
    [
        lambda ada: ada.but(credentials=None),
        _stolen_key,
        _without_token,
        lambda ada: ada.but(credentials=Credentials("ASIAUNKNOWNUNKNOWN00", "secret", "token")),
        lambda ada: ada.but(credentials=Credentials(ada.aws.account, "guessed")),
        lambda ada: ada.but(service="ssm"),
        lambda ada: ada.but(region="eu-west-1"),
    ],
    ids=["unsigned", "another's key", "no session token", "unknown key", "the account's root", "another service", "region"],
)
def test_who_is_not_who_they_say_is_refused(ada: Caller, pretend: Any) -> None:
    answer = pretend(ada).call("POST", "/moves", {"kind": "promotion"})
    assert (answer.status, answer.body) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize(
    "changed",
    [{"X-Amz-Date": "20200101T000000Z"}, {"Authorization": "Bearer x"}, {"X-Amz-Content-SHA256": "0" * 64}],
    ids=["old", "no signature", "another body"],
)
def test_what_was_changed_after_it_was_signed_is_refused(ada: Caller, changed: dict[str, str]) -> None:
    assert ada.call("POST", "/moves", {"kind": "promotion"}, **changed).status == 403
