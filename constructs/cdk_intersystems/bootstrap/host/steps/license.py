"""IRIS's licence key, from its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import iris
from ..aws import secrets
from ..context import STATE
from ..errors import StepError
from ..layout import MANAGER
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from ..context import Context

#: Source: System Administration Guide, "Activating a License Key".
KEY_FILE = MANAGER / "iris.key"

#: The version the key was last compared with its secret for: a new key comes with the next version that is applied.
_ASKED_FOR = STATE / "license"

_MODE = 0o640


def license_key(host: Context) -> None:
    """Makes sure that the licence key is the one in its secret, and that a running instance uses it.

    Without a secret the instance has the key of its image or, being an evaluation, none.

    Raises:
        StepError: The secret is missing, empty or refused.
    """
    arn, version = host.settings.secrets.license, f"{host.settings.bundle.sha256}\n"
    if not arn or (KEY_FILE.exists() and _ASKED_FOR.exists() and _ASKED_FOR.read_text(encoding="ascii") == version):
        return
    key = secrets.get_secret(host.aws, arn)
    if not key.strip():
        raise StepError(f"the secret {arn} is empty: give it the content of iris.key")
    if host.write(KEY_FILE, key, mode=_MODE, owner=f"{IRISOWNER}:{IRISUSR}"):
        instance = iris.look(host.description.instance)
        # One that hasn't become what it is to be can't be entered yet; it will be started again.
        if instance is not None and instance.is_running and iris.is_configured(host, instance):
            # Source: "Upgrading a License from the Operating System Command Line".
            iris.call(host, "##class(%SYSTEM.License).Upgrade()")
    host.write(_ASKED_FOR, version)
