"""The latch as an object that Route 53's checkers ask for: it is there exactly while the DR region holds the traffic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .core import Shown
from .errors import LatchError

if TYPE_CHECKING:
    from .core import Want

_EPOCH = re.compile(rb"[0-9]{1,15}")
_MISSING = ("404", "NoSuchKey", "NotFound")
#: Somebody has changed the object since this run looked at it, so that it looks again.
_CHANGED = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict", *_MISSING)


class S3Object:
    """The carrier of the kind `s3_object`. The object's content is the epoch, so that an old run doesn't take away a newer one.

    Args:
        s3: A client of S3.
        bucket: The latch's bucket.
        key: The object's key.
    """

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": key}
        self._tag: str | None = None

    def look(self) -> Shown:
        """Whether the object is there, and by which epoch.

        Raises:
            LatchError: S3 doesn't say.
        """
        try:
            answer = self._s3.get_object(**self._where)
            content = answer["Body"].read(16)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                self._tag = None
                return Shown(False)
            raise LatchError(f"the latch's object can't be looked at: {error}") from error
        except BotoCoreError as error:
            raise LatchError(f"the latch's object can't be looked at: {error}") from error
        self._tag = answer["ETag"]
        # The content of an object that a person has put there may be anything.
        return Shown(True, int(content) if _EPOCH.fullmatch(content) else None)

    def write(self, want: Want) -> None:
        """Puts the object there, or takes it away, if it is still what was looked at.

        Args:
            want: Where the latch is to stand.

        Raises:
            LatchError: S3 refused, or didn't answer.
        """
        try:
            if want.held_by_dr:
                only = {"IfNoneMatch": "*"} if self._tag is None else {"IfMatch": self._tag}
                self._s3.put_object(**self._where, Body=str(want.epoch).encode(), ContentType="text/plain", **only)
            elif self._tag is not None:
                self._s3.delete_object(**self._where, IfMatch=self._tag)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CHANGED:
                raise LatchError(f"the latch's object can't be changed: {error}") from error
        except BotoCoreError as error:
            raise LatchError(f"the latch's object can't be changed: {error}") from error
