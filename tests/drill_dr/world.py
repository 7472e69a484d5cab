"""Everything the drill runs: AWS, the hosts of both regions, their load balancers, names and a client."""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.server import EmbeddedAws
from tests.bootstrap.lab.aws import LabAws
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.drill.load_balancer import configuration
from tests.drill.place import Place, Process
from tests.drill_dr.deployment import APPROVER, REQUESTER, ROLES, ROOT, Deployed, deploy
from tests.drill_dr.machines import HostAgent, Machines
from tests.drill_dr.network import Regions
from tests.embedded.faults import FaultyWay
from tests.embedded.names import Names
from tests.embedded.signed import Caller

SERVICE_PORT = 1972
#: AWS, beside the regions; a client, somewhere else.
AWS, CLIENT = "10.20.255.250", "10.99.0.10"
#: Of each region's load balancer: the last two numbers of its address.
_BALANCER = "128.210"
MEMBERS = ("a", "b")


class Here:
    """This process's own network namespace, which is AWS's."""

    pid = os.getpid()

    def enter(self, *_kinds: str) -> list[str]:
        """Nothing has to be done to be here."""
        return []


class World:
    """Both regions and all around them.

    Attributes:
        deployed: What stands in AWS.
        hosts: Role -> `a`, `b`, `arbiter` -> the host.
        way: Between the functions and AWS: what they ask, and which regions they can't reach.
        names: Where names lead.
        attempts: What the client did.
        network: The regions' networks.
        balancers: Role -> the address of the region's load balancer.
    """

    def __init__(self, *, scale: float, ttl: float, say: Callable[[str], None]) -> None:
        """Makes nothing yet.

        Args:
            scale: By what IRIS's waiting times are multiplied.
            ttl: For how many seconds the client keeps an answer for a name.
            say: Is told what is being done.
        """
        self._scale, self._ttl, self._say = scale, ttl, say
        self._ends = contextlib.ExitStack()
        self.attempts: list[dict[str, Any]] = []
        self.hosts: dict[str, dict[str, LabHost]] = {}
        self._agents: dict[str, HostAgent] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self._ends = ends
            self._start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.close()

    def _start(self) -> None:
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="drill-dr-")))
        self._say("starting the embedded AWS")
        self.way = self._ends.enter_context(FaultyWay())
        self.aws = self._ends.enter_context(EmbeddedAws(functions_endpoint=self.way.endpoint))
        self.way.upstream = self.aws.endpoint
        configured = self.folder / "config"
        configured.mkdir()
        self.deployed: Deployed = deploy(self.aws, configured, self._say)
        self._say("building two networks")
        ranges = {role: ".".join(each.machines["a"].address.split(".")[:2]) for role, each in self.deployed.regions.items()}
        self.lab = self._ends.enter_context(
            Lab(switch=lambda: Regions(ranges), aws=lambda switch: LabAws(switch, self.aws, self.aws.account))
        )
        self.network: Regions = self.lab._switch  # type: ignore[assignment]
        self.network.plug(Here(), AWS)  # type: ignore[arg-type]
        for role in ROLES:
            self.hosts[role] = {name: self._host(role, name) for name in ("arbiter", *MEMBERS)}
        # The DR members join a mirror that is there.
        for role in ROLES:
            self._say(f"booting arbiter and members of the {role} region from nothing")
            self.boot(role, first=True)
        self._follow(ranges)

    # Parts

    def _host(self, role: str, name: str) -> LabHost:
        region = self.deployed.regions[role]
        host = self.lab.adopt(region.machines[name], operating_system="ubuntu2404", disk_mib=1024)
        for number, (volume, purpose) in enumerate(region.volumes.get(name, [])):
            self.lab.back(volume, f"{role}-{name}-{purpose}-{number}")
        settings = host.path("/etc/fake-iris/settings.json")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"scale": self._scale}))
        return host

    def boot(self, role: str, *, first: bool = False) -> None:
        """Starts a region's hosts, which are off."""
        for host in self.hosts[role].values():
            if not first:
                host.plug_in()
            host.power_on()
        for host in self.hosts[role].values():
            if first:
                self.lab.wait_for_signal(host, seconds=240)
            else:
                host.wait_until_up()
            self._agent(host)

    def _agent(self, host: LabHost) -> None:
        """Has a host's agent ask for commands, in a new process of it."""
        if old := self._agents.pop(host.name, None):
            old.stop()
        self._agents[host.name] = HostAgent(self.aws.endpoint, host.machine.region, host)

    def _follow(self, ranges: dict[str, str]) -> None:
        self._ends.callback(lambda: [agent.stop() for agent in self._agents.values()])
        clients = {region.clients.region: region.clients for region in self.deployed.regions.values()}
        dr = self.deployed.regions["dr"]
        self.machines = Machines(dr.clients, self.aws.endpoint, self.hosts["dr"], self._agent)
        self._ends.callback(self.machines.stop)
        self._say("starting load balancers, names and the client")
        self.balancers = {role: f"{ranges[role]}.{_BALANCER}" for role in ROLES}
        own = {self.deployed.own_names[role]: self.balancers[role] for role in ROLES}
        for role in ROLES:
            self._balance(role, self.balancers[role])
        answers = self.folder / "answers.json"
        # What a region's schedule would do within a minute.
        self.look()
        self.names = Names(clients, answers)
        self._ends.callback(self.names.stop)
        self.names.start()
        place = Place(self.network, CLIENT)
        self._ends.callback(place.remove)
        program = [sys.executable, "-m", "tests.drill_dr.programs.client"]
        given = ["client", answers, json.dumps(own), self.deployed.name, SERVICE_PORT, self._ttl]
        self.client_place = place
        path = ["env", f"PYTHONPATH={ROOT}"]
        self.client = place.start([*path, *program, *map(str, given)], self.attempts.append)
        self._ends.callback(self.client.stop)

    def _balance(self, role: str, address: str) -> None:
        place = Place(self.network, address)
        self._ends.callback(place.remove)
        group = self.deployed.regions[role].group
        file = self.folder / f"{role}.cfg"
        file.write_text(configuration({(address, SERVICE_PORT): group}, str(self.folder / f"{role}.sock")))
        process: Process = place.start(["haproxy", "-db", "-f", file])
        self._ends.callback(process.stop)

    # What is done in a drill

    def look(self) -> None:
        """Has the watch look once, as its schedule does each minute."""
        dr = self.deployed.regions["dr"].clients("lambda")
        for page in dr.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if "WATCH" in function.get("Environment", {}).get("Variables", {}):
                    dr.invoke(FunctionName=function["FunctionName"], Payload=b"{}")

    def lose(self, role: str) -> None:
        """A region is gone: its hosts without power, its network without a cable, AWS's services in it unreachable."""
        self.way.lost.add(self.deployed.regions[role].clients.region)
        self.network.cut_region(role)
        for host in self.hosts[role].values():
            host.unplug()
        off = [threading.Thread(target=host.crash) for host in self.hosts[role].values()]
        for thread in off:
            thread.start()
        for thread in off:
            thread.join()

    def bring_back(self, role: str) -> None:
        """Its network, its services and its hosts, which boot as they were left."""
        self.way.lost.discard(self.deployed.regions[role].clients.region)
        self.network.join_region(role)
        self.boot(role)

    def caller(self, role: str, person: str) -> Caller:
        """Somebody who has assumed a role, and calls the API."""
        region = self.deployed.regions["dr"].clients.region
        return Caller.assuming(self.aws, region, self.deployed.api, role, person)

    def operator(self) -> Caller:
        return self.caller(REQUESTER, "ada")

    def approver(self) -> Caller:
        return self.caller(APPROVER, "grace")

    def status(self, role: str, member: str) -> dict[str, Any]:
        """What a member's own program says of it; empty if it is off or says nothing."""
        host = self.hosts[role][member]
        if not host.is_on():
            return {}
        done = host.run("/usr/local/sbin/iris-region", "status", check=False)
        try:
            found: dict[str, Any] = json.loads(done.output)
        except ValueError:
            return {}
        return found

    def primaries(self) -> list[tuple[str, str]]:
        """Role and member of every member that says that it is primary."""
        return [
            (role, member)
            for role, hosts in self.hosts.items()
            for member in MEMBERS
            if hosts[member].is_on() and self.status(role, member).get("is_primary")
        ]

    def journal(self, role: str, member: str, first: int) -> list[str]:
        """All records of a member from a number on."""
        reader = ROOT / "tests" / "drill" / "programs" / "reader.py"
        address = self.hosts[role][member].address
        return self.client_place.run(sys.executable, reader, address, str(first)).splitlines()

    def wait(self, what: str, ready: Callable[[], Any], seconds: float) -> float:
        """Waits until something is so, and returns the time."""
        ends = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < ends, f"after {seconds:g} s still not: {what}"
            time.sleep(0.2)
        return time.monotonic()
