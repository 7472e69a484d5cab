"""Where things of IRIS stand on a host: as in `model/layout.py` and `model/ports.py`, which a test holds against this.

Whose they are: `steps/users.py`.
"""

from __future__ import annotations

from pathlib import Path

#: The installation directory; on a member the mount point of a volume.
INSTALLATION = Path("/irissys/sys")
MANAGER = INSTALLATION / "mgr"
MESSAGES = MANAGER / "messages.log"
#: What we keep on the volume of the installation: it goes where the instance goes. Nobody but root looks into it.
OWN = INSTALLATION / ".cdk-intersystems"

TLS = Path("/irissys/tls")
CA_FILE = TLS / "CAFile.pem"
CERTIFICATE_FILE = TLS / "CertificateFile.pem"
PRIVATE_KEY_FILE = TLS / "PrivateKeyFile.pem"

#: Here InterSystems' programs keep the list of a host's instances, and what instances share.
#: Source: UNIX, Linux, and macOS Installation, "Begin Installation".
REGISTRY = Path("/usr/local/etc/irissys")

SUPERSERVER_PORT = 1972
ISCAGENT_PORT = 2188
MIRROR_STATUS_PORT = 2189
