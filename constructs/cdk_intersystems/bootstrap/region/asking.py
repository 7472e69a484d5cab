"""How `iris-region` speaks to the instance: through %ZcdkRegion, whose answers are lines that begin with `cdk:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Sequence

from ..host import iris
from ..host.errors import StepError

if TYPE_CHECKING:
    from ..host.context import Context

_MARK = "cdk:"
_ROUTINE = "ZcdkRegion"
#: A promotion asks agents that may not be there, each until its time is over, and fetches journals.
MOVE_SECONDS = 300.0
ASK_SECONDS = 30.0


class RefusedError(Exception):
    """What was asked for is not to be done now.

    Args:
        message: Why, in one line, for whoever asked.
        unavailable: The members whose agents did not answer, if it is refused for that. Default: it isn't.
    """

    def __init__(self, message: str, unavailable: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.unavailable = tuple(unavailable)


def load(host: Context) -> None:
    """Loads the routine, which a bundle may have brought in another version.

    Raises:
        StepError: IRIS can't be entered.
    """
    iris.load(host, f"{_ROUTINE}.mac")


def call(host: Context, what: str, seconds: float = MOVE_SECONDS) -> Dict[str, List[str]]:
    """Calls an entry point.

    Args:
        host: The host.
        what: The entry point and its literal arguments: `Promote("all")`.
        seconds: How long it may take.

    Returns:
        First word of each line -> what else stands in those lines.

    Raises:
        StepError: The routine isn't there, or IRIS can't be entered.
    """
    label, bracket, rest = what.partition("(")
    output = iris.call(host, f"{label}^%{_ROUTINE}{bracket}{rest}", seconds=seconds)
    found: Dict[str, List[str]] = {}
    for line in output.splitlines():
        if line.startswith(_MARK):
            word, _, value = line[len(_MARK) :].partition(" ")
            found.setdefault(word, []).append(value.strip())
    if not found:
        shown = " ".join(output.split())[:200] or "nothing"
        raise StepError(f"IRIS answered {label}^%{_ROUTINE} with {shown!r}")
    return found


def problem(answer: Dict[str, List[str]]) -> str:
    """What IRIS refused, in one line; empty if it is done."""
    if "error" in answer:
        return " ".join(answer["error"][0].split())[:300] or "IRIS refused it and doesn't say why"
    return "" if "done" in answer else "IRIS didn't say that it is done"
