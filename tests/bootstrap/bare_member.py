"""A member in the lab that has nothing but what is tried on it, and an instance to look at."""

from collections.abc import Sequence
from typing import Any

from tests.bootstrap.lab.lab import Lab, LabHost

ADDRESS = "10.20.1.10"

# What `iris qlist` shows is a file, which stays as it is whatever the superserver does: as shared memory does.
_IRIS = "#!/bin/sh\nexec cat /etc/fake-qlist\n"
_QLIST = "IRIS^/irissys/sys^2025.1^{status}^iris.cpf^1972^0^53773^{health}^IRIS^Failover^{mirror_status}^/irissys/sys^1972\n"
_SUPERSERVER = """\
[Service]
ExecStart=/usr/bin/python3 -I -c 'import socketserver; \\
  echo = lambda self: [self.wfile.write(line) for line in self.rfile]; \\
  h = type("H", (socketserver.StreamRequestHandler,), dict(handle=echo)); \\
  s = type("S", (socketserver.ThreadingTCPServer,), dict(allow_reuse_address=True, daemon_threads=True)); \\
  s(("", 1972), h).serve_forever()'
"""


class BareMember:
    """The member, set up by some steps alone, with an `iris` that shows what it is told to and a superserver that echoes.

    Attributes:
        lab: The lab.
        host: Its host.
    """

    def __init__(self, lab: Lab, *, prepare: Sequence[str], **host: Any) -> None:
        """Sets it up.

        Args:
            lab: The lab.
            prepare: The steps by which.
            host: What is special about its host: see `Lab.host`.
        """
        self.lab = lab
        lab.only_steps("member", prepare=list(prepare))
        self.host: LabHost = lab.host(name="a", address=ADDRESS, **{"description": lab.description("member"), **host})
        for path, content, mode in (
            ("/usr/local/bin/iris", _IRIS, 0o755),
            ("/etc/systemd/system/superserver.service", _SUPERSERVER, 0o644),
        ):
            file = self.host.path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            file.chmod(mode)
        self.shows("Backup")
        self.host.boot()
        lab.wait_for_signal(self.host)
        self.host.run("systemctl", "start", "superserver.service")

    def shows(self, mirror_status: str, health: str = "ok", status: str = "running, since Sun Nov 22 10:00:00 2026") -> None:
        """Has `iris qlist` show something from now on."""
        file = self.host.path("/etc/fake-qlist")
        new = file.with_suffix(".new")
        new.write_text(_QLIST.format(mirror_status=mirror_status, health=health, status=status))
        new.replace(file)
