"""Everything the drill runs: AWS, the mirror's hosts, load balancer, router, clients, and who looks at them."""

import contextlib
import csv
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.server import EmbeddedAws
from tests.bootstrap.lab.aws import LabAws
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.drill.deployment import MIRROR_SET, REGION, VIP, Deployed, deploy
from tests.drill.fault_proxy import FaultProxy, free_port
from tests.drill.load_balancer import configuration, moved
from tests.drill.measure import Observed
from tests.drill.place import Place, Process
from tests.drill.zones import Zones

_PROGRAMS = Path(__file__).with_name("programs")
SERVICE_PORT, TARGET_PORT = 1972, 11972
#: In application subnet c, with whose route table they go; the load balancer is in that zone too.
CLIENT, BALANCER = "10.20.128.200", "10.20.128.210"
#: Of the region.
AWS, ROUTER = "10.20.255.250", "10.20.255.251"
#: An overlay address that no part of the deployment knows, moved by a script.
NAIVE_VIP = "10.255.0.2"
#: What templates ship today: interval and threshold.
SLOW = (10, 3)
SLOW_PORT = 2972
MEMBERS = ("a", "b")


class Here:
    """This process's own network namespace, which is AWS's."""

    pid = os.getpid()

    def enter(self, *_kinds: str) -> list[str]:
        """Nothing has to be done to be here."""
        return []


def zone_of(address: str) -> str:
    """The zone of an address of the deployment: its range is cut into sixteen blocks, tier by tier, zone by zone."""
    first, _, third, _ = map(int, address.split("."))
    block = third // 16
    return "abc"[block % 3] if first == 10 and block < 15 else ""


class World:
    """The deployment and all around it.

    Attributes:
        observed: What clients, members and router did.
        deployed: What stands in AWS.
        hosts: `a`, `b`, `arbiter`.
        zones: The network.
        proxy: Between the functions and AWS.
        strategies: The ways to the primary, as results name them.
    """

    def __init__(self, strategies: Sequence[str], *, scale: float, baselines: bool, say: Callable[[str], None]) -> None:
        """Makes nothing yet.

        Args:
            strategies: Of the endpoint.
            scale: By what IRIS's waiting times are multiplied.
            baselines: Whether what people use today is measured beside them.
            say: Is told what is being done.
        """
        self.observed = Observed()
        self.scale = scale
        self._asked = tuple(strategies)
        self._baselines = baselines
        self._say = say
        self._ends = contextlib.ExitStack()
        self.strategies: list[str] = []
        self._naive: Process | None = None
        self._leads: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self._ends = ends
            self._start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.close()

    def _start(self) -> None:
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        self._say("starting the embedded AWS")
        port = free_port()
        self.aws = self._ends.enter_context(EmbeddedAws(functions_endpoint=f"http://127.0.0.1:{port}"))
        self.proxy = FaultProxy(port, self.aws.endpoint)
        self._ends.callback(self.proxy.stop)
        configured = self.folder / "config"
        configured.mkdir()
        self.deployed: Deployed = deploy(self.aws, configured, self._asked, self._say)
        self._say("building the network")
        self.lab = self._ends.enter_context(
            Lab(switch=lambda: Zones(zone_of), aws=lambda switch: LabAws(switch, self.aws, self.aws.account))
        )
        self.zones: Zones = self.lab._switch  # type: ignore[assignment]
        self.zones.plug(Here(), AWS)  # type: ignore[arg-type]
        self.hosts = {name: self._host(name) for name in ("arbiter", *MEMBERS)}
        self._say("booting arbiter and members from nothing")
        for host in self.hosts.values():
            host.power_on()
        for host in self.hosts.values():
            self.lab.wait_for_signal(host, seconds=180)
        self.note_pids()
        self._observe()
        self._say("starting load balancer, router and clients")
        self._start_endpoints()

    # Parts

    def _host(self, name: str) -> LabHost:
        host = self.lab.adopt(self.deployed.machines[name], operating_system="ubuntu2404", disk_mib=1024)
        for number, (volume, role) in enumerate(self.deployed.volumes.get(name, [])):
            self.lab.back(volume, f"{name}-{role}-{number}")
        settings = host.path("/etc/fake-iris/settings.json")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"scale": self.scale}))
        return host

    def note_pids(self) -> None:
        """Tells the observer which processes 1 there are now."""
        for name in MEMBERS:
            (self.folder / f"pid-{name}").write_text(str(self.hosts[name].pid))

    def _observe(self) -> None:
        members = [f"{name}={self.hosts[name]._network.namespace('net')}:{self.folder / f'pid-{name}'}" for name in MEMBERS]
        command = [sys.executable, str(_PROGRAMS / "observer.py"), *members]
        self.watcher = Process(["setpriv", "--pdeathsig", "KILL", *command], self.observed.looked)
        self._ends.callback(self.watcher.stop)

    def _place(self, address: str, gateway: str = "") -> Place:
        place = Place(self.zones, address, gateway)
        self._ends.callback(place.remove)
        return place

    def _start_endpoints(self) -> None:
        self.router, self.client = self._place(ROUTER), self._place(CLIENT, ROUTER)
        self.router.forwards()
        if "route_vip" in self._asked or self._baselines:
            self._route()
        if self.deployed.groups:
            self._balance()

    def _route(self) -> None:
        vips = {VIP: 0} if "route_vip" in self._asked else {}
        if self._baselines:
            vips[NAIVE_VIP] = TARGET_PORT
        given = {
            "endpoint": self.aws.endpoint,
            "region": REGION,
            "account": self.aws.account,
            "vpc": self.deployed.vpc,
            "client": CLIENT,
            "vips": vips,
            "enter": self.router.keeper.enter("net"),
        }
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(_PROGRAMS / "vpc_router.py"), json.dumps(given)]
        self.follower = Process(command, self.observed.routes.append)
        self._ends.callback(self.follower.stop)
        if "route_vip" in self._asked:
            self._write("route_vip", VIP, SERVICE_PORT)
        if self._baselines:
            self.move_naively(self.primary())
            self._write("delete then create", NAIVE_VIP, SERVICE_PORT)

    def _balance(self) -> None:
        place = self._place(BALANCER)
        if "listener" in self._asked:
            text = self._follow_listener()
        else:
            listeners = {(BALANCER, SERVICE_PORT): self.deployed.groups[0]}
            if self._baselines:
                listeners[BALANCER, SLOW_PORT] = self.deployed.groups[0].slower("slow", *SLOW)
            text = configuration(listeners, str(self._commands))
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        self.balancer = place.start(["haproxy", "-db", "-f", file])
        self._ends.callback(self.balancer.stop)
        self._write("listener" if "listener" in self._asked else "polling", BALANCER, SERVICE_PORT)
        if self._baselines:
            self._write("polling 10 s x 3", BALANCER, SLOW_PORT)

    @property
    def _commands(self) -> Path:
        """Where HAProxy takes commands."""
        return self.folder / "haproxy.sock"

    def _follow_listener(self) -> str:
        """Has the load balancer follow the deployed listener's weights; returns HAProxy's configuration."""
        leads = self.folder / "leads.map"
        groups = self.deployed.groups
        leads.write_text(f"listener {groups[0].name}\n")
        given = {
            "endpoint": self.aws.endpoint,
            "region": REGION,
            "account": self.aws.account,
            "listener": self.deployed.listener,
            "groups": {group.arn: group.name for group in groups},
            "socket": str(self._commands),
            "map": str(leads),
        }
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(_PROGRAMS / "moved_listener.py"), json.dumps(given)]
        follower = Process(command, self._leads.append)
        self._ends.callback(follower.stop)
        return moved(BALANCER, SERVICE_PORT, groups, leads=leads, socket=self._commands)

    def _write(self, strategy: str, address: str, port: int) -> None:
        self.strategies.append(strategy)
        command = [sys.executable, _PROGRAMS / "writer.py", client_name(strategy), address, port]
        writer = self.client.start(command, lambda said: self.observed.wrote(strategy, said))
        self._ends.callback(writer.stop)

    # What is done in a drill

    def primary(self, seconds: float = 60) -> str:
        """The member that is primary, waited for a bounded time."""
        ends = time.monotonic() + seconds
        while True:
            found = [name for name in MEMBERS if (look := self.observed.latest(name)) and look.status == "Primary"]
            if len(found) == 1:
                return found[0]
            assert time.monotonic() < ends, f"after {seconds:g} s there are {len(found)} primaries; {self.seen()}"
            time.sleep(0.05)

    def seen(self) -> str:
        """What is known of the members now."""
        return "; ".join(str(self.observed.latest(name)) for name in MEMBERS)

    def move_naively(self, member: str) -> None:
        """Has a script lead the second overlay address to a member, as a script started by the takeover does."""
        if not self._baselines:
            return
        given = [self.aws.endpoint, REGION, self.aws.account, self.deployed.vpc, NAIVE_VIP, self.hosts[member].instance_id]
        self._naive = Process(["setpriv", "--pdeathsig", "KILL", sys.executable, str(_PROGRAMS / "naive.py"), *given], None)

    def boot(self, name: str) -> None:
        """Starts a host that is off."""
        self.hosts[name].plug_in()
        self.hosts[name].boot()
        self.note_pids()

    def crash(self, name: str) -> None:
        """Power cut: nobody on the network is told, as somebody would be by a kernel that lives on."""
        self.hosts[name].unplug()
        self.hosts[name].crash()
        self.note_pids()

    def routed_instance(self, vip: str) -> str | None:
        """Where the client's route table leads an overlay address; None if there is no such route, or none is followed."""
        return next((each["followed"] for each in reversed(list(self.observed.routes)) if each["vip"] == vip), None)

    def balancer_differs(self, primary: str, *, slow_too: bool = True) -> str:
        """In what the load balancer doesn't see it as it is; empty if it does.

        With polling the primary is healthy, and no other. With a listener that is moved both are, for its health checks ask
        whether a member lives; and the listener leads to the primary.

        Args:
            primary: The primary.
            slow_too: Whether the one of the baseline, which is slow to see anything, counts.
        """
        if not self.deployed.groups:
            return ""
        wanted = "target-" + self.hosts[primary].address.replace(".", "-")
        polls = "listener" not in self._asked
        assert self.balancer.runs(), f"HAProxy has ended: {self.balancer.said}"
        if not self._commands.exists():
            return "the load balancer is only starting"
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self._commands))
            asking.sendall(b"show stat\n")
            rows = b"".join(iter(lambda: asking.recv(65536), b"")).decode().lstrip("# ").splitlines()
        for row in csv.DictReader(row for row in rows if row):
            if not row["svname"].startswith("target-") or row["pxname"].endswith("-open"):
                continue
            if row["pxname"] == "slow" and not slow_too:
                continue
            is_up = row["status"].startswith("UP")
            if is_up != (not polls or row["svname"] == wanted) or "/" in row["status"]:
                return f"the load balancer {row['pxname']} has {row['svname']} as {row['status']}"
        if not polls and (not self._leads or not self._leads[-1]["leads"].endswith(wanted.removeprefix("target-"))):
            return f"the listener leads to {self._leads[-1]['leads'] if self._leads else 'nobody'}"
        return ""

    def logs(self, since: str) -> str:
        """What the members' instances and services have said, for who looks for a cause.

        Args:
            since: From when on, as journalctl takes it.
        """
        parts = []
        for name in MEMBERS:
            if self.hosts[name].is_on():
                journal = self.hosts[name].run(
                    *("journalctl", "--no-pager", "--output=short-precise", f"--since={since}"),
                    *("-u", "iris-gate", "-u", "iris-call-out", "-u", "iris", "-u", "mirror-status"),
                    check=False,
                )
                said = self.hosts[name].run("tail", "-n", "60", "/irissys/sys/mgr/messages.log", check=False)
                parts.append(f"--- {name}: messages.log\n{said.output}--- {name}: journal\n{journal.output}")
        return "".join(parts)

    def journal(self, member: str, first: int) -> list[str]:
        """All records of a member from a number on."""
        address = self.hosts[member].address
        return self.client.run(sys.executable, _PROGRAMS / "reader.py", address, str(first)).splitlines()

    def epochs(self) -> dict[str, dict[str, Any]]:
        """The two items of the route epoch table: `claim` and `routed`."""
        table = self.deployed.clients("dynamodb")
        found = {}
        for name, record in (("claim", MIRROR_SET), ("routed", f"{MIRROR_SET}#routed")):
            answer = table.get_item(TableName=self.deployed.table, Key={"record": {"S": record}}, ConsistentRead=True)
            found[name] = {key: next(iter(value.values())) for key, value in answer.get("Item", {}).items()}
        return found

    def send(self, body: dict[str, Any], group: str, once: str) -> None:
        """Puts a message into the router's queue."""
        self.deployed.clients("sqs").send_message(
            QueueUrl=self.deployed.queue,
            MessageBody=json.dumps(body),
            MessageGroupId=group,
            MessageDeduplicationId=once,
        )


def client_name(strategy: str) -> str:
    """What a strategy's client calls its records; no name begins another one."""
    return strategy.replace(" ", "_")
