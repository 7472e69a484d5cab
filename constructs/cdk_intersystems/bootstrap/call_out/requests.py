"""Requests to AWS that fail fast, since a takeover waits for them. By the standard library, signed as `first_boot.py` does it.

Nothing else is asked than the instance metadata (version 2) and the endpoints of DynamoDB and SQS in this region; before IRIS
starts also those of DynamoDB and SSM in the regions that may hold the mirror (`region/readings.py`).
"""

from __future__ import annotations

import http.client
import json
import random
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from ..first_boot import METADATA, Metadata, Requests, Texts, reason, signed

if TYPE_CHECKING:
    from .awake import Awake
    from .said import Teller

#: For making a connection, and for each wait for bytes. Interface endpoints are in the same zone, a millisecond away.
LIMIT_SECONDS = 1.0
#: More than any answer has; what is longer is cut off and then isn't JSON.
_MOST_BYTES = 1 << 20
#: Full jitter: a random wait up to a bound that doubles. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0
#: AWS takes signatures that are up to five minutes old. Source: Signature Version 4.
_SKEW_SECONDS = 240
_WRONG_TIME = ("Signature", "RequestTimeTooSkewed", "RequestExpired")
_EXPIRED = ("ExpiredToken", "UnrecognizedClient", "InvalidClientTokenId")


class FailedError(Exception):
    """A request didn't lead to what was wanted; the message is one line and says why. Never a secret."""


class RefusedError(FailedError):
    """AWS refused it.

    Args:
        what: What was asked.
        code: Why, in AWS's word for it.
        said: What AWS said.
    """

    def __init__(self, what: str, code: str, said: str) -> None:
        super().__init__(f"{what} was refused: {code}: {said}".rstrip(": "))
        self.code = code


def wait_after(failures: int) -> float:
    """How long to wait after some failures in a row, in seconds."""
    return random.uniform(0, min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** min(failures, 10)))  # noqa: S311


class Aws:
    """AWS, as this instance.

    Args:
        awake: Is looked at with each request.
        teller: Is told of a clock that is wrong.
    """

    def __init__(self, awake: Awake, teller: Teller) -> None:
        self._awake = awake
        self._teller = teller
        self._token = ""
        self._credentials: Texts = {}
        #: By how much AWS's clock is ahead of this host's.
        self._ahead = 0.0
        self._identity: Dict[str, str] = {}
        self._date = ""

    @property
    def instance_id(self) -> str:
        """This instance.

        Raises:
            FailedError: The instance metadata doesn't tell.
        """
        return self._known("instanceId")

    def call(  # noqa: PLR0917
        self, service: str, target: str, request: Dict[str, Any], about: str, region: str = "", version: str = "1.0"
    ) -> Dict[str, Any]:
        """Asks a service, in the protocol AWS JSON, once; a wrong clock is corrected, and it is asked again.

        Args:
            service: The service, as signatures name it.
            target: The operation, with the service's version before it.
            request: What is asked.
            about: On what, for messages.
            region: The region that is asked. Default: this instance's.
            version: The protocol's version, which the service's API reference names.

        Raises:
            FailedError: It gave no answer, or one that is none; a `RefusedError` if it refused.
        """
        region = region or self._known("region")
        what = f"{service} {target.rpartition('.')[2]} {about}"
        url = Requests(region, Metadata()).url(service, region) + "/"
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
        body = json.dumps(request).encode()
        status, code, said, content = self._ask(what, (service, region), url, headers, body)
        if status >= 300 and self._corrects(code):
            status, code, said, content = self._ask(what, (service, region), url, headers, body)
        if status >= 300:
            if any(word in code for word in _EXPIRED):
                self._credentials = {}
            raise RefusedError(what, code, said)
        return _object(what, content)

    def _ask(self, what: str, where: Tuple[str, str], url: str, headers: Texts, body: bytes) -> Tuple[int, str, str, bytes]:
        now = time.time() + self._ahead
        by = signed(self._roles(now), "POST", url, *where, headers, body, now)
        status, known, content = self._send(what, "POST", url, by, body)
        code, said = reason(content.decode(errors="replace"), known, now) if status >= 300 else ("", "")
        self._date = known.get("date", "")
        return status, code, said, content

    def _corrects(self, code: str) -> bool:
        """Whether a refusal was for the time, which from now on is taken from AWS."""
        if not self._date or not any(word in code for word in _WRONG_TIME):
            return False
        ahead = parsedate_to_datetime(self._date).timestamp() - time.time()
        if abs(ahead - self._ahead) < _SKEW_SECONDS:
            return False
        self._ahead = ahead
        self._teller.say(f"the clock of this host is off by {-ahead:.0f} s, AWS's is used: see why chrony does not set it")
        return True

    def _known(self, name: str) -> str:
        if not self._identity:
            self._identity = _object("instance metadata", self._metadata("dynamic/instance-identity/document"))
        value = self._identity.get(name)
        if not isinstance(value, str) or not value:
            self._identity = {}
            raise FailedError(f"the instance metadata has no {name}")
        return value

    def _roles(self, now: float) -> Texts:
        """The credentials of the role. New ones come five minutes before the old ones end."""
        if self._credentials.get("Expiration", "") < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 300)):
            folder = "meta-data/iam/security-credentials/"
            role = self._metadata(folder).decode(errors="replace").strip()
            found = _object("instance metadata", self._metadata(folder + role)) if role else {}
            if found.get("Code") != "Success":
                raise FailedError(
                    f"this instance has no credentials ({found.get('Code', 'no role')}): see its instance profile"
                )
            self._credentials = found
        return self._credentials

    def _metadata(self, path: str) -> bytes:
        """An entry of the instance metadata; empty if there is none."""
        for _ in range(2):
            if not self._token:
                lasting = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
                status, _, body = self._send("instance metadata", "PUT", METADATA + "api/token", lasting)
                if status != 200:
                    raise FailedError(f"no instance metadata (status {status}): switch it on for this instance")
                self._token = body.decode(errors="replace")
            status, _, body = self._send("instance metadata", "GET", METADATA + path, {"X-aws-ec2-metadata-token": self._token})
            if status in (200, 404):
                return body if status == 200 else b""
            self._token = ""
        raise FailedError(f"no instance metadata (status {status})")

    def _send(self, what: str, method: str, url: str, headers: Texts, body: Optional[bytes] = None) -> Tuple[int, Texts, bytes]:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=LIMIT_SECONDS)
        self._awake.look()
        try:
            connection.request(method, parts.path, body, headers)
            response = connection.getresponse()
            content = response.read(_MOST_BYTES)
            return response.status, {name.lower(): value for name, value in response.getheaders()}, content
        except (OSError, http.client.HTTPException) as error:
            raise FailedError(f"{what}: no answer from {parts.netloc}: {error!r}") from None
        finally:
            connection.close()
            self._awake.look()


def _object(what: str, content: bytes) -> Dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FailedError(f"{what}: the answer is no JSON object: {content[:40]!r}")
    return found
