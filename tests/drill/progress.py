"""What a person sees while the drill runs."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from tests.drill.results import Run


class Progress:
    """One line that changes, and one for each fault that stays.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._title = "setting up"
        self._status = Status("", console=console)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._status.stop()

    def title(self, title: str) -> None:
        """What is done from now on."""
        self._title = title

    def say(self, what: str) -> None:
        """What is done in particular."""
        seconds = time.monotonic() - self._began
        line = f"{seconds:5.0f} s  {self._title}: {what}"
        if self._console.is_terminal:
            self._status.update(line)
        elif not what.startswith("deploying:"):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def done(self, fault: str, runs: Sequence[Run]) -> None:
        """A fault and what came of it."""
        outages = ", ".join(f"{run.strategy} {run.outage_s:.1f} s" for run in runs)
        broken = sorted({each for run in runs for each in run.invariants_broken})
        self._console.print(
            f"{fault}: {outages}{'; BROKEN: ' + '; '.join(broken) if broken else ''}", markup=False, soft_wrap=True
        )
