"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"
_ORDER = (OK, WARNING, UNKNOWN, FAILED)


@dataclass(frozen=True, slots=True)
class Result:
    """What a check says.

    Args:
        result: `ok`, `warning` (it would go, less well), `failed`, or `unknown`, which is no better than failed.
        says: In one sentence, what was found, and what to do if it isn't well.
    """

    result: str
    says: str


def worst(results: Iterable[Result]) -> Result:
    """The worst of several, with all that is not well said.

    Args:
        results: At least one.
    """
    found = list(results)
    result = max((each.result for each in found), key=_ORDER.index)
    if result == OK:
        return Result(OK, found[0].says)
    return Result(result, "; ".join(each.says for each in found if each.result != OK))


def is_ready(checks: Mapping[str, Result]) -> bool:
    """Whether nothing keeps the region from taking over, as far as is known: what isn't known isn't well."""
    return bool(checks) and all(each.result in (OK, WARNING) for each in checks.values())


def guarded(check: Callable[[], Result]) -> Result:
    """What a check says; `unknown` if it couldn't look. Nothing a check meets keeps the others from being made.

    Args:
        check: Called without arguments.
    """
    try:
        result = check()
    except (ClientError, BotoCoreError) as error:
        return Result(UNKNOWN, f"AWS does not say: {error}")
    except Exception as error:
        # An answer in a form that nobody expected is no reason to check nothing.
        return Result(UNKNOWN, f"it could not be looked at: {type(error).__name__}: {error}")
    return result if isinstance(result, Result) else Result(UNKNOWN, "the check says nothing")
