"""What a check finds."""

from dataclasses import asdict, dataclass

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check finds.

    Args:
        result: `ok`; `warning`: it would go; `failed`: it would not; `unknown`: AWS doesn't say, to these credentials.
        says: What was found, and what to do if it isn't well.
        check: Name of the check; given where all are made.
        region: The region it is about; empty for all.
    """

    result: str
    says: str
    check: str = ""
    region: str = ""

    def as_json(self) -> dict[str, str]:
        """As plain values."""
        return asdict(self)


def ok(says: str) -> Finding:
    """It is well."""
    return Finding(OK, says)


def warning(says: str) -> Finding:
    """It would go."""
    return Finding(WARNING, says)


def failed(says: str) -> Finding:
    """It would not go."""
    return Finding(FAILED, says)


def unknown(says: str) -> Finding:
    """It isn't known."""
    return Finding(UNKNOWN, says)
