"""The one exception of the adapter: an error as AWS answers it."""

from __future__ import annotations


class AwsError(Exception):
    """A refusal, with the code and the message AWS documents for it.

    Args:
        code: The error code a client sees, for example ``InvalidRoute.NotFound``.
        message: The sentence that goes with it.
        status: The HTTP status. Default: 400, AWS's status for a refused request.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{message} (error code {code})")
        self.code = code
        self.message = message
        self.status = status
