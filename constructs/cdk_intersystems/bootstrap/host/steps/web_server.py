"""Apache on a web server: its configuration, the region's responder, whether pages are answered, and how it leaves."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import network, services
from ..apache import (
    CERTIFICATE,
    CONFIGURATION,
    ETC,
    GATEWAY_BIN,
    REGION_STATUS_PATH,
    REGION_STATUS_PORT,
    RUN,
    STATUS_PATH,
    Distribution,
    distribution,
    render,
    unit,
)
from ..context import SETTINGS
from ..csp_ini import path_problem
from ..errors import StepError
from ..layout import CERTIFICATE_FILE, PRIVATE_KEY_FILE
from .discovery import known_servers

if TYPE_CHECKING:
    from ..context import Context

SERVICE = "web-server.service"
REGION_SERVICE = "region-status.service"

#: What it runs with, which differs from the configuration only while a reload is due; see units/web-server.service.
APPLIED = Path(RUN) / "applied"
#: While it is there, the load balancer is told that this server leaves.
LEAVING = Path(RUN) / "leaving"

#: Longer than the load balancer takes to notice: three checks, one every 10 s; see csp_web_tier/load_balancer.py.
LEAVING_SECONDS = 35.0

#: How long application servers or members may take to be there: they may be installing themselves.
_PAGES_SECONDS = 1800
#: What nobody has: IRIS answers that there is no such page, and has been reached.
_NO_PAGE = "cdk-intersystems-is-iris-there.csp"


def web_server(host: Context) -> None:
    """Makes Apache serve, with a configuration that was tested before it replaced the former one.

    It is reloaded only if the configuration or a file it is loaded with changed, and then requests under way are answered.

    Args:
        host: The host.

    Raises:
        StepError: Apache refuses the configuration, or doesn't start. What served before still does.
    """
    packaged = distribution(host.description.operating_system)
    _configure(host, packaged)
    _make_room(host, packaged)
    host.write(services.UNITS / SERVICE, unit(host.code(f"units/{SERVICE}").read_text(encoding="utf-8"), packaged))
    ran = services.keep_running(host, SERVICE)
    if ran and (not APPLIED.exists() or APPLIED.read_bytes() != Path(CONFIGURATION).read_bytes()):
        host.run(["systemctl", "reload", SERVICE])
    LEAVING.unlink(missing_ok=True)
    members = " ".join(host.description.mirror.members.values())
    changed = host.write(SETTINGS / "region-status.env", f"PORT={REGION_STATUS_PORT}\nMEMBERS={members}\n")
    changed = services.install(host, host.code(f"mirror_status/{REGION_SERVICE}")) or changed
    if services.keep_running(host, REGION_SERVICE) and changed:
        host.run(["systemctl", "restart", REGION_SERVICE])


def pages_answer(host: Context) -> None:
    """Waits until a page comes all the way from IRIS: Apache, Web Gateway, and one of the servers behind it.

    In a region that waits for disaster recovery that is as far as the status pages.

    Args:
        host: The host.

    Raises:
        StepError: It didn't come in time.
    """
    web = host.description.web
    assert web is not None
    waits = network.waits_for_the_mirror(host)
    if web.application_tier and not waits:
        what = f"an application server of the tier {web.application_tier}"
        host.wait_until(what, lambda: bool(known_servers()), seconds=_PAGES_SECONDS, every=5)
    host.wait_until(f"{STATUS_PATH} of this web server", lambda: status_of(STATUS_PATH) == 200, seconds=60)
    host.wait_until(f"{REGION_STATUS_PATH} of this web server", lambda: status_of(REGION_STATUS_PATH) in (200, 503), seconds=60)
    if waits:
        host.log("no member in this region is primary: its pages answer when one is")
        return
    path = f"{web.paths[0]}/{_NO_PAGE}"
    host.wait_until(f"an answer of IRIS to {path}", lambda: 0 < status_of(path) < 500, seconds=_PAGES_SECONDS, every=5)


def stop_gracefully(host: Context, seconds: float = LEAVING_SECONDS) -> None:
    """Stops serving without refusing a request: first the load balancer is told, then requests under way are answered.

    Args:
        host: The host.
        seconds: How long the load balancer is given to send nothing any more.
    """
    if APPLIED.exists():
        LEAVING.touch()
        host.log(f"telling the load balancer for {seconds:g} s that this web server leaves")
        time.sleep(seconds)
    host.run(["systemctl", "stop", SERVICE], seconds=120)


def status_of(path: str) -> int:
    """The status this web server answers a path with; 0 if it doesn't."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is this host that answers, with a certificate of its own.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", 443, timeout=70, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _configure(host: Context, packaged: Distribution) -> None:
    web = host.description.web
    assert web is not None
    if (problem := path_problem(web.paths)) is not None:
        raise StepError(f"the web tier can't be configured: {problem}")
    Path(ETC, "root").mkdir(parents=True, exist_ok=True)
    _take_certificate(host)
    text = render(
        host.code("web/httpd.conf").read_text(encoding="utf-8"),
        packaged,
        server_name=web.server_name,
        paths=web.paths,
        digests={path: hashlib.sha256(_content(path)).hexdigest() for path in (CERTIFICATE, f"{GATEWAY_BIN}/CSPa24.so")},
    )
    path = Path(CONFIGURATION)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    candidate = path.with_suffix(".candidate")
    host.write(candidate, text)
    Path(RUN).mkdir(exist_ok=True)
    try:
        host.run([packaged.program, "-f", str(candidate), "-t"])
    except StepError as error:
        raise StepError(f"Apache refuses its new configuration, the former one stays: {error}") from None
    candidate.replace(path)


def _take_certificate(host: Context) -> None:
    """Takes the host's certificate and key, if they belong together.

    Apache's own test doesn't look at them, and an Apache that is reloaded with a wrong key ends. They may not belong together
    while they are being renewed, or when that was interrupted.
    """
    both = _content(str(CERTIFICATE_FILE)) + _content(str(PRIVATE_KEY_FILE))
    if Path(CERTIFICATE).is_file() and Path(CERTIFICATE).read_bytes() == both:
        return
    candidate = Path(CERTIFICATE).with_suffix(".candidate")
    host.write(candidate, both.decode(), mode=0o600)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(candidate)
    except ssl.SSLError as error:
        candidate.unlink()
        pair = f"{CERTIFICATE_FILE} and {PRIVATE_KEY_FILE.name}"
        raise StepError(f"{pair} don't belong together, the former ones stay: {error.reason}") from None
    candidate.replace(CERTIFICATE)


def _make_room(host: Context, packaged: Distribution) -> None:
    """Takes port 443 from the distribution's own web server, which packages start."""
    mask = services.UNITS / packaged.unit
    if not mask.is_symlink() or str(mask.readlink()) != "/dev/null":
        host.run(["systemctl", "mask", "--now", packaged.unit])


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StepError(f"the web server needs {path}: {error.strerror}") from None
