"""The timelines of a drill as one picture: for each fault a line per way to the primary, with what failed when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.drill.measure import Takeover

#: What comes later isn't shown.
_LONGEST_SECONDS = 90.0
_GOOD, _FAILED, _TAKEOVER, _ADMITS = "#b7d7b0", "#c43c39", "#222222", "#2a6fb0"


@dataclass(frozen=True)
class Row:
    """A fault's part of the picture.

    Attributes:
        fault: Its name.
        begins: When it began.
        ends: When all was well again.
        outages: Way to the primary -> from when to when writes failed.
        taken: The takeover.
    """

    fault: str
    begins: float
    ends: float
    outages: Mapping[str, Sequence[tuple[float, float]]]
    taken: Takeover | None


def draw(file: Path, rows: Sequence[Row], note: str) -> None:
    """Draws it.

    Args:
        file: Where to.
        rows: The faults.
        note: What stands below.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    heights = [len(row.outages) + 1.2 for row in rows]
    figure, places = plt.subplots(
        len(rows),
        1,
        figsize=(12, 1.2 + 0.28 * sum(heights)),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    )
    longest = min(max(row.ends - row.begins for row in rows), _LONGEST_SECONDS)
    for axes, row in zip(places[:, 0], rows, strict=True):
        ways = list(reversed(row.outages))
        for level, way in enumerate(ways):
            axes.barh(level, min(row.ends - row.begins, longest), height=0.7, color=_GOOD)
            for since, to in row.outages[way]:
                axes.barh(level, to - since, left=since - row.begins, height=0.7, color=_FAILED)
        if row.taken:
            axes.axvline(row.taken.primary - row.begins, color=_TAKEOVER, linewidth=1)
            if row.taken.admits:
                axes.axvline(row.taken.admits - row.begins, color=_ADMITS, linewidth=1, linestyle="--")
        axes.set_yticks(range(len(ways)), ways, fontsize=7)
        axes.set_title(row.fault, fontsize=9, loc="left", pad=2)
        axes.set_xlim(0, longest)
        axes.spines[["top", "right"]].set_visible(False)
    places[-1, 0].set_xlabel("seconds since the fault")
    figure.text(
        0.01,
        0.002,
        "red: writes fail; black: the other member is primary, open for users; dashed blue: its gate admits clients. " + note,
        fontsize=7,
        wrap=True,
    )
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)
