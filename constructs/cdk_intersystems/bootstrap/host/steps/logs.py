"""Logs in CloudWatch: what this program says and, by its agent if that is installed, what IRIS says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..aws import logs as cloudwatch

if TYPE_CHECKING:
    from ..context import Context


def logs(host: Context) -> None:
    """Has the CloudWatch agent, where it is installed, send the logs of IRIS.

    Args:
        host: The host.
    """


def send() -> None:
    """x."""
