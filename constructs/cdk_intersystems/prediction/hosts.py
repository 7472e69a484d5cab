"""Hosts, and what lies between them."""

from typing import Literal

from .clock import Clock, Process, Signal, Task

HostState = Literal["up", "frozen", "down"]


class Host:
    """One machine.

    Args:
        clock: The clock.
        name: Its name, e.g. `a`, `b`, `arbiter`.
        zone: Its Availability Zone.
    """

    def __init__(self, clock: Clock, name: str, zone: str) -> None:
        self.name = name
        self.zone = zone
        self.state: HostState = "up"
        self._clock = clock
        self._tasks: list[Task] = []

    @property
    def up(self) -> bool:
        """Whether it runs and answers."""
        return self.state == "up"

    def start(self, process: Process) -> Task:
        """Start a process that stands still while the host is frozen and dies when it goes down."""
        task = self._clock.start(process)
        self._tasks = [each for each in self._tasks if not each.done]
        if not task.done:
            self._tasks.append(task)
            if self.state == "frozen":
                task.freeze()
        return task

    def lose(self) -> None:
        """Power off."""
        self.state = "down"
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.kill()

    def freeze(self) -> None:
        """Everything on it stands still, its kernel too: nothing is answered, nothing is closed."""
        if self.state == "up":
            self.state = "frozen"
            for task in self._tasks:
                task.freeze()

    def thaw(self) -> None:
        """It goes on where it stood."""
        if self.state == "frozen":
            self.state = "up"
            for task in list(self._tasks):
                task.thaw()

    def boot(self) -> None:
        """Power on; nothing runs on it yet."""
        if self.state == "down":
            self.state = "up"


class Network:
    """Which hosts reach each other.

    Args:
        clock: The clock.
    """

    def __init__(self, clock: Clock) -> None:
        self.hosts: dict[str, Host] = {}
        self.changed = Signal()
        self._clock = clock
        self._cut: set[frozenset[str]] = set()

    def add(self, name: str, zone: str) -> Host:
        """A host more."""
        host = self.hosts[name] = Host(self._clock, name, zone)
        return host

    def reaches(self, one: str, other: str) -> bool:
        """Whether both answer and packets pass between them. A name that is no host's (`client`) always answers."""
        for name in (one, other):
            host = self.hosts.get(name)
            if host is not None and not host.up:
                return False
        return frozenset((one, other)) not in self._cut

    def cut(self, *links: tuple[str, str]) -> None:
        """No packet passes between these any more, in neither direction."""
        self._cut.update(frozenset(link) for link in links)
        self.changed.fire()

    def join(self, *links: tuple[str, str]) -> None:
        """Packets pass again; of no link named: everywhere."""
        self._cut = self._cut - {frozenset(link) for link in links} if links else set()
        self.changed.fire()

    def lose(self, *names: str) -> None:
        """Power off these hosts at once."""
        for name in names:
            self.hosts[name].lose()
        self.changed.fire()

    def freeze(self, name: str) -> None:
        """Let a host stand still."""
        self.hosts[name].freeze()
        self.changed.fire()

    def thaw(self, name: str) -> None:
        """Let a host go on."""
        self.hosts[name].thaw()
        self.changed.fire()

    def boot(self, name: str) -> None:
        """Power on a host."""
        self.hosts[name].boot()
        self.changed.fire()

    def lose_zone(self, zone: str) -> None:
        """Power off everything in a zone."""
        self.lose(*(host.name for host in self.hosts.values() if host.zone == zone))
