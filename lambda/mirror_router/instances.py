"""Which instances the members are: a claim may only name one that is tagged as its member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .errors import RoutingError, UnknownInstanceError

if TYPE_CHECKING:
    from .core import Claim
    from .patience import Patience
    from .settings import Settings

# As `model/tags.py` of the library has them.
_TAG = "cdk-intersystems:"


class Instances:
    """The members' instances. One object serves a warm function: what it knows, it isn't told again in a failover.

    Args:
        ec2: A client of EC2.
        settings: The function's settings.
    """

    def __init__(self, ec2: Any, settings: Settings) -> None:
        self._ec2 = ec2
        self._settings = settings
        self._known: frozenset[tuple[str, str]] = frozenset()

    def check(self, claim: Claim, patience: Patience) -> None:
        """Checks that a claim names its member's instance.

        Args:
            claim: The claim.
            patience: The time of the run.

        Raises:
            UnknownInstanceError: It doesn't.
            RoutingError: It can't be found out now.
        """
        wanted = (claim.member, claim.instance_id)
        if wanted in self._known:
            return
        self.look(patience)
        if wanted not in self._known:
            raise UnknownInstanceError(f"{claim.instance_id} is not tagged as member {claim.member} of this mirror set")

    def look(self, patience: Patience) -> None:
        """Finds the members' instances.

        Args:
            patience: The time of the run.

        Raises:
            RoutingError: AWS refused.
        """
        filters = [
            {"Name": f"tag:{_TAG}deployment", "Values": [self._settings.deployment]},
            {"Name": f"tag:{_TAG}mirror-set", "Values": [self._settings.mirror_set]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
        try:
            answer = patience.call("find the members' instances", self._ec2.describe_instances, Filters=filters)
        except ClientError as error:
            raise RoutingError(f"EC2 refused to find the members' instances: {error.response['Error']['Code']}") from error
        self._known = frozenset(
            (tag["Value"], instance["InstanceId"])
            for reservation in answer["Reservations"]
            for instance in reservation["Instances"]
            for tag in instance.get("Tags", [])
            if tag["Key"] == f"{_TAG}member"
        )
