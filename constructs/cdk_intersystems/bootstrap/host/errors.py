"""The one kind of error a step ends with."""

from ..first_boot import StepError

__all__ = ["StepError"]
