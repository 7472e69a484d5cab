"""A confirmation that can't be given without having read what will happen."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from .errors import CommandError
from .main import REFUSED, WRONG_CONFIGURATION


def confirm(sentence: str, consequences: Sequence[str], given: str | None) -> None:
    """Asks for a sentence, unless it was given already.

    Args:
        sentence: It says what will happen.
        consequences: The same at length, one a line.
        given: What the caller gave with `--yes`.

    Raises:
        CommandError: It is another one, or nobody is there to type it.
    """
    if given is not None:
        if given != sentence:
            message = f"--yes says something else than what would happen; it has to be: {sentence!r}"
            raise CommandError(WRONG_CONFIGURATION, message, "usage")
        return
    console = Console(stderr=True, highlight=False)
    for line in consequences:
        console.print(Text(line))
    if not sys.stdin.isatty():
        message = f"nobody is there to confirm it: give --yes {sentence!r}"
        raise CommandError(WRONG_CONFIGURATION, message, "usage")
    console.print(Text.assemble("Type, to go on: ", (sentence, "bold")))
    try:
        typed = input("> ")
    except EOFError:
        typed = ""
    if typed.strip() != sentence:
        raise CommandError(REFUSED, "not confirmed: nothing was changed", "not_confirmed")


def checked_loss(given: str | None, mirror_set: str) -> dict[str, str]:
    """What a request to the API has of an accepted loss; nothing if none is accepted.

    Args:
        given: What the caller gave with `--accept-data-loss`.
        mirror_set: Name of the mirror set.

    Raises:
        CommandError: It is another sentence.
    """
    if given is None:
        return {}
    if given != (sentence := loss_sentence(mirror_set)):
        raise CommandError(WRONG_CONFIGURATION, f"--accept-data-loss needs exactly these words: {sentence!r}", "usage")
    return {"accept_data_loss": given}


def loss_sentence(mirror_set: str) -> str:
    """What a requester has to say, in these words, to have a promotion that loses records.

    Args:
        mirror_set: Name of the mirror set.
    """
    return f"I accept the loss of records that {mirror_set} has not copied"
