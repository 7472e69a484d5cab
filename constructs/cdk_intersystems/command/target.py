"""The mirror set a command is about, and AWS where it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_intersystems.configuration import Deployment, DrRegion, MirrorSetConfig, load_deployment

from .errors import CommandError
from .main import WRONG_CONFIGURATION

#: A person waits: what isn't answered by then isn't answered.
_CONNECT_SECONDS, _READ_SECONDS = 5, 30


class Aws:
    """Clients of AWS's services, with the caller's own credentials.

    Args:
        endpoint_url: Where all services are, for the embedded AWS. Default: AWS.
        session: A session of boto3. Default: a new one.
    """

    def __init__(self, endpoint_url: str | None = None, session: Any = None) -> None:
        self.endpoint_url = endpoint_url
        self._session = session
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def session(self) -> Any:
        """The session of boto3, which is imported only now."""
        if self._session is None:
            import boto3

            self._session = boto3.Session()
        return self._session

    def client(self, service: str, region: str) -> Any:
        """The client of a service.

        Args:
            service: As boto3 names it.
            region: Name of the region.
        """
        if (service, region) not in self._clients:
            from botocore.config import Config

            config = Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 3},
            )
            self._clients[service, region] = self.session.client(
                service, region_name=region, endpoint_url=self.endpoint_url, config=config
            )
        return self._clients[service, region]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A mirror set that has a DR region.

    Args:
        deployment: The deployment.
        mirror_set: The mirror set.
        dr: Its DR region.
        aws: AWS.
    """

    deployment: Deployment
    mirror_set: MirrorSetConfig
    dr: DrRegion
    aws: Aws

    @property
    def command(self) -> str:
        """How the deployment and mirror set are named on a command line."""
        several = len(self.deployment.mirror_sets) > 1
        return f"{self.deployment.name} --mirror-set {self.mirror_set.name}" if several else self.deployment.name


def target_of(source: str, mirror_set: str | None, config_dir: Path, endpoint_url: str | None) -> Target:
    """Finds what a command is about.

    Args:
        source: Name or file of the deployment.
        mirror_set: Name of the mirror set. Default: the only one.
        config_dir: Folder with the deployments.
        endpoint_url: Where AWS is.

    Raises:
        CommandError: There is no such mirror set, or no DR region.
        ConfigurationError: The deployment can't be used.
    """
    deployment = load_deployment(source, config_dir)
    names = [each.name for each in deployment.mirror_sets]
    if mirror_set is None and len(names) > 1:
        message = f"{deployment.name} has several mirror sets: say which one, --mirror-set {' | '.join(names)}"
        raise CommandError(WRONG_CONFIGURATION, message, "usage")
    name = mirror_set or names[0]
    if name not in names:
        message = f"{deployment.name} has no mirror set {name}; there are: {', '.join(names)}"
        raise CommandError(WRONG_CONFIGURATION, message, "usage")
    if deployment.regions.dr is None:
        message = f"{deployment.name} has no DR region: state regions.dr, and deploy it"
        raise CommandError(WRONG_CONFIGURATION, message, "usage")
    return Target(
        deployment=deployment, mirror_set=deployment.mirror_set(name), dr=deployment.regions.dr, aws=Aws(endpoint_url)
    )
