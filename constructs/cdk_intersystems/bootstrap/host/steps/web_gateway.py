"""The Web Gateway of a web server: its files, whose they are, and CSPSystem's password."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..apache import GATEWAY, GATEWAY_BIN, GATEWAY_LOGS, MODULES, PASSWORD, RUN, Distribution, distribution
from ..aws import s3, secrets
from ..context import STATE
from ..errors import StepError
from ..layout import TLS

if TYPE_CHECKING:
    from ..context import Context

#: The SHA-256 of the kit that was installed: that a kit's installation has ended can't be seen from its files.
INSTALLED = STATE / "web-gateway-kit"

#: Where the kit is unpacked; not below /home (Installation Guide for UNIX and Linux, "Installation on UNIX").
_UNPACKED = Path("/var/tmp/cdk-intersystems-web-gateway")  # noqa: S108 - made anew by root, mode 0700

#: What SELinux has to know: pattern -> type. Source: Web Gateway Guide, "Modify the Security Context for the Web Gateway
#: Files"; the last three are ours.
_LABELS = {
    rf"{GATEWAY_BIN}/.*\.so": "httpd_modules_t",
    rf"{GATEWAY_BIN}/CSP.*\.ini": "httpd_sys_rw_content_t",
    rf"{GATEWAY_BIN}/temp(/.*)?": "httpd_sys_rw_content_t",
    rf"{GATEWAY_LOGS}(/.*)?": "httpd_log_t",
    rf"{RUN}(/.*)?": "httpd_var_run_t",
    rf"{TLS}(/.*)?": "cert_t",
}
_SELINUX = Path("/sys/fs/selinux")
_MAY_CONNECT = _SELINUX / "booleans" / "httpd_can_network_connect"
_KNOWN_LABELS = Path("/etc/selinux/targeted/contexts/files/file_contexts.local")


def web_gateway(host: Context) -> None:
    """Installs the Web Gateway, unless it is there, and gives each file to whom it needs.

    Workers of Apache, which run as a user without rights, write the two files with the configuration, cached pages and the
    log. The programs, which Apache loads as root, stay root's.

    Args:
        host: The host.

    Raises:
        StepError: There is neither a kit nor an installation, or the kit can't be installed.
    """
    packaged = distribution(host.description.operating_system)
    _check_user(packaged)
    _install(host)
    for folder, mode, owner in (
        (GATEWAY, 0o755, "root"),
        (GATEWAY_BIN, 0o755, "root"),
        (f"{GATEWAY_BIN}/temp", 0o700, packaged.user),
        (GATEWAY_LOGS, 0o750, packaged.user),
    ):
        _folder(Path(folder), mode, owner)
    for name in ("CSP.ini", "CSPRT.ini"):
        path = Path(GATEWAY_BIN) / name
        text = path.read_text(errors="replace") if path.is_file() else ""
        host.write(path, text, mode=0o640, owner=f"{packaged.user}:{packaged.user}")
    allow_in_selinux(host)


def gateway_password(host: Context) -> None:
    """Fetches the password of CSPSystem, with which the Web Gateway logs in, unless it is there.

    It is kept, so that the web server starts again when AWS can't be reached. Apache's workers read it, and root.

    Args:
        host: The host.

    Raises:
        StepError: There is no such secret, or its value can't be a password.
    """
    path = Path(PASSWORD)
    user = distribution(host.description.operating_system).user
    if path.is_file() and path.stat().st_uid == pwd.getpwnam(user).pw_uid and path.stat().st_mode & 0o7777 == 0o400:
        return
    arn = host.settings.secrets.gateway
    if not arn:
        raise StepError("the settings name no secret with the password of CSPSystem, secrets.gateway: a web server needs one")
    password = secrets.get_secret(host.aws, arn)
    if not password or any(not character.isprintable() for character in password):
        raise StepError(f"the secret {arn} is empty or has a line break in it: the password of CSPSystem is one line")
    host.write(path, password, mode=0o400, owner=f"{user}:{user}")


def restore_label(host: Context, path: str) -> None:
    """Gives a file that was replaced the label that SELinux has for it; without SELinux there is nothing to do."""
    if _SELINUX.joinpath("enforce").exists():
        host.run(["restorecon", path])


def allow_in_selinux(host: Context) -> None:
    """Allows Apache what the Web Gateway does, on hosts with SELinux; only what isn't allowed yet.

    Args:
        host: The host.

    Raises:
        StepError: A command of SELinux fails.
    """
    if not _SELINUX.joinpath("enforce").exists():
        return
    if _MAY_CONNECT.read_text().split()[:1] != ["1"]:
        host.run(["setsebool", "-P", "httpd_can_network_connect", "1"])
    known = _KNOWN_LABELS.read_text() if _KNOWN_LABELS.exists() else ""
    missing = {pattern: label for pattern, label in _LABELS.items() if f"{pattern} " not in known.replace("\t", " ")}
    for pattern, label in missing.items():
        host.run(["semanage", "fcontext", "--add", "--type", label, pattern])
    if missing:
        host.run(["restorecon", "-R", GATEWAY, *([str(TLS)] if TLS.exists() else [])])


def _install(host: Context) -> None:
    kit = host.description.kit
    missing = [name for name in MODULES if not (Path(GATEWAY_BIN) / name).is_file()]
    if kit is None:
        if missing:
            raise StepError(f"{GATEWAY_BIN}/{missing[0]} is missing on this image: give the deployment a kit, or build another")
        return
    if not missing and INSTALLED.exists() and INSTALLED.read_text() == kit.sha256:
        return
    shutil.rmtree(_UNPACKED, ignore_errors=True)
    _UNPACKED.mkdir(mode=0o700)
    try:
        archive = _UNPACKED / "kit"
        s3.fetch(host.aws, kit, archive)
        host.run(["tar", "--extract", "--no-same-owner", f"--file={archive}", f"--directory={_UNPACKED}"], seconds=900)
        archive.unlink()
        installers = sorted(_UNPACKED.glob("**/install/GatewayInstall"))
        if not installers:
            raise StepError(f"the kit {kit.key} has no install/GatewayInstall: give the kit of the Web Gateway")
        # Only its files: no web server is set up by it, and no password is needed.
        host.run(
            ["env", f"--chdir={installers[0].parent}", "./GatewayInstall"],
            environment={
                "ISC_PACKAGE_MODE": "unattended",
                "ISC_PACKAGE_WEB_CONFIGURE": "N",
                "ISC_PACKAGE_WEB_SERVERTYPE": "None",
                "ISC_PACKAGE_INITIAL_SECURITY": "Minimal",
                "ISC_PACKAGE_WEB_GATEWAY_DIR": GATEWAY,
            },
            seconds=900,
        )
    finally:
        shutil.rmtree(_UNPACKED, ignore_errors=True)
    for name in MODULES:
        if not (Path(GATEWAY_BIN) / name).is_file():
            raise StepError(f"GatewayInstall ended well, and {GATEWAY_BIN}/{name} isn't there: is the kit one for this system?")
    host.write(INSTALLED, kit.sha256)


def _check_user(packaged: Distribution) -> None:
    try:
        pwd.getpwnam(packaged.user)
    except KeyError:
        raise StepError(f"there is no user {packaged.user}: {packaged.program} isn't installed") from None


def _folder(path: Path, mode: int, user: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    owner = pwd.getpwnam(user)
    found = path.stat()
    if (found.st_uid, found.st_gid) != (owner.pw_uid, owner.pw_gid):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    if found.st_mode & 0o7777 != mode:
        path.chmod(mode)
