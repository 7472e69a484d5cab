"""The configuration of Apache on a web server, and where it and the Web Gateway stand on each distribution.

Pure: the same host and paths give the same text. It is made of `web/httpd.conf` and `units/web-server.service`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping, Sequence

#: What Apache reads, and what it leaves while it runs.
ETC = "/etc/cdk-intersystems/web"
CONFIGURATION = f"{ETC}/httpd.conf"
#: The host's certificate and its key in one file, so that they always belong together.
CERTIFICATE = f"{ETC}/certificate.pem"
RUN = "/run/web-server"

#: Where the Web Gateway stands. Source: Web Gateway Guide, "Web Gateway Files".
GATEWAY = "/opt/webgateway"
GATEWAY_BIN = f"{GATEWAY}/bin"
GATEWAY_LOGS = f"{GATEWAY}/logs"
#: The one that the Web Gateway reads and changes, and what it was made of.
CSP_INI = f"{GATEWAY_BIN}/CSP.ini"
RENDERED_CSP_INI = f"{ETC}/CSP.ini"
MODULES = ("CSPa24.so", "CSPa24Sys.so")

#: CSPSystem's password, for the Web Gateway alone. Its own user reads it, so it can't stand among the secrets in RUN of the
#: context.
PASSWORD = f"{ETC}/csp-system-password"

#: What the load balancer asks for, and what the region's health check does.
STATUS_PATH = "/status/web-server"
REGION_STATUS_PATH = "/status/region/mirror_status.cxw"
#: Where the region's responder listens, on this host alone.
REGION_STATUS_PORT = 2190

#: Applications that come with every IRIS and are for its administrators and developers, not for users: closed unless a
#: deployment names just them as a path, and below the prefix of an instance too. Some answer without asking who it is.
#: Source: System Administration Guide, "Built-In Applications".
CLOSED = (
    "/csp/sys",
    "/csp/documatic",
    "/api/atelier",
    "/api/docdb",
    "/api/iam",
    "/api/interop-editors",
    "/api/mgmnt",
    "/api/monitor",
)

_LOADED = (
    "mpm_event",
    "unixd",
    "log_config",
    "authz_core",
    "env",
    "headers",
    "setenvif",
    "reqtimeout",
    "rewrite",
    "proxy",
    "proxy_http",
    "ssl",
)


@dataclass(frozen=True)
class Distribution:
    """How a distribution packages Apache.

    Args:
        program: The server.
        modules: Folder of its modules.
        user: The user and group its workers run as.
        unit: The distribution's own unit.
    """

    program: str
    modules: str
    user: str
    unit: str


_UBUNTU = Distribution("/usr/sbin/apache2", "/usr/lib/apache2/modules", "www-data", "apache2.service")
_RHEL = Distribution("/usr/sbin/httpd", "/usr/lib64/httpd/modules", "apache", "httpd.service")


def distribution(operating_system: str) -> Distribution:
    """How an operating system packages Apache.

    Args:
        operating_system: As in the host's description: `rhel9`, `ubuntu2404`, ...
    """
    return _RHEL if operating_system.startswith("rhel") else _UBUNTU


def render(template: str, packaged: Distribution, *, server_name: str, paths: Sequence[str], digests: Mapping[str, str]) -> str:
    """`httpd.conf`.

    Args:
        template: `web/httpd.conf`.
        packaged: How Apache is packaged.
        server_name: Its name.
        paths: The application paths.
        digests: Path -> SHA-256 of the files whose change needs a reload, so that the text changes with them.
    """
    values = {
        "digests": "\n".join(f"#   {path} {digest}" for path, digest in sorted(digests.items())),
        "etc": ETC,
        "run": RUN,
        "gateway": GATEWAY_BIN,
        "certificate": CERTIFICATE,
        "user": packaged.user,
        "server_name": server_name,
        "region_port": str(REGION_STATUS_PORT),
        "modules": "\n".join(_load(name, packaged.modules) for name in _LOADED),
        "logged_paths": "\n".join(_logged(path) for path in sorted(paths)),
        "locations": "\n".join(_locations(paths)),
    }
    return re.sub(r"#?@([a-z_]+)@", lambda found: values[found.group(1)], template)


def unit(template: str, packaged: Distribution) -> str:
    """The unit `web-server.service`.

    Args:
        template: `units/web-server.service`.
        packaged: How Apache is packaged.
    """
    values = {
        "program": packaged.program,
        "etc": ETC,
        "run": RUN,
        "gateway": GATEWAY,
        "csp_ini": CSP_INI,
        "rendered": RENDERED_CSP_INI,
    }
    return re.sub("@([a-z_]+)@", lambda found: values[found.group(1)], template)


def _load(name: str, folder: str) -> str:
    return f'<IfModule !{name}_module>\n    LoadModule {name}_module "{folder}/mod_{name}.so"\n</IfModule>'


def _logged(path: str) -> str:
    pattern = re.escape(path)
    return (
        f'SetEnvIf Request_URI "^({pattern})(?:/|$)" logged=$1/...\n'
        f'SetEnvIfNoCase Request_URI "^({pattern}/[a-z0-9_./%-]*\\.(?:csp|cls|zen|js|css))$" logged=$1'
    )


def _locations(paths: Sequence[str]) -> "list[str]":
    closed = [f"(?i)^(?:/[^/]+)?{path}(?:/|$)" for path in CLOSED]
    named = {path for path in paths if any(re.search(pattern, path) for pattern in closed)}
    # What comes later counts: what is named is open although it is among the closed ones.
    return [
        *(_open(path) for path in paths if path not in named),
        *(f'<LocationMatch "{pattern}">\n    Require all denied\n</LocationMatch>' for pattern in closed),
        *(_open(path) for path in paths if path in named),
    ]


def _open(path: str) -> str:
    return f'<Location "{path}">\n    CSP On\n    Require all granted\n</Location>'
