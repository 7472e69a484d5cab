"""Callers of an HTTP API that asks for IAM: each signs with credentials of its own, or pretends to."""

import http.client
import json
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.clients import Clients
from local.server import EmbeddedAws


@dataclass(frozen=True)
class Answer:
    """A status, and what was said."""

    status: int
    body: Any


@dataclass(frozen=True)
class Caller:
    """Somebody who calls an API.

    Attributes:
        aws: The embedded AWS.
        region: The API's region.
        url: The API's address, as AWS names it.
        credentials: Whose name it signs in; None for not at all.
        service: The service it signs for.
    """

    aws: EmbeddedAws
    region: str
    url: str
    credentials: Credentials | None
    service: str = "execute-api"

    @classmethod
    def assuming(cls, aws: EmbeddedAws, region: str, url: str, role: str, session: str) -> Self:
        """One who has assumed a role, by name, in a session."""
        arn = f"arn:aws:iam::{aws.account}:role/{role}"
        found = Clients(aws, region)("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        credentials = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return cls(aws, region, url, credentials)

    def but(self, **other: Any) -> Self:
        """The same caller with something else."""
        return replace(self, **other)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Calls, with headers that are added after everything is signed."""
        content = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, f"{self.url}{path}", {"Content-Type": "application/json"}, content)
        request.headers["Host"] = urlsplit(self.url).netloc
        if self.credentials is not None:
            SigV4Auth(self.credentials, self.service, self.region).add_auth(request)
        connection = http.client.HTTPConnection(urlsplit(self.aws.endpoint).netloc, timeout=60)
        connection.request(method, path, content, {**dict(request.headers.items()), **headers})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        return Answer(answer.status, json.loads(said) if said else None)
