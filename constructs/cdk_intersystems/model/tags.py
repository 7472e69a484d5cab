"""The tags this library marks resources with. Instances find their volumes and each other by them, so they never change."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "cdk-intersystems:"
"""Every tag of ours begins so; a user's own tag can't."""

DEPLOYMENT: Final = f"{PREFIX}deployment"
"""Name of the deployment."""

MIRROR_SET: Final = f"{PREFIX}mirror-set"
"""Name of the mirror set a member, its volumes and its arbiter belong to."""

MEMBER: Final = f"{PREFIX}member"
"""`a`, `b` or `arbiter`."""

VOLUME: Final = f"{PREFIX}volume"
"""What a member's volume holds: `installation`, `data`, `wij`, `journal` or `alternate-journal`."""

TIER: Final = f"{PREFIX}tier"
"""Name of the application or web tier an instance belongs to."""
