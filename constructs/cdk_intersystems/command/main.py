"""`cdk-intersystems`: starts the command, or says what is missing to start it."""

import sys

#: Exit codes, as of `python -m cdk_intersystems.configuration`.
OK, FAILED, WRONG_CONFIGURATION = 0, 1, 2


def run() -> None:
    """Run the command; the entry point of the distribution."""
    try:
        from .application import application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "pydantic", "yaml", "click", "shellingham"):
            raise
        sys.stderr.write(f"{error.name} is not installed: pip install 'cdk-intersystems[command]'\n")
        raise SystemExit(FAILED) from None
    application()
