"""What outage a configuration lets expect: many runs of each fault, summed up."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .experiment import LONGEST, STAGES, Outcome, run
from .faults import FAULTS, Fault
from .world import BASELINES, STRATEGIES, Settings

#: Runs of each fault. A hundred give a 95th percentile that five runs stand above.
RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A distribution of seconds. None: a person is needed, at least for that part of the runs.

    Args:
        p5: Five in a hundred are shorter.
        p50: The median.
        p95: Five in a hundred are longer.
        longest: The longest.
    """

    p5: float | None
    p50: float | None
    p95: float | None
    longest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of one strategy at one fault.

    Args:
        strategy: The strategy, or what it is compared with.
        outage: Of a client that was written with failovers in mind.
        patient: Of a client that leaves everything to TCP.
        unresolved: The share of runs, 0 to 1, in which the attentive client isn't back in five minutes: a person is needed.
        stages: The share of the outage, 0 to 1, that each of `STAGES` has in the runs that ended; 0 without an outage.
    """

    strategy: str
    outage: Figures
    patient: Figures
    unresolved: float
    stages: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is expected at one fault.

    Args:
        fault: The fault's name.
        title: The fault in words.
        expected: Of each strategy, then of what it is compared with.
    """

    fault: str
    title: str
    expected: tuple[Expected, ...]

    def as_json(self) -> dict[str, Any]:
        """It as JSON has it, rounded to a tenth of a second and a hundredth of a share."""
        return {"fault": self.fault, "title": self.title, "expected": [_json(each) for each in self.expected]}


def predict(
    settings: Settings,
    faults: Sequence[Fault] = FAULTS,
    *,
    runs: int = RUNS,
    seed: int = 0,
    progress: Callable[[Fault], None] = lambda fault: None,
) -> tuple[Prediction, ...]:
    """Predict outages.

    Args:
        settings: What they depend on.
        faults: Which faults. Default: all.
        runs: Runs of each fault.
        seed: The same seed gives the same figures.
        progress: Called after each fault.

    Raises:
        ValueError: There is no run to be made.
    """
    if runs < 1:
        raise ValueError(f"make at least one run, got {runs}")
    predictions = []
    for fault in faults:
        outcomes = [run(fault, settings, f"{seed}/{number}") for number in range(runs)]
        names = [*STRATEGIES, *BASELINES]
        expected = tuple(_expected(name, [each[name] for each in outcomes]) for name in names)
        predictions.append(Prediction(fault=fault.name, title=fault.title, expected=expected))
        progress(fault)
    return tuple(predictions)


def _expected(strategy: str, outcomes: Sequence[Outcome]) -> Expected:
    ended = [outcome for outcome in outcomes if outcome.outage]
    total = sum(outcome.outage or 0.0 for outcome in ended)
    parts = [sum(outcome.stages[index] for outcome in ended) for index in range(len(STAGES))]
    return Expected(
        strategy=strategy,
        outage=figures([outcome.outage for outcome in outcomes]),
        patient=figures([outcome.patient for outcome in outcomes]),
        unresolved=sum(outcome.outage is None for outcome in outcomes) / len(outcomes),
        stages={stage: part / total if total else 0.0 for stage, part in zip(STAGES, parts, strict=True)},
    )


def figures(values: Sequence[float | None]) -> Figures:
    """The distribution of some outages, by nearest rank; those that need a person are the longest."""
    ordered: list[float | None] = [*sorted(value for value in values if value is not None)]
    ordered += [None] * (len(values) - len(ordered))

    def rank(percent: int) -> float | None:
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    return Figures(p5=rank(5), p50=rank(50), p95=rank(95), longest=ordered[-1])


def _json(expected: Expected) -> dict[str, Any]:
    def seconds(each: Figures) -> dict[str, float | None]:
        return {name: None if value is None else round(value, 1) for name, value in asdict(each).items()}

    return {
        "strategy": expected.strategy,
        "baseline": expected.strategy in BASELINES,
        "outage_s": seconds(expected.outage),
        "patient_outage_s": seconds(expected.patient),
        "unresolved": round(expected.unresolved, 2),
        "stages": {stage: round(share, 2) for stage, share in expected.stages.items()},
        "longest_watched_s": LONGEST,
    }
