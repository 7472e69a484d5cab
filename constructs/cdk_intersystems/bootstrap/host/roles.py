"""Which steps a host of each role does, in their order.

Prepare: at each start, before the ISCAgent and IRIS. Serve: after them, until it has succeeded once with a version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Tuple

from .steps.agent import agent, agent_answers
from .steps.call_out import call_out, takeover_routine
from .steps.certificates import certificates
from .steps.clock import clock
from .steps.discovery import discovery
from .steps.ecp import ecp_is_connected
from .steps.gate import gate
from .steps.host_name import host_name
from .steps.image import instance_into_image
from .steps.instance import instance_unit, start_instance
from .steps.kernel import kernel
from .steps.kit import agent_kit, kit
from .steps.leaving import leaving
from .steps.license import license_key
from .steps.limits import limits
from .steps.local_storage import local_storage
from .steps.logs import logs
from .steps.mirror import authorize_peers, claim, mirror_is_ready, start_member
from .steps.packages import packages
from .steps.region import region
from .steps.responder import responder
from .steps.schedules import schedules
from .steps.users import users
from .steps.volumes import volumes
from .steps.web_gateway import gateway_password, web_gateway
from .steps.web_server import pages_answer, web_server

if TYPE_CHECKING:
    from .context import Context

Step = Callable[["Context"], None]
Steps = Dict[str, Tuple[Step, ...]]

PREPARE: Steps = {
    "member": (
        host_name,
        packages,
        users,
        kernel,
        limits,
        clock,
        volumes,
        kit,
        license_key,
        certificates,
        gate,
        responder,
        call_out,
        agent,
        region,
        instance_unit,
        schedules,
        logs,
    ),
    "arbiter": (host_name, packages, users, limits, clock, agent_kit, agent, logs),
    "application": (
        host_name,
        packages,
        users,
        kernel,
        limits,
        clock,
        local_storage,
        kit,
        license_key,
        certificates,
        instance_unit,
        schedules,
        leaving,
        logs,
    ),
    "web": (
        host_name,
        packages,
        limits,
        clock,
        users,
        certificates,
        web_gateway,
        gateway_password,
        discovery,
        web_server,
        schedules,
        leaving,
        logs,
    ),
}

#: What an image has already, which hosts of several roles may start from: one for all that run IRIS or its agent, one for
#: web servers. Nothing that tells hosts apart, and nothing secret.
IMAGE: Steps = {
    "member": (packages, users, limits, instance_into_image),
    "web": (packages, limits, users, web_gateway),
}

SERVE: Steps = {
    "member": (agent_answers, claim, start_member, takeover_routine, authorize_peers, mirror_is_ready),
    "arbiter": (agent_answers,),
    "application": (start_instance, ecp_is_connected),
    "web": (pages_answer,),
}
