"""A running instance: started by `iris start`, it listens on the superserver's port until it is stopped."""

import asyncio
import fcntl
import os
import signal
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import actions, control, databases, gateway, tls
from .cpf import Document
from .ecp_client import EcpClient
from .ecp_server import EcpServer
from .files import Settings, write_json
from .installation import Installation, IrisError
from .journal import Journal, usable_directory
from .log import Log
from .member import Member
from .records import serve_data
from .security import Security
from .wire import Peer, handler

if TYPE_CHECKING:
    import subprocess

    from .objectscript.calls_event import Event


class Server:
    """The instance.

    Attributes:
        mirror: What it is in its mirror; None if it is in none.
        frozen_until: When the write daemon has to go on by itself; 0: it isn't frozen.
    """

    def __init__(self, installation: Installation, log: Log) -> None:
        self.installation = installation
        self.log = log
        self.settings = Settings()
        self.cpf = Document(installation.cpf.read_text())
        self.security = Security(installation.mgr)
        self.mirror: Member | None = None
        self.ecp_server = EcpServer(self)
        self.ecp_client = EcpClient(self)
        self.health = "ok"
        self.frozen = False
        self.started = time.strftime("%a %b %d %H:%M:%S %Y")
        self._stopping = asyncio.Event()
        self._restart = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.journal = Journal(usable_directory(self))
        # CPF, "MaxServerConn" and "MaxServers": a changed value counts after a restart.
        self.max_servers = self.cpf.number("config", "MaxServers")
        self.max_server_connections = self.cpf.number("config", "MaxServerConn")
        self.started_with = dict(self.cpf.entries("config"))
        self.events: dict[str, Event] = {}
        #: Programs that its processes run.
        self.children: set[subprocess.Popen[bytes]] = set()

    # What others ask of it

    @property
    def port(self) -> int:
        return self.cpf.number("Startup", "DefaultPort")

    @property
    def licensed(self) -> bool:
        """Whether there is a license key that allows mirroring: one that has expired doesn't (SAG 23.5; Error Reference,
        "Mirroring is unavailable for current license"). What a key looks like isn't public; here it has to hold "mirroring",
        and not "expired".
        """
        key = self.installation.mgr / "iris.key"
        text = key.read_text(errors="replace").lower() if key.is_file() else ""
        return "mirroring" in text and "expired" not in text

    def is_primary(self) -> bool:
        """Whether it is the primary of its mirror."""
        return self.mirror is not None and self.mirror.is_primary()

    def save_cpf(self) -> None:
        self.installation.cpf.write_text(self.cpf.text())

    def task(self, work: Any) -> asyncio.Task[None]:
        """Runs something beside all else, as long as the instance runs."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            import traceback

            self.log(3, "".join(traceback.format_exception(task.exception())).replace("\n", " | "), "Fake.Error")

    def show(self) -> None:
        """Writes what commands see of it without asking (it stands for shared memory)."""
        member_type, status = (self.mirror.member_type(), self.mirror.shown_status()) if self.mirror else ("", "")
        write_json(
            self.installation.shared_memory,
            {
                "pid": os.getpid(),
                "status": f"running, since {self.started}",
                "health": self.health,
                "member_type": member_type,
                "mirror_status": status,
                "superserver": self.port,
                "mirror": self.mirror.snapshot() if self.mirror else {},
                "ecp": {"server": self.ecp_server.snapshot(), "client": self.ecp_client.snapshot()},
            },
            0o666,
        )

    async def _keep_showing(self) -> None:
        while True:
            await asyncio.sleep(0.3)
            self.show()

    # Its life

    def begin_stop(self, *, restart: bool = False) -> None:
        """Begins to stop; run() ends soon."""
        self._restart = restart
        self._stopping.set()

    async def merge(self, text: str) -> None:
        """Merges a file into a running instance (Merge 7).

        Raises:
            IrisError: If it can't, with the line that failed.
        """
        document = Document(text)
        document.check(merge=True)
        self.cpf.merge(document)
        self.save_cpf()
        self._use_password_hash()
        await actions.perform(self, document.actions)
        self.ecp_client.look_again()
        self.show()

    def _use_password_hash(self) -> None:
        """CPF, "PasswordHash": for enabled accounts with a role, once in the life of an instance, which keeps the parameter."""
        value = self.cpf.get("Startup", "PasswordHash")
        if value and not self.security.data["password_hash_used"]:
            for user in self.security.data["users"].values():
                if user["Enabled"] and user["Roles"]:
                    user["PasswordHash"] = value
            self.security.data["password_hash_used"] = True
            self.security.save()

    async def run(self, ready: Any, merged: Document | None) -> bool:
        """Runs until it is stopped.

        Args:
            ready: Called when users may log in.
            merged: The merge file of `iris start`, whose actions are still to be performed.

        Returns:
            Whether it is to be started again.
        """
        accepted = handler(self._context, self._serve)
        listener = await asyncio.start_server(accepted, "0.0.0.0", self.port, limit=1 << 22)
        commands = await asyncio.start_unix_server(handler(self._context, self._command), self.installation.socket)
        if not self.licensed:
            self.log(2, "LMF Error: No valid license key. Local key file not found and LicenseID not defined.")
        self._use_password_hash()
        self.start_mirror()
        if merged:
            try:
                await actions.perform(self, merged.actions)
            except IrisError as error:
                # That startup goes on is documented for a missing file (Merge 8); for a failing one nothing public tells. Worst
                # case.
                self.log(2, f"Configuration merge failed: {error}", "Generic.Event")
        self.ecp_client.look_again()
        self.show()
        self.task(self._keep_showing())
        self.log(0, "Enabling logons", "Generic.Event")
        ready()
        await self._stopping.wait()
        if self.mirror:
            await self.mirror.shut_down()
            databases.write_back(self)
        self.ecp_client.close()
        self.ecp_server.close()
        for task in list(self._tasks):
            task.cancel()
        for child in list(self.children):
            child.terminate()
        listener.close()
        commands.close()
        (self.installation.directory / "_LastGood_.cpf").write_text(self.cpf.text())
        self.log(0, "System shutdown complete", "Generic.Event")
        return self._restart

    def start_mirror(self, *, joined: bool = False) -> None:
        """Starts mirroring if the configuration says that this is a member (CPF, "JoinMirror").

        Args:
            joined: Whether it has become one just now.
        """
        if self.cpf.get("MirrorMember", "JoinMirror") == "1" and self.mirror is None:
            self.mirror = Member(self, waits_for_restart=joined and self.settings.restart_after_joining)
            self.task(self.mirror.run())

    def _context(self, purpose: str) -> ssl.SSLContext:
        if purpose == "gateway":
            return gateway.context(self)
        if purpose == "ecp" and not self.ecp_server.tls_allowed():
            raise OSError("TLS is not enabled for ECP and for the superserver")
        name = {"mirror": "%MirrorServer", "ecp": "%ECPServer"}.get(purpose, "")
        configuration = self.security.data["ssl"].get(name)
        if not configuration:
            raise OSError(f"SSL Configuration {name} is required but missing")
        return tls.context(configuration, server=True)

    async def _serve(self, purpose: str, peer: Peer) -> None:
        if purpose == "mirror" and self.mirror:
            await self.mirror.serve(peer)
        elif purpose == "ecp":
            await self.ecp_server.serve(peer)
        elif purpose == "data":
            await serve_data(self, peer)
        elif purpose == "gateway":
            await gateway.serve(self, peer)

    async def _command(self, purpose: str, peer: Peer) -> None:
        await control.serve(self, peer)


def live(installation: Installation, merged: Document | None, notify: int) -> None:
    """What the process of the instance does, from the moment it is alone. It tells a descriptor what `iris start` has to say.

    Args:
        installation: The instance.
        merged: The merge file.
        notify: Where to write READY, or what went wrong.
    """
    log = Log(installation.mgr / "messages.log")
    lock = os.open(installation.mgr / "ilock", os.O_RDWR | os.O_CREAT, 0o664)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.fsync(lock)
    # Nothing tells that the instance ends in good order when it is killed: it doesn't.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def tell(text: str) -> None:
        os.write(notify, text.encode() + b"\n")
        os.close(notify)

    async def main() -> bool:
        return await Server(installation, log).run(lambda: tell("READY"), merged)

    try:
        restart = asyncio.run(main())
    except (IrisError, OSError) as error:
        log(3, f"Startup failed: {error}", "Generic.Event")
        tell(str(error))
        restart = False
    for left in (installation.shared_memory, installation.mgr / "iris.ids"):
        left.unlink(missing_ok=True)
    os.close(lock)
    if restart:
        iris = str(Path(__file__).parent.parent / "main.py")
        os.execv("/usr/bin/python3", ["python3", "-I", "-B", iris, "iris", "start", installation.name, "quietly"])
    sys.exit(0)
