"""The metric `MoveSeconds`: for how long a move has been under way since it was approved. The alarm MoveStuck stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .records import UNDER_WAY

if TYPE_CHECKING:
    from .records import Move
    from .settings import Settings


def tell_move_seconds(move: Move | None, now: Settings, at: float) -> None:
    """Tells it, if a move is under way that was approved.

    Args:
        move: The move. None: there is none.
        now: The function's settings.
        at: The time.
    """
    if move is None or move.state not in UNDER_WAY or move.approved_at is None:
        return
    # Without a service, which would be one more dimension of the metric.
    metrics = Metrics()
    metrics.add_dimension(name="deployment", value=now.deployment)
    metrics.add_dimension(name="mirror_set", value=now.mirror_set)
    metrics.add_metric("MoveSeconds", MetricUnit.Seconds, max(0.0, at - move.approved_at))
    metrics.flush_metrics()
    metrics.clear_metrics()
