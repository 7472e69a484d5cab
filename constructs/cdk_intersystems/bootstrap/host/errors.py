"""The one kind of error a step ends with."""

from __future__ import annotations


class StepError(Exception):
    """A step could not be done. The message is one line: what was found, where, and what to do. Never a secret."""
