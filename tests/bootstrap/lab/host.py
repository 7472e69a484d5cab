"""A lab host: a machine of its own as far as programs on it can tell, with a real systemd as its process 1."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bootstrap.lab import image, janitor
from tests.bootstrap.lab.disks import Disk
from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import Switch
from tests.bootstrap.lab.tree import Tree, tree_of

_BOOT = Path(__file__).with_name("root.sh")
_BOOT_SECONDS = 60
# A host that has only just been switched on may have no group yet. In a mount namespace of its own, so that hosts that are
# switched on meanwhile don't inherit the mount.
_SET_FROZEN = """
mount -t cgroup2 cgroup2 "$0"
cd "$0/$1" 2>/dev/null || exit 0
echo "$2" > cgroup.freeze
until grep -qx "frozen $2" cgroup.events || grep -qx "populated 0" cgroup.events; do sleep 0.01; done
"""
_NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--root")


@dataclass(frozen=True)
class Answer:
    """What a command on a host said."""

    status: int
    output: str
    errors: str


class Host:
    """A host of the lab.

    Its disk is this machine's root file system with a layer of its own above; its process tree, mounts, network, host name and
    control groups are its own. The kernel is shared: that is what it can't have of its own, and why it may neither set the
    clock nor load modules, and why a few of the kernel's settings are files (see root.sh).

    Attributes:
        name: Its name in the lab.
        address: Its address.
    """

    def __init__(
        self,
        lab: Keeper,
        folder: Path,
        switch: Switch,
        *,
        name: str,
        address: str,
        operating_system: str = "ubuntu2404",
        environment: Mapping[str, str] | None = None,
        user_data: bytes = b"",
        disk_mib: int = 512,
    ) -> None:
        """Makes the host, switched off.

        Args:
            lab: Who keeps the lab's mounts.
            folder: The lab's folder, in those mounts.
            switch: What it is plugged into.
            name: Its name in the lab.
            address: Its address.
            operating_system: Which one its /etc/os-release names.
            environment: Variables that every service has.
            user_data: What it runs at its first start.
            disk_mib: How much may be written to its root disk.
        """
        self.name = name
        self.address = address
        self._lab = lab
        self._lab_folder = folder
        self._folder = folder / "hosts" / name
        self._group = f"cdk-lab-{os.getpid()}-{name}"
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._disks: list[Disk] = []
        self._network = Keeper()
        self._switch = switch
        self._port = switch.plug(self._network, address)
        janitor.start()
        self._make_disk(operating_system, user_data, disk_mib)

    def _make_disk(self, operating_system: str, user_data: bytes, disk_mib: int) -> None:
        disk = self._folder / "disk"
        run([*self._lab.enter("mount"), "mkdir", "-p", disk, self._folder / "root"])
        run([*self._lab.enter("mount"), "mount", "-t", "tmpfs", "-o", f"size={disk_mib}m", f"disk-{self.name}", disk])
        self._disk = self._lab.seen_from_outside(disk)
        (self._disk / "upper").mkdir()
        (self._disk / "work").mkdir()
        image.prepare(
            self._disk / "upper",
            operating_system=operating_system,
            machine=self._group,
            environment=self._environment,
            user_data=user_data,
        )

    # Power

    def boot(self) -> None:
        """Starts it, and waits until it has started; not for its user data."""
        self.power_on()
        self.wait_until_up()

    def power_on(self) -> None:
        """Starts it and doesn't wait."""
        assert self._process is None, f"{self.name} is on"
        lines = [f"{disk.device} {disk.major} {disk.minor} {disk.link or '-'}\n" for disk in self._disks]
        (self._disk.parent / "devices").write_text("".join(lines))
        command = [
            *("setpriv", "--pdeathsig", "KILL"),
            *("nsenter", f"--mount={self._lab.namespace('mnt')}", f"--net={self._network.namespace('net')}", "--"),
            *("unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--"),
            *("/bin/sh", str(self._visible(_BOOT)), str(self._lab_folder), str(self._folder), self._group),
        ]
        log = (self._disk.parent / "console").open("wb")
        with log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _visible(self, script: Path) -> Path:
        """The script where the lab's mounts show it."""
        return script

    def wait_until_up(self) -> None:
        """Waits until systemd has started everything that it is to start."""
        ends = time.monotonic() + _BOOT_SECONDS
        while True:
            assert self.is_on(), f"{self.name} did not start: {self.console()}"
            if self.pid and Path(f"/proc/{self.pid}/comm").read_text() == "systemd\n":
                state = self.run("systemctl", "is-system-running", check=False).output.strip()
                reached = self.run("systemctl", "is-active", "multi-user.target", check=False).output.strip()
                if state in ("running", "degraded") or (state == "starting" and reached == "active"):
                    return
            assert time.monotonic() < ends, f"{self.name} has not started after {_BOOT_SECONDS} s: {self._why_not()}"
            time.sleep(0.05)

    def _why_not(self) -> str:
        if not self.pid:
            return self.console()
        jobs = self.run("systemctl", "list-jobs", "--no-pager", check=False)
        return f"{self.console()}{jobs.output}{jobs.errors}{self.journal()[-4000:]}"

    def is_on(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def console(self) -> str:
        """What was said before systemd ran."""
        return (self._disk.parent / "console").read_text(errors="replace")

    def reboot(self) -> None:
        """Reboots it in good order, and waits until it is up again."""
        self.run("systemctl", "reboot", check=False)
        assert self._process is not None
        self._process.wait(60)
        self._process = None
        self.boot()

    def crash(self) -> None:
        """Ends it at once, as a power cut."""
        if self._process is not None:
            # Process 1 lets go of its connections before the kernel ends the others. Frozen, none of them lives to see it.
            self.freeze()
            with_child = self.pid
            if with_child:
                os.kill(with_child, signal.SIGKILL)
            self._process.wait(30)
            self._process = None
            self.thaw()

    @property
    def pid(self) -> int:
        """Its process 1, as this machine numbers it; 0 while there is none."""
        if self._process is None:
            return 0
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def freeze(self) -> None:
        """Stops every process of it, as a hypervisor does; the time goes on."""
        self._set_frozen("1")

    def thaw(self) -> None:
        """Lets it go on."""
        self._set_frozen("0")

    def _set_frozen(self, state: str) -> None:
        groups = str(self._lab_folder / "groups")
        apart = ("unshare", "--mount", "--propagation", "private")
        run([*self._lab.enter("mount"), *apart, "sh", "-ec", _SET_FROZEN, groups, self._group, state])

    def unplug(self) -> None:
        """Takes it off the network."""
        self._switch.connected(self._port, False)

    def plug_in(self) -> None:
        """Puts it back on the network."""
        self._switch.connected(self._port, True)

    def remove(self) -> None:
        """Switches it off for good. Never fails for something that is gone already."""
        self.crash()
        script = 'mount -t cgroup2 cgroup2 "$0" && { find "$0/$1" -depth -type d -exec rmdir {} + ; umount "$0"; }'
        run([*self._lab.enter("mount"), "sh", "-c", script, str(self._lab_folder / "groups"), self._group], check=False)
        self._network.stop()

    def shut_in(self) -> None:
        """Has its network pass nothing on, in or out, and say so to nobody: as a security group without a rule."""
        chains = [
            f"chain {hook} {{ type filter hook {hook} priority 0; policy drop; {side} lo accept; }}\n"
            for hook, side in (("input", "iif"), ("output", "oif"))
        ]
        rules = f"table inet shut {{\n{''.join(chains)}}}\n"
        run([*self._network.enter("net"), "nft", "-f", "-"], stdin=rules)

    def copy_disk_to(self, other: "Host") -> None:
        """Gives another host, which is off, a copy of this one's root disk as it is at one moment, as a snapshot is.

        What a snapshot of a running machine lacks, the pages that are not written yet, is in the copy: the disks are in memory.
        """
        copy = ["cp", "--archive", "--reflink=never"]
        self.freeze()
        try:
            run(["rm", "-rf", other._disk / "upper"])
            run([*copy, self._disk / "upper", other._disk / "upper"])
        finally:
            self.thaw()

    # Work on it

    def command(self, *words: str | Path) -> list[str]:
        """A command of this machine that runs another one on the host."""
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        inside = ["env", "-i", path, "LANG=C.UTF-8", "HOME=/root", *variables, *map(str, words)]
        return ["nsenter", "--target", str(self.pid), *_NAMESPACES, "--wdns=/", "--", *inside]

    def run(self, *words: str | Path, stdin: str = "", check: bool = True, seconds: float = 60) -> Answer:
        """Runs a command on the host, as root.

        Args:
            words: The command.
            stdin: What it reads.
            check: Whether a status other than 0 fails the test.
            seconds: How long it may take.
        """
        done = subprocess.run(
            self.command(*words), input=stdin, capture_output=True, text=True, errors="replace", check=False, timeout=seconds
        )
        said = f"{self.name}: {' '.join(map(str, words))}: {done.returncode}: {done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, said
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str | Path) -> "subprocess.Popen[bytes]":
        """Starts a command on the host; whoever starts it waits for it."""
        return subprocess.Popen(
            self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def path(self, path: str | Path) -> Path:
        """A file of the host, for this process. It may be a link, which then leads nowhere here."""
        if self.pid:
            return Path(f"/proc/{self.pid}/root{path}")
        return self._disk / f"upper{path}"

    def wait_until(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Waits for something on the host, a bounded time.

        Args:
            what: What it is, for the message.
            ready: Whether it is there.
            seconds: How long.
        """
        ends = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < ends, f"{self.name}: waited {seconds:g} s for {what}\n{self.journal()[-6000:]}"
            time.sleep(0.1)

    # Its disks

    def attach(self, disk: Disk) -> None:
        """Gives it a volume; its device appears at once, as one of a running instance does."""
        self._disks.append(disk)
        if self.pid:
            node, by_id = f"/dev/{disk.device}", f"/dev/disk/by-id/{disk.link}"
            self.run("mknod", "-m", "660", node, "b", str(disk.major), str(disk.minor))
            if disk.link:
                self.run("ln", "-s", f"../../{disk.device}", by_id)

    def detach(self, disk: Disk) -> None:
        """Takes a volume away from a host that is off."""
        assert not self.is_on(), "a volume is taken away from a host that is off"
        self._disks.remove(disk)

    # What can be seen of it

    def files(self) -> Tree:
        """Everything that differs from this machine, and all files on its volumes."""
        mounted = []
        if self.pid:
            for line in Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines():
                fields = line.split()
                if fields[fields.index("-") + 1] in ("xfs", "ext4"):
                    mounted.append(fields[4])
        return tree_of(self._disk / "upper", {mount: self.path(mount) for mount in mounted})

    def journal(self, *options: str) -> str:
        """Its journal since its first start, messages alone."""
        return self.run("journalctl", "--no-pager", "--output=cat", *options, check=False).output

    def processes(self) -> list[int]:
        """Its processes, as this machine numbers them."""
        if not self.pid:
            return []
        ours = Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "ns" / "pid").readlink() == ours:
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


def on_all(hosts: Sequence[Host], work: Callable[[Host], None]) -> None:
    """Switches several hosts on at once and waits for each.

    Args:
        hosts: The hosts.
        work: What to do with each when all run.
    """
    for host in hosts:
        host.power_on()
    for host in hosts:
        host.wait_until_up()
        work(host)
