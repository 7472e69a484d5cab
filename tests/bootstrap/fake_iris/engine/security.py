"""The security database: users, roles, resources, services, superservers, TLS configurations, and who is authorized for ECP."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from .files import read_json, write_json

#: Class Reference, Security.Services, AutheEnabled: bits of it. Merge 9.3.1, "Security Macros": their names in a merge file.
AUTHE = {
    "AutheK5CCache": 0, "AutheK5Prompt": 1, "AutheK5API": 2, "AutheK5KeyTab": 3, "AutheOS": 4, "AuthePassword": 5,
    "AutheUnauthenticated": 6, "AutheKB": 7, "AutheKBEncryption": 8, "AutheKBIntegrity": 9, "AutheLDAP": 11, "AutheDelegated":
    13, "AutheLoginToken": 14, "AutheTwoFactorSMS": 20, "AutheTwoFactorPW": 21, "AutheMutualTLS": 25,
}  # fmt: skip
AUTHE_OS, AUTHE_PASSWORD, AUTHE_UNAUTHENTICATED = (
    1 << AUTHE[name] for name in ("AutheOS", "AuthePassword", "AutheUnauthenticated")
)

#: Security, "Enabled Services": services that are enabled at first, by initial security. %Service_Mirror isn't in that table;
#: HA 4.7.1 tells to enable it first.
_SERVICES = {
    "%Service_Bindings": ("Minimal", "Normal"),
    "%Service_CallIn": ("Minimal",),
    "%Service_ComPort": (),
    "%Service_ECP": (),
    "%Service_Mirror": (),
    "%Service_Monitor": (),
    "%Service_Terminal": ("Minimal", "Normal", "LockedDown"),
    "%Service_WebGateway": ("Minimal", "Normal", "LockedDown"),
    "%Service_Login": ("Minimal", "Normal"),
    "%Service_DataCheck": (),
}
#: Predefined accounts (Security, "Configure User Accounts", and CPF, "PasswordHash": CSPSystem has no role).
_ACCOUNTS = {"_SYSTEM": "%All", "Admin": "%Manager", "SuperUser": "%All", "CSPSystem": ""}


def hashed(password: str) -> str:
    """A password as users are stored here: hash, salt, work factor, algorithm, as in CPF, "PasswordHash"."""
    salt = secrets.token_hex(16)
    return f"{_digest(password, salt, 10000)},{salt},10000,SHA512"


def matches(password: str, stored: str) -> bool:
    """Whether a password is the one that was stored."""
    digest, salt, factor, *_ = [*stored.split(","), "10000"]
    # How the hash is made isn't public in all detail; the fake makes it as PBKDF2 does, over the salt's bytes or its text.
    return bool(password) and secrets.compare_digest(_digest(password, salt, int(factor)), digest.lower())


def _digest(password: str, salt: str, factor: int) -> str:
    try:
        salted = bytes.fromhex(salt)
    except ValueError:
        salted = salt.encode()
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salted, factor).hex()


def initial(security: str, password: str, gateway_password: str, owner: str, port: int) -> dict[str, Any]:
    """What the installer puts in.

    Args:
        security: Minimal, Normal or LockedDown.
        password: ISC_PACKAGE_USER_PASSWORD.
        gateway_password: ISC_PACKAGE_CSPSYSTEM_PASSWORD.
        owner: Owner of the instance: has an account with the role %All (Security, "Configure User Accounts").
        port: The superserver's port.
    """
    authe = AUTHE_UNAUTHENTICATED | AUTHE_PASSWORD if security == "Minimal" else AUTHE_PASSWORD
    users = {
        name: {"Enabled": 1, "Roles": role, "PasswordHash": hashed(gateway_password if name == "CSPSystem" else password)}
        for name, role in [*_ACCOUNTS.items(), (owner, "%All")]
    }
    services = {
        name: {"Enabled": int(security in levels), "AutheEnabled": authe, "ClientSystems": ""}
        for name, levels in _SERVICES.items()
    }
    return {
        # Which options are allowed at system level at first isn't in any table; Security, "Configuring OS-Based
        # Authentication", has allowing it there as its first step.
        "system": {"AutheEnabled": authe, "SSLECPServer": 0},
        "users": users,
        "services": services,
        "roles": {"%All": {}, "%Manager": {}},
        "resources": {},
        "applications": {},
        "ssl": {},
        "servers": {str(port): {"Port": port, "SSLSupportLevel": 0, "SSLConfig": "", "SystemDefault": 1}},
        "ecp_authorized": [],
        "ecp_pending": {},
        "password_hash_used": False,
    }


class Security:
    """The security database of an instance.

    Args:
        mgr: The manager's directory.
    """

    def __init__(self, mgr: Path) -> None:
        # CPF 1.1.2: the database IRISSECURITY has a directory of its own.
        self._file = mgr / "irissecurity" / "IRIS.DAT"
        self.data: dict[str, Any] = read_json(self._file)

    def save(self) -> None:
        write_json(self._file, self.data)

    def service(self, name: str) -> dict[str, Any]:
        """A service; names differ by case only in the guides (%service_ecp)."""
        services: dict[str, dict[str, Any]] = self.data["services"]
        return next(found for known, found in services.items() if known.lower() == name.lower())

    def enabled(self, name: str) -> bool:
        """Whether a service is enabled."""
        return bool(self.service(name)["Enabled"])

    def terminal_user(self, os_name: str) -> str:
        """Which user a terminal session of an operating system's user has without being asked; empty: it is asked.

        Security.System, AutheEnabled (Class Reference): what isn't allowed at system level is off for each service too.
        """
        terminal = self.service("%Service_Terminal")
        allowed = int(terminal["AutheEnabled"]) & int(self.data["system"]["AutheEnabled"])
        user = self.data["users"].get(os_name)
        if not terminal["Enabled"]:
            return ""
        if allowed & AUTHE_OS and user and user["Enabled"]:
            return os_name
        return "UnknownUser" if allowed & AUTHE_UNAUTHENTICATED else ""

    def log_in(self, name: str, password: str) -> bool:
        """Whether a user may log in at the terminal with this password."""
        terminal = self.service("%Service_Terminal")
        allowed = int(terminal["AutheEnabled"]) & int(self.data["system"]["AutheEnabled"]) & AUTHE_PASSWORD
        user = self.data["users"].get(name)
        return bool(terminal["Enabled"] and allowed and user and user["Enabled"] and matches(password, user["PasswordHash"]))
