"""Shows that work is under way: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Self

from rich.markup import escape

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.status import Status

# Of the CLI's lines those that tell which stack is at which resource.
_EVENT = re.compile(r"^(?P<stack>\S+) \|\s*(?P<count>\d+/\d+) \|[^|]*\| (?P<status>[A-Z_]+)\s*\| \S+\s*\| (?P<what>.*)$")


class Progress:
    """The progress of one command.

    Args:
        console: Where to show it; standard error, so that standard output holds nothing but the result.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._status: Status | None = None
        self._step = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the spinner away; a second call does nothing."""
        if self._status:
            self._status.stop()
            self._status = None

    def step(self, text: str) -> None:
        """Begin a step."""
        self._step = text
        self._console.print(f"[{time.monotonic() - self._started:5.1f} s] {escape(text)}", highlight=False, markup=False)
        self._update("")

    def line(self, line: str) -> None:
        """Take a line that the CDK CLI printed: stacks that are done are shown, the rest passes by in the spinner."""
        event = _EVENT.match(line)
        if event:
            self._update(f"{event['stack']} {event['count']} {event['what']}")
        elif line.startswith("✅"):
            self.done(line.removeprefix("✅").strip())

    def done(self, what: str) -> None:
        """Say that something is done."""
        self._console.print(f"          done: {what}", highlight=False, markup=False)

    def _update(self, detail: str) -> None:
        if self._status:
            width = max(20, self._console.width - 8)
            self._status.update(escape(f"{self._step} {detail}"[:width]))
