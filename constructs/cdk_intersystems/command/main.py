"""`cdk-intersystems`: starts the command, or says what is missing to start it."""

import sys

#: Exit codes. The first three are those of `python -m cdk_intersystems.configuration`.
OK, FAILED, WRONG_CONFIGURATION = 0, 1, 2
#: AWS or the region's API refused what was asked: nothing was changed.
REFUSED = 3
#: The region or the account isn't ready.
NOT_READY = 4
#: What was asked for waits for somebody's approval.
WAITING = 5

EXIT_CODES = (
    "Exit code 0: done. 1: failed. 2: the configuration, an option or a sentence can't be used. 3: refused, nothing was "
    "changed. 4: not ready. 5: it waits for an approval."
)

_EXTRA = ("typer", "rich", "pydantic", "yaml", "click", "shellingham", "boto3", "botocore")


def run() -> None:
    """Run the command; the entry point of the distribution."""
    try:
        from .application import application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(f"{missing(error.name)}\n")
        raise SystemExit(FAILED) from None
    application()


def missing(name: str | None) -> str:
    """What to do about a package that isn't installed.

    Args:
        name: Its name.
    """
    return f"{name} is not installed: pip install 'cdk-intersystems[command]'"
