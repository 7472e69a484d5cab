"""The latch as two routing controls of ARC, set through any one of the cluster's five endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from .core import Shown
from .errors import LatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .core import Want

T = TypeVar("T")

_ON, _OFF = "On", "Off"
#: No other endpoint answers otherwise: the call is wrong, or a safety rule refuses it.
#: Source: route53-recovery-cluster's API, errors of UpdateRoutingControlStates.
_FINAL = ("AccessDeniedException", "ConflictException", "ResourceNotFoundException", "ValidationException")


class RoutingControls:
    """The carrier of the kind `routing_control`. Safety rules are never overridden: what they refuse, a person looks at.

    Args:
        clients: A client for each endpoint of the cluster, in the order they are asked.
        primary: ARN of the primary region's routing control.
        dr: ARN of the DR region's.
    """

    def __init__(self, clients: Sequence[Any], primary: str, dr: str) -> None:
        self._clients = list(clients)
        self._primary = primary
        self._dr = dr

    def look(self) -> Shown:
        """Which region's control is on, if exactly one is.

        Raises:
            LatchError: No endpoint says.
        """

        def states(client: Any) -> list[str]:
            return [
                client.get_routing_control_state(RoutingControlArn=arn)["RoutingControlState"]
                for arn in (self._dr, self._primary)
            ]

        dr, primary = self._ask("tell the routing controls' state", states)
        return Shown(None if dr == primary else dr == _ON)

    def write(self, want: Want) -> None:
        """Sets both controls in one call: at no moment are both off, or both on, and any safety rule sees the end alone.

        Args:
            want: Where the latch is to stand.

        Raises:
            LatchError: A safety rule refuses, or no endpoint answers.
        """
        on, off = (self._dr, self._primary) if want.held_by_dr else (self._primary, self._dr)
        entries = [
            {"RoutingControlArn": on, "RoutingControlState": _ON},
            {"RoutingControlArn": off, "RoutingControlState": _OFF},
        ]
        self._ask(
            "set the routing controls",
            lambda client: client.update_routing_control_states(UpdateRoutingControlStateEntries=entries),
        )

    def _ask(self, doing: str, call: Callable[[Any], T]) -> T:
        said: list[str] = []
        for at, client in enumerate(self._clients):
            try:
                answer = call(client)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                said.append(f"{client.meta.endpoint_url}: {code}: {error.response['Error'].get('Message', '')}")
                if code in _FINAL:
                    break
            except BotoCoreError as error:
                said.append(f"{client.meta.endpoint_url}: {error}")
            else:
                # The one that answered is asked first from now on.
                self._clients.insert(0, self._clients.pop(at))
                return answer
        raise LatchError(f"no endpoint of the cluster would {doing}: {'; '.join(said)}")
