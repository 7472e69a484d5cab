"""The public layer of AWS Lambda Powertools, what a function may import without it, whom it may connect to, and its errors.

Functions run with the emulator's own Python: boto3 is there as it is in Lambda's runtime, and so would Powertools be for a
function that has no layer. Here as on AWS it comes with the layer only.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import io
import re
import zipfile
from typing import Any

from local.adapter import emulator

# "Installing Powertools for AWS Lambda (Python) with a Lambda layer": the account is 017000801446 in every commercial
# region; partitions of their own have others, so that a layer is known by its name.
_POWERTOOLS = re.compile(r"AWSLambdaPowertoolsPythonV3-python3\d+-(x86_64|arm64)")
_DISTRIBUTIONS = ("aws-lambda-powertools", "typing-extensions")

# What the emulator is told by its environment, which a function inherits and Lambda's runtime doesn't have: Powertools, for
# one, takes LOG_LEVEL for its own.
_NOT_LAMBDAS = (
    "CDK_HOME",
    "DOCKER_HOST",
    "GATEWAY_PORT",
    "IOT_MTLS_ENABLED",
    "JSII_NODE",
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT",
    "LOG_LEVEL",
    "MINISTACK_ACCOUNT_ID",
    "S3_DATA_DIR",
    "SFTP_ENABLED",
    "STATE_DIR",
)
# Before a function's own variables are set, and before its code is imported. Where no layer brings Powertools, it can't be.
_BEFORE = f"""
import errno as _errno, glob as _glob, ipaddress as _ipaddress, os as _os, sys as _sys
def _stay(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        try:
            stays = _ipaddress.ip_address(arguments[1][0]).is_loopback
        except ValueError:
            stays = arguments[1][0] == "localhost"
        if not stays:
            raise OSError(_errno.ENETUNREACH, _os.strerror(_errno.ENETUNREACH))
if _os.environ.pop("EMBEDDED_AWS_LOOPBACK_ONLY", ""):
    _sys.addaudithook(_stay)
for _name in {_NOT_LAMBDAS}:
    _os.environ.pop(_name, None)
if not any(
    _glob.glob(_os.path.join(_directory, "python", "**", "aws_lambda_powertools"), recursive=True)
    for _directory in filter(None, _os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(_os.pathsep))
) and not _os.path.isdir(_os.path.join(_os.getcwd(), "aws_lambda_powertools")):
    _sys.modules["aws_lambda_powertools"] = None
"""
# What a function's error is called is on AWS the class of the exception, which state machines catch by; the worker has one name
# for all. It travels in front of the message, and is taken off again.
_RAISED = '"error": str(e), "trace"'
_NAMED = '"error": chr(1) + type(e).__name__ + chr(1) + str(e), "trace"'
_MARKED = re.compile("\x01(\\w+)\x01(.*)", re.DOTALL)


@functools.cache
def _content() -> bytes:
    """The layer's archive: the packages as they are installed beside ministack, under `python/`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in _DISTRIBUTIONS:
            distribution = importlib.metadata.distribution(name)
            for file in distribution.files or []:
                if ".." not in file.parts and file.suffix != ".pyc":
                    archive.write(str(distribution.locate_file(file)), f"python/{file}")
    return packed.getvalue()


def install() -> None:
    """Let the layer's ARN lead to its content, and keep Powertools from functions that have no layer."""
    service = emulator.service("lambda_svc")
    resolve, unpack = service._resolve_cross_account_layer, service._resolve_layer_zip

    def resolved(arn: str, spec: Any, name_and_version: tuple[str, int]) -> Any:
        if not _POWERTOOLS.fullmatch(name_and_version[0]) or spec.region != emulator.region():
            return resolve(arn, spec, name_and_version)
        content = {"CodeSize": len(_content())}
        layer = arn.rpartition(":")[0]
        return {"LayerArn": layer, "LayerVersionArn": arn, "Version": name_and_version[1], "Content": content}, None

    def unpacked(attachment: Any) -> bytes | None:
        arn = attachment.get("Arn", "") if isinstance(attachment, dict) else str(attachment)
        name = arn.split(":")[-2] if arn.count(":") >= 2 else ""
        if _POWERTOOLS.fullmatch(name) and f":{emulator.account()}:" not in arn:
            return _content()
        found: bytes | None = unpack(attachment)
        return found

    service._resolve_cross_account_layer = resolved
    service._resolve_layer_zip = unpacked
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    script = runtime._PYTHON_WORKER_SCRIPT
    if _RAISED not in script:
        raise RuntimeError("the worker's script of this ministack reports exceptions in another way")
    runtime._PYTHON_WORKER_SCRIPT = _BEFORE + script.replace(_RAISED, _NAMED)
    execute = service._execute_function_warm

    def executed(func: Any, event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and (found := _MARKED.fullmatch(body.get("errorMessage", ""))):
            result["body"] = {**body, "errorType": found[1], "errorMessage": found[2]}
        return result

    service._execute_function_warm = executed
