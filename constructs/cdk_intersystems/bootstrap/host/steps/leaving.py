"""How a server of a tier leaves when Auto Scaling takes it: it stops its work, and then lets Auto Scaling go on."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, Mapping

from ...first_boot import Metadata
from .. import iris, services
from ..aws import autoscaling
from ..errors import StepError

if TYPE_CHECKING:
    from ..context import Context

SERVICE = "cdk-host-leave.service"
_IRIS, _SERVE = "iris.service", "cdk-host-serve.service"

#: Where Auto Scaling says what is to become of an instance, and what it says of one that is to go.
#: Source: Amazon EC2 Auto Scaling User Guide, "Retrieve the target lifecycle state through instance metadata".
_WANTED, _TO_GO = "meta-data/autoscaling/target-lifecycle-state", "Terminated"
_LOOK_EVERY_SECONDS = 5.0

#: How often the hook is told to wait on: far more often than the shortest time-out that a hook may have, 30 s.
#: Source: Amazon EC2 Auto Scaling API Reference, PutLifecycleHook, HeartbeatTimeout.
_HEARTBEAT_SECONDS = 10.0
#: How long IRIS may take to stop: longer than its unit gives it. Then the server goes all the same, and the data server rolls
#: back what was open.
_STOP_SECONDS = 960.0


def leaving(host: Context) -> None:
    """Has a server of a tier wait for being told to go.

    Args:
        host: The host.
    """
    if host.description.lifecycle_hook:
        services.install(host, host.code(f"units/{SERVICE}"))
        services.keep_running(host, SERVICE)


def leave(host: Context) -> None:
    """Waits until Auto Scaling wants this server to go, then leaves: `cdk-host leave`.

    Whatever of it is done already is found and not done again: the work may have been stopped by hand, and the hook may have
    been completed, or its time be over.

    Args:
        host: The host.

    Raises:
        StepError: AWS refused something. Its unit starts this again.
    """
    metadata = Metadata()
    while not _is_to_go(host, metadata):
        time.sleep(_LOOK_EVERY_SECONDS)
    host.log("Auto Scaling wants this server to go")
    group = autoscaling.group_of(host.aws, host.me.instance_id)
    with _hook_kept_waiting(host, group):
        try:
            _STOP[host.description.role](host)
        except StepError as error:
            host.log(f"it goes all the same: {error}")
    if group:
        autoscaling.complete_lifecycle(host.aws, host.description.lifecycle_hook, group, host.me.instance_id)
    host.log("left")


def _is_to_go(host: Context, metadata: Metadata) -> bool:
    try:
        return metadata.get(_WANTED) == _TO_GO
    except StepError as error:
        host.log(str(error))
        return False


@contextmanager
def _hook_kept_waiting(host: Context, group: str) -> Iterator[None]:
    done = threading.Event()

    def keep_waiting() -> None:
        while group and not done.wait(_HEARTBEAT_SECONDS):
            try:
                autoscaling.heartbeat(host.aws, host.description.lifecycle_hook, group, host.me.instance_id)
            except StepError as error:
                host.log(str(error))

    beating = threading.Thread(target=keep_waiting, daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join()


def _stop_iris(host: Context) -> None:
    """Stops IRIS, however it was started."""
    # What would start it again, should it be under way.
    host.run(["systemctl", "stop", _SERVE], check=False)
    host.run(["systemctl", "stop", _IRIS], check=False, seconds=_STOP_SECONDS)
    found = iris.look(host.description.instance)
    if found is not None and not found.is_down:
        host.run(iris.as_owner("iris", "stop", host.description.instance, "quietly"), seconds=_STOP_SECONDS)


def _stop_web_server(host: Context) -> None:
    # Of no use to an application server, which waits with what was loaded for months.
    from .web_server import stop_gracefully

    stop_gracefully(host)


_STOP: Mapping[str, Callable[[Context], None]] = {"application": _stop_iris, "web": _stop_web_server}
