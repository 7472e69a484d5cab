"""How many ECP application servers a mirror set admits (`MaxServerConn`)."""

from collections.abc import Iterable
from typing import Final

#: Source: Configuration Parameter File Reference, MaxServerConn: 0 to 254.
HIGHEST_MAX_SERVER_CONN: Final = 254

#: While an Auto Scaling group replaces its instances, the old and the new ones are connected at once.
REPLACEMENT_OVERLAP: Final = 2


def needed_connections(tier_maxima: Iterable[int]) -> int:
    """The most ECP connections a mirror set's application tiers can open.

    Args:
        tier_maxima: The largest number of application servers of each tier.
    """
    return REPLACEMENT_OVERLAP * sum(tier_maxima)


def ceiling_problem(ceiling: int, tier_maxima: Iterable[int]) -> str | None:
    """Says why a ceiling on ECP clients does not fit the application tiers of a mirror set.

    One connection more than MaxServerConn restarts the data server (Scalability Guide, "Configuring an ECP server"), and its
    change needs a restart of IRIS: so it is chosen for the most there can ever be.

    Args:
        ceiling: `ecp_client_ceiling` of the mirror set.
        tier_maxima: The largest number of application servers of each of its tiers.

    Returns:
        What is wrong and what is needed, in words; `None` if the ceiling fits.
    """
    maxima = list(tier_maxima)
    needed = needed_connections(maxima)
    if not 0 <= ceiling <= HIGHEST_MAX_SERVER_CONN:
        return f"MaxServerConn of IRIS is 0 to {HIGHEST_MAX_SERVER_CONN}"
    if needed > ceiling:
        return (
            f"the application tiers can have {sum(maxima)} servers and, while they are replaced, twice as many: "
            f"needs at least {needed}, because one ECP client too many restarts the data server"
        )
    return None
