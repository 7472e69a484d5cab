"""Where things stand on a host that runs IRIS: one table, for the merge files, the mounts and the steps of the bootstrap.

The names follow the convention of InterSystems Cloud Manager (`/irissys/data`, `/irissys/wij`, `/irissys/journal1`, ...),
shortened. An application server has no volumes of its own but the root volume: it uses `INSTALLATION` and `TLS` only.
"""

from collections.abc import Mapping
from typing import Final

from .storage import VolumeRole

ROOT: Final = "/irissys"

#: Where each volume of a failover member is mounted. No two are nested: a volume that is missing shows as an empty directory
#: and never as another volume's files.
MOUNT_POINTS: Final[Mapping[VolumeRole, str]] = {
    "installation": f"{ROOT}/sys",
    "data": f"{ROOT}/db",
    "wij": f"{ROOT}/wij",
    "journal": f"{ROOT}/jrnpri",
    "alternate_journal": f"{ROOT}/jrnalt",
}

#: Installation directory of the instance (`ISC_PACKAGE_INSTALLDIR`).
INSTALLATION: Final = MOUNT_POINTS["installation"]

#: The directory that ConfigMirror's `SSLDir` names, with the three files below in it. On the root volume: a host that is
#: replaced gets its certificate again.
TLS: Final = f"{ROOT}/tls"

#: Source: Configuration Parameter File Reference, ConfigMirror, SSLDir: the names are fixed.
CA_FILE: Final = f"{TLS}/CAFile.pem"
CERTIFICATE_FILE: Final = f"{TLS}/CertificateFile.pem"
PRIVATE_KEY_FILE: Final = f"{TLS}/PrivateKeyFile.pem"


def database_directory(name: str) -> str:
    """The directory of a mirrored database, the same on every member.

    Args:
        name: Name of the database.
    """
    return f"{MOUNT_POINTS['data']}/{name}"
