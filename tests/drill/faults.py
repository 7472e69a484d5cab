"""The faults: how each is brought about, what is to come of it, and how it is ended."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.drill.deployment import MIRROR_SET
from tests.drill.world import MEMBERS, World


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: Its name.
        about: What happens, in a few words.
        inject: Brings it about; gets the world and the member that is primary.
        takes_over: Whether the other member is to become primary.
        members_only: Whether it hits members and network alone, and not AWS's interfaces or the automation.
        during: Goes on once the other member is primary; says what it could not do.
        lasts: For how many seconds it is held when nobody takes over.
        total_outage: Whether no write is to be acknowledged until it has ended: IRIS prefers that to losing data.
        automation: Whether it is about the automation, which `polling` alone doesn't use.
        proxied: Whether requests of the function are to fail or to be late in it: without one it didn't happen.
    """

    name: str
    about: str
    inject: Callable[[World, str], None]
    takes_over: bool = True
    members_only: bool = True
    during: Callable[[World, str], str | None] | None = None
    lasts: float = 0
    total_outage: bool = False
    automation: bool = False
    proxied: bool = False


# What leads clients elsewhere: with `route_vip`, and with `listener`.
_ELB = "elbv2"
_WRITES = (("ec2", "ReplaceRoute"), (_ELB, "ModifyListener"))


def other(member: str) -> str:
    """The other failover member."""
    return MEMBERS[1 - MEMBERS.index(member)]


def _address(world: World, name: str) -> str:
    return world.hosts[name].address


def _kill_iris(world: World, primary: str) -> None:
    world.hosts[primary].run("sh", "-c", "kill -KILL $(cat /irissys/sys/mgr/ilock)")


def _freeze(world: World, primary: str) -> None:
    world.hosts[primary].freeze()


def _cut_zone(world: World, primary: str) -> None:
    world.zones.cut_zone(primary)


def _cut_members(world: World, primary: str) -> None:
    world.zones.cut(_address(world, primary), _address(world, other(primary)))


def _cut_arbiter(world: World, primary: str) -> None:
    world.zones.cut(_address(world, primary), _address(world, "arbiter"))


def _cut_both(world: World, primary: str) -> None:
    """Cuts the primary from the backup and the arbiter. Clients, AWS and the load balancer still reach it."""
    _cut_arbiter(world, primary)
    _cut_members(world, primary)


def _lose_backup_and_arbiter(world: World, primary: str) -> None:
    # At once: the primary may find neither gone before the other.
    for name in (other(primary), "arbiter"):
        world.hosts[name].unplug()
    for name in (other(primary), "arbiter"):
        world.crash(name)


def _stop_gracefully(world: World, primary: str) -> None:
    world.hosts[primary].run("systemctl", "stop", "iris.service")


def _crash(world: World, primary: str) -> None:
    world.crash(primary)


def _come_back(world: World, former: str) -> None:
    """The old primary starts again while clients work with the new one."""
    world.boot(former)


def _stale_messages(world: World, primary: str, times: int = 3) -> None:
    """Sends what the queue may deliver again, late, or in another order, and what is no message of ours at all."""
    newest = int(world.epochs()["claim"]["epoch"])
    for attempt in range(times):
        for epoch in range(newest, max(newest - 4, 0), -1):
            body = {"schema": 1, "kind": "claim", "mirror_set": MIRROR_SET, "member": primary, "epoch": epoch}
            taken = {"taken_at": "2026-01-31T10:00:00.000Z"}
            world.send({**body, **taken}, MIRROR_SET, f"{MIRROR_SET}-{epoch}-{attempt}-{time.monotonic_ns()}")
    world.send({"schema": 1, "kind": "claim", "mirror_set": "NOBODY"}, "NOBODY", f"nobody-{time.monotonic_ns()}")


def _messages_and_kill(world: World, primary: str) -> None:
    _stale_messages(world, primary)
    _kill_iris(world, primary)


def _throttle(world: World, primary: str) -> None:
    # `sequence`: so many fail, then so many pass.
    world.proxy.faults(
        {"service": "ec2", "error": {"code": "RequestLimitExceeded"}, "sequence": [2, 3]},
        {"service": _ELB, "error": {"code": "Throttling", "status": 400}, "sequence": [2, 3]},
        {"service": "dynamodb", "error": {"code": "ThrottlingException"}, "sequence": [1, 4]},
    )
    # The member's own requests go another way.
    for service in ("dynamodb", "sqs"):
        world.lab.aws.fault(service, None, "ThrottlingException", 400, times=2, host=other(primary))


def _throttle_and_kill(world: World, primary: str) -> None:
    _throttle(world, primary)
    _kill_iris(world, primary)


def _fail_routes_and_kill(world: World, primary: str) -> None:
    error = {"code": "InternalError", "status": 500}
    world.proxy.faults(*({"service": service, "operation": operation, "error": error} for service, operation in _WRITES))
    _kill_iris(world, primary)


def _routes_work_again(world: World, _former: str) -> None:
    time.sleep(5)
    world.proxy.faults()


def _slow_routes_and_kill(world: World, primary: str) -> None:
    world.proxy.faults(*({"service": service, "operation": operation, "latency": 3000} for service, operation in _WRITES))
    _kill_iris(world, primary)


def _kill_function(world: World, _former: str) -> str | None:
    """Ends the function's processes once one of them waits for a route to be written."""
    ends = time.monotonic() + 20
    writes = {operation for _, operation in _WRITES}
    # A route that was written has been answered 3 s later; the second of several is under way when the first one's fault shows.
    while not any(each["operation"] in writes for each in world.proxy.fired()) and time.monotonic() < ends:
        time.sleep(0.1)
    world.proxy.faults()
    ended = 0
    for pid in function_processes(world.deployed.function):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return None if ended else "no process of the function was there to be killed"


def function_processes(function: str) -> list[int]:
    """The processes that run a deployed function now."""
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _zone_and_throttle(world: World, primary: str) -> None:
    _throttle(world, primary)
    _cut_zone(world, primary)


FAULTS = (
    Fault("kill IRIS", "the primary's instance dies", _kill_iris),
    Fault("freeze host", "the primary's host stands still, its kernel answers on", _freeze),
    Fault("cut one AZ", "the primary's zone is cut from the region", _cut_zone),
    Fault("cut member-member", "members don't reach each other", _cut_members, takes_over=False, lasts=15),
    Fault("cut member-arbiter", "the primary doesn't reach the arbiter", _cut_arbiter, takes_over=False, lasts=12),
    Fault("cut both", "the primary reaches neither backup nor arbiter; clients still reach it", _cut_both),
    Fault(
        "lose backup and arbiter",
        "both at once: the primary stops, as IRIS documents",
        _lose_backup_and_arbiter,
        takes_over=False,
        lasts=15,
        total_outage=True,
    ),
    Fault("graceful stop", "iris stop on the primary", _stop_gracefully),
    Fault("old primary returns", "power cut, takeover, and then it starts again", _crash, during=_come_back),
    Fault(
        "messages again, late, out of order",
        "old claims and rubbish in the queue before and after the primary's instance dies",
        _messages_and_kill,
        members_only=False,
        during=_stale_messages,
        automation=True,
    ),
    Fault(
        "AWS throttles",
        "EC2 and DynamoDB refuse many requests, of function and member, while the primary's instance dies",
        _throttle_and_kill,
        members_only=False,
        proxied=True,
        automation=True,
    ),
    Fault(
        "AWS fails",
        "EC2 can't write routes until 5 s after the takeover",
        _fail_routes_and_kill,
        members_only=False,
        proxied=True,
        during=_routes_work_again,
        automation=True,
    ),
    Fault(
        "function killed",
        "the function's processes end in the midst of writing routes",
        _slow_routes_and_kill,
        members_only=False,
        proxied=True,
        during=_kill_function,
        automation=True,
    ),
    Fault(
        "two at once",
        "the primary's zone is cut while AWS throttles",
        _zone_and_throttle,
        members_only=False,
        proxied=True,
        automation=True,
    ),
)
QUICK = ("kill IRIS", "cut both")


def heal(world: World) -> None:
    """Ends every fault, and has all hosts and instances run again, as a person would."""
    world.proxy.faults()
    world.lab.aws.heal()
    world.zones.heal()
    off = [name for name, host in world.hosts.items() if not host.is_on()]
    for name, host in world.hosts.items():
        host.thaw()
        host.plug_in()
        if name in off:
            host.power_on()
    for name in off:
        world.hosts[name].wait_until_up()
    world.note_pids()


def start_instances(world: World) -> bool:
    """Starts instances that don't run: of one that was forced down a person does that (HA, "Automatic Failover Rules").

    Returns:
        Whether there was one.
    """
    down = [name for name in MEMBERS if world.hosts[name].is_on() and (look := world.observed.latest(name)) and not look.status]
    for name in down:
        # Whatever of it the unit still takes for running ends first.
        world.hosts[name].start("systemctl", "restart", "iris.service")
    return bool(down)
