"""The tags by which a rebuild knows what it has done: whoever runs it again goes on from them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cdk_intersystems.model.tags import PREFIX

#: `<mirror set>/<member>/<id>`: on the member's instance while the rebuild is open, and on all that the rebuild has made.
REBUILD: Final = f"{PREFIX}rebuild"
#: The same, on the instance: the member has left the mirror, and its own journals of it are gone.
LEFT: Final = f"{PREFIX}rebuild-left"
#: The value of that tag from when the member was told to leave until it has said that it did.
LEAVING: Final = "leaving"
#: What a snapshot holds: one of the words below.
HOLDS: Final = f"{PREFIX}rebuild-holds"
#: On a new volume: `<role>/<volume that it takes the place of>`. On a copy: the snapshot that it is of.
OF: Final = f"{PREFIX}rebuild-of"
#: The member the databases are from.
SOURCE: Final = f"{PREFIX}rebuild-source"
#: On a volume that was taken out: the id of the rebuild.
REPLACED: Final = f"{PREFIX}replaced"

#: The diverged member's volumes. Never deleted here: what only that member has is nowhere else.
KEPT: Final = "diverged"
#: The source's databases, of a freeze that nobody has confirmed (yet): good for nothing.
TAKEN: Final = "unconfirmed"
#: The same, taken inside one confirmed freeze.
GOOD: Final = "source"
#: The same in the member's region.
COPY: Final = "copy"


def tags_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The tags of something that EC2 has described.

    Args:
        found: As EC2 describes it.
    """
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags") or ()}


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 takes them.

    Args:
        tags: Key -> value.
    """
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def filters(tags: Mapping[str, str | Iterable[str]]) -> list[dict[str, Any]]:
    """Filters for what has these tags.

    Args:
        tags: Key -> value.
    """
    return [{"Name": f"tag:{key}", "Values": [value] if isinstance(value, str) else list(value)} for key, value in tags.items()]
