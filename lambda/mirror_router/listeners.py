"""The load balancer's listeners, whose weights lead to the routed member's target group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .errors import RoutingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .core import Claim
    from .patience import Patience


class Listeners:
    """The listeners of one load balancer, as places of the router.

    Args:
        elbv2: A client of Elastic Load Balancing.
        targets: ARN of each listener -> member -> ARN of its target group.
        patience: The time of the run.
    """

    def __init__(self, elbv2: Any, targets: Mapping[str, Mapping[str, str]], patience: Patience) -> None:
        self._elbv2 = elbv2
        self._targets = targets
        self._patience = patience

    def look(self, claim: Claim) -> tuple[str, ...]:
        """The listeners that don't lead to the claim's member, and to it alone, with the other member's group at hand.

        Args:
            claim: The claim.

        Raises:
            RoutingError: They can't be read.
        """
        arns = list(self._targets)
        answer = self._call("read the listeners", self._elbv2.describe_listeners, ListenerArns=arns)
        leads = {listener["ListenerArn"]: _weights_of(listener) for listener in answer["Listeners"]}
        return tuple(arn for arn in arns if leads.get(arn) != self._wanted(arn, claim))

    def point(self, claim: Claim, listeners: tuple[str, ...]) -> None:
        """Leads listeners to the claim's member.

        Args:
            claim: The claim.
            listeners: Their ARNs.

        Raises:
            RoutingError: One could not be moved.
        """
        for arn in listeners:
            groups = [{"TargetGroupArn": group, "Weight": int(leads)} for group, leads in self._wanted(arn, claim).items()]
            action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
            self._call("move a listener", self._elbv2.modify_listener, ListenerArn=arn, DefaultActions=[action])

    def _wanted(self, arn: str, claim: Claim) -> dict[str, bool]:
        """Each target group of a listener, and whether it is to get connections.

        The others stand beside it with weight 0: targets of a group that no listener names aren't health-checked, and are in
        service only after some minutes.
        """
        return {group: member == claim.member for member, group in self._targets[arn].items()}

    def _call(self, doing: str, action: Any, **request: Any) -> Any:
        try:
            return self._patience.call(doing, action, **request)
        except ClientError as error:
            raise RoutingError(f"Elastic Load Balancing refused to {doing}: {error.response['Error']['Code']}") from error


def _weights_of(listener: Mapping[str, Any]) -> dict[str, bool]:
    """The target groups that a listener names, and whether they get new connections."""
    found: dict[str, bool] = {}
    for action in listener["DefaultActions"]:
        weighted = action.get("ForwardConfig", {}).get("TargetGroups", [])
        found |= {group["TargetGroupArn"]: group.get("Weight", 1) > 0 for group in weighted}
        if not weighted and action.get("TargetGroupArn"):
            found[action["TargetGroupArn"]] = True
    return found
