"""What a Web Gateway does with an instance: it logs in as CSPSystem and passes a request on. The real protocol isn't public.

CSPSystem its password /csp/user/page.csp      200, a line with the instance's name and the path; or 401
"""

import ssl
from typing import TYPE_CHECKING

from . import tls
from .security import matches

if TYPE_CHECKING:
    from .server import Server
    from .wire import Peer


def context(server: "Server") -> ssl.SSLContext:
    """TLS as the superserver does it (Class Reference, Security.Servers, SSLSupportLevel and SSLConfig).

    Raises:
        OSError: If it does none.
    """
    own = server.security.data["servers"][str(server.port)]
    configuration = server.security.data["ssl"].get(own["SSLConfig"])
    if not int(own["SSLSupportLevel"]) or not configuration:
        raise OSError("the superserver takes no TLS")
    made = tls.context(configuration, server=True)
    # Security.SSLConfigs, VerifyPeer: 0 asks the client for no certificate.
    if int(configuration["VerifyPeer"]) == 0:
        made.verify_mode = ssl.CERT_NONE
    return made


async def serve(server: "Server", peer: "Peer") -> None:
    """Serves one request."""
    line = await peer.line()
    name, _, rest = line.partition(" ")
    password, _, path = rest.rpartition(" ")
    user = server.security.data["users"].get(name)
    allowed = (
        server.security.enabled("%Service_WebGateway") and user and user["Enabled"] and matches(password, user["PasswordHash"])
    )
    server.log(0, f"Web Gateway at {peer.address}: {path if allowed else 'Access Denied'}")
    peer.write_line(f"200\n{server.installation.name} {path}" if allowed else "401\nAccess Denied")
