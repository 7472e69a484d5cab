"""How long users wait after a promotion was approved: many runs for each kind of latch, summed up."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cdk_intersystems.model.region_latch import LatchKind

from .predict import RUNS, Figures, figures
from .region_move import LONGEST, STAGES, Landed, RegionSettings, promote_once
from .two_regions import LATCH_KINDS

#: What the median is meant to be at most, seconds: with everything up while DR waits, and with capacity raised first.
TARGETS = {"warm": 120.0, "elastic": 900.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPrediction:
    """What is expected of a promotion with one kind of latch.

    Args:
        latch: The kind of latch.
        rto: Seconds from the approval until a user is served, over all users of all runs.
        sent_to_old: Seconds after DR's database had opened for which a user was still sent to the old region.
        stages: The share of the time, 0 to 1, that each of `STAGES` has.
        target: What the median is meant to be at most.
    """

    latch: LatchKind
    rto: Figures
    sent_to_old: Figures
    stages: dict[str, float]
    target: float

    @property
    def met(self) -> bool:
        """Whether the median is within the target."""
        return self.rto.p50 is not None and self.rto.p50 <= self.target

    def as_json(self) -> dict[str, Any]:
        """It as JSON has it, rounded to a tenth of a second and a hundredth of a share."""
        return {
            "latch": self.latch,
            "rto_s": _rounded(self.rto),
            "sent_to_old_s": _rounded(self.sent_to_old),
            "stages": {stage: round(share, 2) for stage, share in self.stages.items()},
            "target_p50_s": self.target,
            "target_met": self.met,
            "longest_watched_s": LONGEST,
        }


def predict_promotion(
    settings: RegionSettings,
    *,
    runs: int = RUNS,
    seed: int = 0,
    latches: Sequence[LatchKind] = LATCH_KINDS,
    progress: Callable[[LatchKind], None] = lambda kind: None,
) -> tuple[RegionPrediction, ...]:
    """Predict how long users wait after the approval of a promotion, the primary region being lost.

    Args:
        settings: What it depends on.
        runs: Runs of each kind of latch.
        seed: The same seed gives the same figures.
        latches: The kinds. Default: all.
        progress: Called after each kind.

    Raises:
        ValueError: There is no run to be made.
    """
    if runs < 1:
        raise ValueError(f"make at least one run, got {runs}")
    predictions = []
    for kind in latches:
        landed = [user for number in range(runs) for user in promote_once(kind, settings, f"{seed}/{number}")]
        predictions.append(_prediction(kind, landed, TARGETS["elastic" if settings.elastic else "warm"]))
        progress(kind)
    return tuple(predictions)


def _prediction(kind: LatchKind, landed: Sequence[Landed], target: float) -> RegionPrediction:
    ended = [user for user in landed if user.rto is not None]
    total = sum(user.rto or 0.0 for user in ended)
    parts = [sum(user.stages[index] for user in ended) for index in range(len(STAGES))]
    return RegionPrediction(
        latch=kind,
        rto=figures([user.rto for user in landed]),
        sent_to_old=figures([user.sent_to_old for user in landed]),
        stages={stage: part / total if total else 0.0 for stage, part in zip(STAGES, parts, strict=True)},
        target=target,
    )


def _rounded(each: Figures) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 1) for name, value in asdict(each).items()}
