"""Calls of AWS that are repeated while there is time."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from .errors import OutOfTimeError, RoutingError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Codes with which AWS's services ask for patience. Source: AWS SDKs Reference Guide, "Retry behavior", and the lists of common
#: errors of the services.
_TRANSIENT = frozenset(
    (
        *("RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        *("ProvisionedThroughputExceededException", "RequestThrottled", "RequestThrottledException", "SlowDown"),
        *("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "Unavailable", "RequestTimeout"),
        *("TransactionConflictException", "TransactionInProgressException", "LimitExceededException"),
    )
)
#: Full jitter, between nothing and a bound that doubles. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
_FIRST_SECONDS, _LONGEST_SECONDS = 0.1, 2.0
#: What is left of the function's time when no new call is begun: enough to say what happened.
RESERVE_SECONDS = 2.5


class Patience:
    """The time of one run.

    Args:
        left: Tells how many seconds the function has left.
        sleep: Waits for seconds.
    """

    def __init__(self, left: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
        self._left = left
        self._sleep = sleep

    def is_over(self) -> bool:
        """Whether nothing new may be begun."""
        return self._left() < RESERVE_SECONDS

    def check(self, doing: str) -> None:
        """Ends the run if its time is nearly over.

        Args:
            doing: What was about to be done.

        Raises:
            OutOfTimeError: It is.
        """
        if self.is_over():
            raise OutOfTimeError(f"the function's time is over before it could {doing}")

    def call(self, doing: str, action: Callable[..., T], **request: Any) -> T:
        """Calls AWS, again and again while AWS asks for patience and there is time.

        Args:
            doing: What is done, for errors: "read the route epoch".
            action: Method of a client.
            request: Its arguments.

        Raises:
            RoutingError: There was no time left, or AWS didn't answer.
            ClientError: AWS refused, and will again.
        """
        longest = _FIRST_SECONDS
        while True:
            self.check(doing)
            try:
                return action(**request)
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                if error.response["Error"]["Code"] not in _TRANSIENT and status < 500:
                    raise
            except BotoCoreError as error:
                # No answer: asked again as well. What can't be sent at all will fail the same way until the time is over.
                last = error
                if self._left() < RESERVE_SECONDS + longest:
                    raise RoutingError(f"AWS did not answer when asked to {doing}: {last}") from error
            self._sleep(random.uniform(0, longest))  # noqa: S311 (not a secret)
            longest = min(2 * longest, _LONGEST_SECONDS)
