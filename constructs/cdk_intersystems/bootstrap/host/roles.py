"""Which steps a host of each role does, in their order.

Prepare: at each start, before the ISCAgent and IRIS. Serve: after them, until it has succeeded once with a version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Tuple

from .steps.host_name import host_name
from .steps.logs import logs

if TYPE_CHECKING:
    from .context import Context

Step = Callable[["Context"], None]
Steps = Dict[str, Tuple[Step, ...]]

PREPARE: Steps = {
    "member": (host_name, logs),
    "arbiter": (host_name, logs),
    "application": (host_name, logs),
    "web": (host_name, logs),
}

SERVE: Steps = {
    "member": (),
    "arbiter": (),
    "application": (),
    "web": (),
}
