"""Whether an application server works on the mirror's databases: its ECP connection.

Which member it connects to at first stands in the merge file of its first start (`instance.start_instance`). From that one
it learns the others, and the connection follows the primary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import iris, network
from ..errors import StepError
from ..layout import SUPERSERVER_PORT

if TYPE_CHECKING:
    from ..context import Context

#: States of a connection to a data server. Source: class reference, SYS.ECP.GetServerConnState; what they mean: Scalability
#: Guide, "Application Server Connection States".
_STATES = {
    -2: "unknown to IRIS",
    -1: "invalid",
    0: "being initialized",
    1: "not connected",
    2: "being established",
    3: "failed",
    4: "disabled",
    5: "normal",
    6: "in trouble",
    7: "being recovered",
}
_NORMAL, _DISABLED, _UNKNOWN = 5, 4, (-2, -1)

#: Longer than the mirror takes to authorize this server's certificate, should it be about to form.
_SECONDS = 900
#: How long IRIS may take to answer: it waits for a connection for 20 s. Source: the same guide.
_CALL_SECONDS = 60


def ecp_is_connected(host: Context) -> None:
    """Waits until this server's connection to the mirror is normal, and has it made if nobody has used it yet.

    Not in a region that waits for disaster recovery: see `instance.start_instance`.

    Args:
        host: The host.

    Raises:
        StepError: It isn't in time, or can't be; with what is known of the reason.
    """
    if network.waits_for_the_mirror(host) and not iris.is_configured(host, iris.installed(host)):
        return
    name = host.description.mirror.name
    said = iris.log_size()
    state, problem = 0, ""

    def is_decided() -> bool:
        nonlocal state, problem
        try:
            state, problem = _state(host), ""
        except StepError as error:
            # It may be starting again.
            problem = str(error)
        return not problem and state in (_NORMAL, _DISABLED, *_UNKNOWN)

    try:
        host.wait_until(f"the ECP connection to {name} to be normal", is_decided, seconds=_SECONDS, every=5)
    except StepError:
        raise StepError(f"{problem or _why_not(host, state)}{iris.complaint(said)}") from None
    if state in _UNKNOWN:
        raise StepError(f"IRIS knows no data server {name}: its merge file did not take effect")
    if state == _DISABLED:
        raise StepError(f"somebody has disabled the ECP connection to {name}: enable it in IRIS's list of data servers")


def _state(host: Context) -> int:
    answer = iris.call(host, f'Connection^%ZcdkHost("{host.description.mirror.name}")', seconds=_CALL_SECONDS)
    for line in answer.splitlines():
        if line.startswith("cdk:state "):
            return int(line.split()[1])
    raise StepError(f"IRIS does not tell the state of its ECP connection: {' '.join(answer.split())[:200] or 'no answer'}")


def _why_not(host: Context, state: int) -> str:
    mirror = host.description.mirror
    begin = f"the ECP connection to {mirror.name} is {_STATES.get(state, f'in state {state}')} after {_SECONDS:g} s"
    primary = network.primary_of(host)
    if primary is None:
        return f"{begin}: none of {', '.join(mirror.members.values())} says that it is the primary"
    address = mirror.members[primary]
    if not network.takes_connections(address, SUPERSERVER_PORT):
        return f"{begin}: the primary {primary} takes no connection at {address}, port {SUPERSERVER_PORT}"
    name = host.description.tls.subject if host.description.tls else "none"
    return (
        f"{begin}: look at the ECP application servers of {primary}: this server's certificate ({name}) has to be "
        f"authorized, ECP has to be enabled with TLS, and MaxServerConn has to admit one more server"
    )
