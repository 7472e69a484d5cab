"""What an image gets beside packages and users: IRIS as its kit installs it, without a host, a password or a licence.

The installation's directory is a volume on members, and a folder of the root volume on application servers. So an image keeps
the installation as an archive, which `steps/kit.py` unpacks where a host has that directory. Its passwords are random and
nobody knows them; the first start on a host sets those of the deployment.

**Never run on a licensed IRIS**: that an installation can be moved by an archive, to the same path.
"""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from .. import iris
from ..errors import StepError
from ..layout import INSTALLATION, OWN
from .kit import IMAGE, install

if TYPE_CHECKING:
    from ..context import Context

#: Packing and unpacking some GiB.
_SECONDS = 3600


def instance_into_image(host: Context) -> None:
    """Installs the instance from its kit and keeps it as an archive, unless that is there; without a kit it does nothing.

    Raises:
        StepError: The kit can't be installed, or the instance isn't where it should be.
    """
    source = host.description.kit
    if source is None:
        host.log("there is no kit: what the base image has of IRIS stays as it is")
        return
    if IMAGE.exists():
        return
    install(host, source, password=secrets.token_urlsafe(24), gateway_password=secrets.token_urlsafe(24))
    name = host.description.instance
    found = iris.look(name)
    if found is None or found.directory != INSTALLATION or not found.is_down:
        shown = f"{found.status} in {found.directory}" if found else "unknown"
        raise StepError(f"the kit {source.key} was installed, and the instance {name} is {shown}, not down in {INSTALLATION}")
    IMAGE.parent.mkdir(parents=True, exist_ok=True)
    new = IMAGE.with_name("installation.tar.new")
    packed = ["tar", "--create", "--file", str(new), "--directory", str(INSTALLATION), f"--exclude=./{OWN.name}", "."]
    host.run(packed, seconds=_SECONDS)
    # It has the hashes of passwords in it.
    new.chmod(0o600)
    new.replace(IMAGE)
    for each in INSTALLATION.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()
