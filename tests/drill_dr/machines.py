"""What AWS does with a host of the lab: turns it off and on when it is told to, and runs its commands."""

import subprocess
import threading
import time
from collections.abc import Callable

from local.clients import Clients
from tests.bootstrap.lab.lab import LabHost
from tests.embedded.agents import Agent, tell

_LOOK_SECONDS = 0.2
_COMMAND_SECONDS = 600


class HostAgent(Agent):
    """A host's agent of Systems Manager. It is asked for by AWS's own address, so that it ends with its host's network."""

    def __init__(self, endpoint: str, region: str, host: LabHost) -> None:
        self._host = host
        super().__init__(endpoint, region, host.instance_id, lambda script, _given: self._run_on_host(script))

    def _asks(self) -> bool:
        return self._host.is_on()

    def _run_on_host(self, script: str) -> tuple[int, str]:
        try:
            done = self._host.run("/bin/sh", "-c", script, check=False, seconds=_COMMAND_SECONDS)
        except (subprocess.TimeoutExpired, OSError) as error:
            return 1, str(error)
        return done.status, done.output


class Machines:
    """Instances of one region that follow their hosts.

    Attributes:
        done: When each was turned off or on: host, state, seconds of the monotonic clock.
        problem: Why a host could not be; empty while all could.
    """

    def __init__(self, clients: Clients, endpoint: str, hosts: dict[str, LabHost], changed: Callable[[LabHost], None]) -> None:
        """Begins.

        Args:
            clients: boto3's clients of the region.
            endpoint: The embedded AWS.
            hosts: Name -> host.
            changed: Is called with a host that has booted.
        """
        self.done: list[tuple[str, str, float]] = []
        self.problem = ""
        self._clients, self._endpoint, self._hosts, self._changed = clients, endpoint, hosts, changed
        self._ends = threading.Event()
        for host in hosts.values():
            self._say(host, None)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(60)

    def _say(self, host: LabHost, state: str | None) -> None:
        content = {"region": self._clients.region, "instance_id": host.instance_id}
        tell(self._endpoint, "machines", **content, **({"state": state} if state else {}))
        if state:
            self.done.append((host.name, state, time.monotonic()))

    def _states(self) -> dict[str, str]:
        ids = [host.instance_id for host in self._hosts.values()]
        pages = self._clients("ec2").get_paginator("describe_instances").paginate(InstanceIds=ids)
        return {
            each["InstanceId"]: each["State"]["Name"]
            for page in pages
            for reservation in page["Reservations"]
            for each in reservation["Instances"]
        }

    def _follow(self) -> None:
        # A host ends with the thread that has started it: this one goes on for as long as there are hosts.
        while not self._ends.wait(_LOOK_SECONDS):
            states = self._states()
            for host in self._hosts.values():
                try:
                    self._turn(host, states.get(host.instance_id, ""))
                except (AssertionError, subprocess.SubprocessError, OSError) as problem:
                    self.problem = self.problem or f"{host.name}: {problem}"

    def _turn(self, host: LabHost, state: str) -> None:
        if state == "stopping":
            power_off(host)
            self._say(host, "stopped")
        elif state == "pending":
            host.power_on()
            # AWS calls an instance running as soon as it has begun to boot.
            self._say(host, "running")
            host.wait_until_up()
            self._changed(host)


def power_off(host: LabHost) -> None:
    """Shuts a host down in good order, as StopInstances does."""
    host.run("systemctl", "poweroff", check=False)
    process = host._process
    if process is not None:
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            host.crash()
        host._process = None
