"""boto3 clients of an embedded AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from local.server import EmbeddedAws


class Clients:
    """The clients of one region, each made once.

    Args:
        aws: The embedded AWS.
        region: The region.
    """

    def __init__(self, aws: EmbeddedAws, region: str) -> None:
        self.region = region
        self.account = aws.account
        self._arguments = aws.client_arguments(region)
        self._clients: dict[str, Any] = {}
        # A session of its own: boto3's default one would read a person's configuration.
        self._session = boto3.session.Session()

    def __call__(self, service: str) -> Any:
        """The client of a service, for example ``"ec2"``."""
        if service not in self._clients:
            # One attempt: on this machine a failure is an answer, not weather.
            config = Config(retries={"total_max_attempts": 1}, proxies={})
            self._clients[service] = self._session.client(service, config=config, **self._arguments)
        return self._clients[service]
