"""What a merge file has on the first start alone: the log-in by operating system user, and passwords' hashes.

The bundle's file has neither. Log-in by operating system user is what the host does everything else with; later merges
leave the ways to log in as people have set them. Passwords are set by the kit, so only an image that has the product
installed needs hashes.

Sources: Configuration Parameter File Reference, PasswordHash; Automating Configuration with Configuration Merge, "Security
Macros"; Running InterSystems Products in Containers, "Authentication and Passwords".
"""

from __future__ import annotations

import hashlib
import secrets

from .errors import StepError

#: Both are needed: of the service that local sessions come through, and of the instance as a whole.
#: Source: Security Reference, "Configuring OS-Based Authentication".
_BY_OPERATING_SYSTEM = (
    "ModifyService:Name=%Service_Terminal,Enabled=1,AutheEnabled=$$$AutheOS+$$$AuthePassword",
    "ModifySystem:Name=SYSTEM,AutheEnabled=$$$AutheOS+$$$AuthePassword",
)

#: Source: Security Reference, "About Instance Authentication": PBKDF2 with HMAC-SHA-512, 10,000 iterations, 64 bytes. That the
#: password is taken in UTF-8 and the salt as bytes is so in hashes that InterSystems' own tool made, of which a test has two.
_ITERATIONS, _BYTES = 10_000, 64

_MARK, _LAST = "[Startup]", "[Actions]"


def password_hash(password: str, salt: bytes = b"") -> str:
    """The hash of a password, as `PasswordHash` takes it.

    Args:
        password: The password.
        salt: The salt. Default: a random one.
    """
    salt = salt or secrets.token_bytes(_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _BYTES)
    return f"{digest.hex()},{salt.hex()},{_ITERATIONS},SHA512"


def first_start(text: str, *, password: str = "", gateway_password: str = "") -> str:
    """The merge file of an instance's first start.

    Args:
        text: The bundle's.
        password: Password of the predefined accounts but CSPSystem. Empty: they have theirs.
        gateway_password: Password of CSPSystem, which the other doesn't reach. Empty: it has its own.

    Raises:
        StepError: The bundle's isn't one that can be added to.
    """
    lines = text.splitlines()
    sections = [line for line in lines if line.startswith("[")]
    if lines.count(_MARK) != 1 or sections[-1:] != [_LAST]:
        raise StepError(f"the merge file has no section {_MARK}, or doesn't end with {_LAST}: publish the bundle again")
    if password:
        lines.insert(lines.index(_MARK) + 1, f"PasswordHash={password_hash(password)}")
    lines.extend(_BY_OPERATING_SYSTEM)
    if gateway_password:
        lines.append(f'ModifyUser:Name=CSPSystem,PasswordHash="{password_hash(gateway_password)}"')
    return "\n".join(lines) + "\n"
