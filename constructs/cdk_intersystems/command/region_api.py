"""The API of the DR region that moves a mirror between regions, called with the caller's own signature."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from cdk_intersystems.model.names import region_api_parameter
from cdk_intersystems.model.regions import partition

from .errors import CommandError
from .main import FAILED, REFUSED
from .moves import time_of
from .target import Target

#: API Gateway answers by itself after 30 seconds. Source: API Gateway Developer Guide, HTTP API quotas.
_SECONDS = 35
#: What only reads is asked again, so often and so much later each time.
_ATTEMPTS, _PAUSE_SECONDS = 4, 1.0
#: How often it is looked for a new report of readiness, and how long between: it takes a minute at most.
_LOOKS, _LOOK_SECONDS = 60, 2.0
#: By how much the clocks of two functions may differ: a report of that long before the request is as good.
_CLOCKS = timedelta(seconds=1)
#: An answer is a record or a report: longer than this it is neither.
_LONGEST_ANSWER = 4 * 1024 * 1024

_SUFFIX = {"aws-cn": "amazonaws.com.cn"}


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    text: str


class RegionApi:
    """The API of one mirror set.

    Args:
        target: The mirror set.
        url: Its address. Default: what the parameter of the DR region says.
        sleep: Waits so many seconds.
    """

    def __init__(self, target: Target, url: str | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._target, self._sleep = target, sleep
        self._url = checked_url(url or _address(target), target)

    def current(self) -> dict[str, Any]:
        """Who serves, and the move that is under way or the last one."""
        return self._ask("GET", "/moves/current")

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """Asks for a move.

        Args:
            body: Its kind and what belongs to it.
        """
        return self._ask("POST", "/moves", body)

    def approve(self, move: str, plan_hash: str, epoch: int) -> dict[str, Any]:
        """Approves the plan of a move, as it was shown.

        Args:
            move: Its id.
            plan_hash: The plan's.
            epoch: The epoch that it takes.
        """
        return self._ask("POST", f"/moves/{move}/approval", {"plan_hash": plan_hash, "epoch": epoch})

    def cancel(self, move: str) -> dict[str, Any]:
        """Gives a move up."""
        return self._ask("POST", f"/moves/{move}/cancellation", {})

    def resume(self, move: str, loss: dict[str, str]) -> dict[str, Any]:
        """Has a move go on from where it came to.

        Args:
            move: Its id.
            loss: The acceptance of loss, if an approver accepts it now.
        """
        return self._ask("POST", f"/moves/{move}/resumption", loss)

    def readiness(self, *, now: bool) -> dict[str, Any]:
        """Whether the region could take over.

        Args:
            now: Whether it is looked now; else what was found last.

        Raises:
            CommandError: It was never looked at, or what is looked at now doesn't come to an end.
        """
        if not now:
            return self._ask("GET", "/readiness")
        # It takes longer than a request may: it is begun, and the report is there when it is younger than the request.
        begun = time_of(self._ask("POST", "/readiness", {}).get("requested_at"))
        for _ in range(_LOOKS):
            report = self._report()
            at = time_of(report.get("at"))
            if begun is None or (at is not None and at >= begun - _CLOCKS):
                return report
            self._sleep(_LOOK_SECONDS)
        message = "there is still no new report: see the log of the readiness function, or what was found last, without --now"
        raise CommandError(FAILED, message, "no_report")

    def _report(self) -> dict[str, Any]:
        try:
            return self._ask("GET", "/readiness")
        except CommandError as error:
            if error.code != "not_found":
                raise
            return {}

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        attempts = _ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            try:
                answer = self._send(method, path, body)
            except (OSError, HTTPException) as error:
                if last:
                    raise CommandError(FAILED, _unreached(method, self._url, error), "unreachable") from None
            else:
                if answer.status < 500 or last:
                    return _judged(answer)
            self._sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> _Answer:
        place = urlsplit(self._url)
        content = b"" if body is None else json.dumps(body).encode()
        headers = _signed(self._target, method, f"{self._url}{path}", content)
        connection = self._connection(place.hostname or "")
        try:
            connection.request(method, f"{place.path}{path}", body=content or None, headers=headers)
            return _read(connection.getresponse())
        finally:
            connection.close()

    def _connection(self, host: str) -> HTTPConnection:
        endpoint = self._target.aws.endpoint_url
        if endpoint is None:
            return HTTPSConnection(host, timeout=_SECONDS)
        # The embedded AWS has one address for all services; the name stays in the header `Host`, as it was signed.
        place = urlsplit(endpoint)
        kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
        return kind(place.hostname or "", place.port, timeout=_SECONDS)


def checked_url(url: str, target: Target) -> str:
    """The address of an API, if it is one of API Gateway's in the DR region: credentials are signed for nobody else.

    Args:
        url: What stands in the parameter.
        target: The mirror set.

    Raises:
        CommandError: It is something else.
    """
    place = urlsplit(url)
    suffix = f".execute-api.{target.dr.region}.{_SUFFIX.get(partition(target.dr.region), 'amazonaws.com')}"
    host = place.hostname or ""
    if place.scheme != "https" or not host.endswith(suffix) or place.port is not None or place.query or place.username:
        message = f"{_name(target)} in {target.dr.region} names {url!r}, which is no API of that region: deploy the DR region"
        raise CommandError(FAILED, message, "no_api")
    return f"https://{host}{place.path.rstrip('/')}"


def _name(target: Target) -> str:
    return region_api_parameter(target.deployment.name, target.mirror_set.name)


def _address(target: Target) -> str:
    ssm = target.aws.client("ssm", target.dr.region)
    try:
        return str(ssm.get_parameter(Name=_name(target))["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        stack = f"{target.deployment.name}-dr-{target.mirror_set.name.lower()}-region"
        message = f"there is no parameter {_name(target)} in {target.dr.region}: deploy the stack {stack}, or use its account"
        raise CommandError(FAILED, message, "no_api") from None


def _signed(target: Target, method: str, url: str, content: bytes) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import NoCredentialsError

    credentials = target.aws.session.get_credentials()
    if credentials is None:
        raise NoCredentialsError()
    headers = {"Host": urlsplit(url).netloc, "Accept": "application/json"}
    if content:
        headers["Content-Type"] = "application/json"
    request = AWSRequest(method=method, url=url, data=content, headers=headers)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", target.dr.region).add_auth(request)
    return dict(request.headers.items())


def _read(response: HTTPResponse) -> _Answer:
    text = response.read(_LONGEST_ANSWER).decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return _Answer(response.status, body, text)


def _judged(answer: _Answer) -> dict[str, Any]:
    if answer.status < 300 and isinstance(answer.body, dict):
        return answer.body
    body = answer.body if isinstance(answer.body, dict) else {}
    code = str(body.get("error") or f"http_{answer.status}")
    message = str(body.get("message") or answer.text.strip()[:200] or "no answer")
    if answer.status == 403 and "error" not in body:
        # API Gateway's own answer: the signature is none, or the caller's policies don't let it.
        message = (
            f"the API lets nobody of these credentials in ({message}): assume a role of regions.dr.promotion, and see that its "
            "policies allow execute-api:Invoke"
        )
        code = "forbidden"
    if answer.status < 300:
        raise CommandError(FAILED, f"the API answered something else than JSON: {message}", "no_json")
    raise CommandError(REFUSED if answer.status < 500 else FAILED, message, code)


def _unreached(method: str, url: str, error: Exception) -> str:
    again = "" if method == "GET" else "; whether it was heard isn't known, so look at status before you ask again"
    why = "it did not answer in time" if isinstance(error, socket.timeout | TimeoutError) else str(error)
    return f"{urlsplit(url).hostname} was not reached ({why}){again}"
