"""Steps of lab members in the place of others, tested elsewhere: for volumes, for huge pages, and for the responder.

It stands on the hosts as `host/steps/places.py`. Run as a program there it is the responder: it looks at the fake's shared
memory, where the real one starts a whole `iris` four times a second.
"""

import json
import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

_UNIT = f"[Service]\nExecStart=/usr/bin/python3 -I -S {__file__}\n\n[Install]\nWantedBy=multi-user.target\n"
_PAGES, _PAGES_WANTED = Path("/proc/sys/vm/nr_hugepages"), "4000"
_SETTINGS = Path("/etc/fake-iris/settings.json")


def places(host: Any) -> None:
    """Makes the directories that volumes are mounted on, gives them to IRIS, and has the kernel say that it has huge pages."""
    if _PAGES.read_text() != _PAGES_WANTED:
        _PAGES.write_text(_PAGES_WANTED)
    for name in ("db", "wij", "jrnpri", "jrnalt"):
        place = Path("/irissys", name)
        if not place.exists():
            place.mkdir(parents=True)
            shutil.chown(place, "irisowner", "irisusr")
            place.chmod(0o775)
    Path("/irissys/sys").mkdir(exist_ok=True)
    # Of the fake: all that takes its time takes half of it.
    if not _SETTINGS.exists():
        _SETTINGS.parent.mkdir()
        _SETTINGS.write_text('{"scale": 0.5}')


def responder(host: Any) -> None:
    """Has the other member told whether this one is primary."""
    if host.write(Path("/etc/systemd/system/responder.service"), _UNIT):
        host.run(["systemctl", "enable", "--now", "--no-block", "responder.service"])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            known = json.loads(Path("/dev/shm/fake-iris-irissys-sys.json").read_text())["mirror_status"]
        except OSError:
            known = ""
        self.send_response(200 if known == "Primary" else 503)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("", 2189), _Handler).serve_forever()
