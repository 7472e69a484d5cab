"""Follows a move on the screen until it has come so far."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .errors import CommandError
from .main import FAILED
from .moves import WORDS, Move, move_of
from .region_api import RegionApi

_POLL_SECONDS = 2.0
#: A promotion may be followed from a network that is disturbed too: so many questions in a row may go unanswered.
_UNANSWERED = 15

_STYLES = {"done": "green", "running": "bold", "failed": "bold red", "waiting": "dim"}


class Follower:
    """Shows how far a move has come.

    Args:
        api: The API.
        mirror_set: Name of the mirror set.
        quiet: Whether nothing is shown.
        sleep: Waits so many seconds.
        console: Where to show it. Default: standard error, so that the output stays the result.
    """

    def __init__(
        self,
        api: RegionApi,
        mirror_set: str,
        *,
        quiet: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        console: Console | None = None,
    ) -> None:
        self._api, self._set, self._sleep = api, mirror_set, sleep
        self._console = console or Console(file=sys.stderr, highlight=False, quiet=quiet)
        self._told: set[tuple[str, str, int]] = set()

    def until(self, move_id: str, reached: Callable[[Move], bool]) -> tuple[dict[str, Any], Move]:
        """Waits until a move has come so far, or to its end.

        Args:
            move_id: Its id.
            reached: Whether it has.

        Returns:
            The API's last answer, and the move.

        Raises:
            CommandError: Another move has taken its place, or the API can't be reached for long.
        """
        if not self._console.is_terminal or self._console.quiet:
            return self._wait(move_id, reached, self._tell)
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            return self._wait(move_id, reached, lambda move: live.update(self.picture(move, self._set)))

    def _wait(self, move_id: str, reached: Callable[[Move], bool], show: Callable[[Move], None]) -> tuple[dict[str, Any], Move]:
        unanswered = 0
        while True:
            try:
                answer = self._api.current()
            except CommandError as error:
                unanswered += 1
                if error.exit_code != FAILED or unanswered >= _UNANSWERED:
                    raise
            else:
                unanswered = 0
                move = move_of(answer, datetime.now(UTC))
                if move is not None and move.id != move_id:
                    message = f"another move ({move.kind} {move.id}) has taken its place: see status"
                    raise CommandError(FAILED, message, "another_move")
                if move is not None:
                    show(move)
                    if move.ended or reached(move):
                        return answer, move
            self._sleep(_POLL_SECONDS)

    def _tell(self, move: Move) -> None:
        """What is new, a line each: for a log."""
        if ("", move.state, 0) not in self._told:
            self._told.add(("", move.state, 0))
            self._console.print(Text(f"{WORDS.get(move.kind, move.kind)} of {self._set}: {move.state}"))
        for stage in move.stages:
            mark = (stage.name, stage.state, stage.tries)
            if stage.state != "waiting" and mark not in self._told:
                self._told.add(mark)
                self._console.print(
                    Text(f"  {stage.name}: {stage.state}{_seconds(stage.seconds, stage.state)}{_error(stage.error)}")
                )

    @staticmethod
    def picture(move: Move, mirror_set: str) -> Table:
        """The move as a table.

        Args:
            move: The move.
            mirror_set: Name of the mirror set.
        """
        table = Table(
            title=f"{WORDS.get(move.kind, move.kind)} of {mirror_set} at epoch {move.epoch}: {move.state}",
            title_justify="left",
            title_style="bold",
            box=None,
            padding=(0, 1, 0, 0),
            header_style="dim",
        )
        for head in ("step", "state", "s", ""):
            table.add_column(head, justify="right" if head == "s" else "left")
        for stage in move.stages:
            seconds = "" if stage.seconds is None else f"{stage.seconds:.0f}"
            note = f"try {stage.tries}: {stage.error}" if stage.error else ""
            table.add_row(stage.name, stage.state, seconds, Text(note, overflow="fold"), style=_STYLES[stage.state])
        return table


def _seconds(seconds: float | None, state: str) -> str:
    return f" after {seconds:.0f} s" if state == "done" and seconds is not None else ""


def _error(error: str) -> str:
    return f" ({error}); it is tried again" if error else ""
