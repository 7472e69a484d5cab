"""What ends a command, and how it is told."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec

import typer

from cdk_intersystems.configuration import ConfigurationError

from .main import FAILED, WRONG_CONFIGURATION, missing

_P = ParamSpec("_P")


class CommandError(Exception):
    """The command can't go on.

    Args:
        exit_code: The exit code.
        message: What is wrong, and what to do.
        code: One word for programs.
    """

    def __init__(self, exit_code: int, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.exit_code, self.message, self.code = exit_code, message, code


def told(command: Callable[_P, int]) -> Callable[_P, None]:
    """Tells errors in one sentence, with `--json` as JSON, and makes what the command returns the exit code."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            code = command(*args, **kwargs)
        except ConfigurationError as error:
            _end(WRONG_CONFIGURATION, "configuration", str(error), as_json=as_json)
        except CommandError as error:
            _end(error.exit_code, error.code, error.message, as_json=as_json)
        except KeyboardInterrupt:
            _end(FAILED, "interrupted", "interrupted; what is under way goes on without you: see status", as_json=as_json)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("boto3", "botocore"):
                raise
            _end(FAILED, "not_installed", missing(error.name), as_json=as_json)
        except Exception as error:
            if (message := _of_aws(error)) is None:
                raise
            _end(FAILED, "aws", message, as_json=as_json)
        if code:
            raise typer.Exit(code)

    return run


def _end(exit_code: int, code: str, message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        sys.stdout.write(json.dumps({"error": code, "message": message}, indent=2) + "\n")
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(exit_code) from None


def _of_aws(error: Exception) -> str | None:
    """An error of AWS or of the way there, in a sentence; None for any other."""
    module: Any = sys.modules.get("botocore.exceptions")
    if module is None or not isinstance(error, (module.BotoCoreError, module.ClientError)):
        return None
    if isinstance(error, (module.NoCredentialsError, module.TokenRetrievalError, module.UnauthorizedSSOTokenError)):
        return f"there are no AWS credentials ({error}): sign in, for example with aws sso login, or set AWS_PROFILE"
    return f"AWS: {error}"
