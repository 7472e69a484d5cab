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

SIGNAL: Final = f"{PREFIX}signal"
"""On an instance: `<stack name>/<logical id>`, the resource whose creation waits for the instance's signal."""

BUNDLE: Final = f"{PREFIX}bundle"
"""On a tier's servers: the version of the bundle their launch template was made with, so that a new one replaces them."""

RUNBOOK: Final = f"{PREFIX}runbook"
"""On a member's instance: that the automation of its mirror set may run commands on it."""

SUBNETS: Final = f"{PREFIX}subnets"
"""On a route table: the tier whose subnets use it. The router leads clients' tables first."""

ELSEWHERE: Final = f"{PREFIX}elsewhere"
"""On the security groups of a mirror: its members and arbiter in another place, as `<name>=<address>`, with spaces between."""

PROBED_FROM: Final = f"{PREFIX}probed-from"
"""On the members' security group: the ranges of the DR region from which they are asked for their mirror status."""
