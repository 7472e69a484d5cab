"""Objects in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...first_boot import fetch as _fetch

if TYPE_CHECKING:
    from pathlib import Path

    from ..description import S3Object
    from .client import Aws


def fetch(aws: Aws, source: S3Object, to: Path) -> None:
    """Fetches an object to a file, whose name only ever has the whole, right content.

    Args:
        aws: AWS.
        source: The object.
        to: The file; missing folders are made.

    Raises:
        AwsError: S3 refused it.
        StepError: S3 doesn't answer, the content has another SHA-256, or it can't be written.
    """
    _fetch(aws, source.bucket, source.key, source.sha256, source.region, to)
