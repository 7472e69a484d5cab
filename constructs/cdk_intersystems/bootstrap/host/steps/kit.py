"""InterSystems IRIS itself, from its installation kit or from the image; for arbiters the ISCAgent alone.

How an interrupted installation is told from a finished one: two marks on the volume of the installation, `installing` from
before the installer starts, `installed` from when `iris qlist` knew the instance. IRIS's own files don't tell, since the
installer writes most of them early. A directory with files and without either mark is somebody else's, and left alone.

A host that was replaced finds the installation on its volume, and nothing of it on its root volume: neither the registry
with the list of instances, nor the `iris` command, nor the agent. They are kept beside the installation and put back.

**Never run on a licensed IRIS**: that the installer takes a directory that holds a hidden folder; that it registers the
instance with nothing but files in `_OUTSIDE`; that running it again over an installation that was interrupted repairs it
(for an instance that is registered the documentation says so: it is an upgrade to the same version; for one that isn't it
is a new installation).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING, Iterator, Mapping, Optional

from .. import iris
from ..aws import s3, secrets
from ..context import ROOT, STATE, sync
from ..errors import StepError
from ..layout import INSTALLATION, OWN, REGISTRY, SUPERSERVER_PORT
from ..services import UNITS
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import Context
    from ..description import S3Object

INSTALLING, INSTALLED = OWN / "installing", OWN / "installed"
OUTSIDE = OWN / "outside.tar"

#: What the installer leaves outside of the installation directory, as far as it is there. Sources: UNIX, Linux, and macOS
#: Installation, "Begin Installation" (registry); System Administration Guide, "Managing InterSystems IRIS" (links to `iris`
#: in the usual places); High Availability Guide, "Configuring the ISCAgent".
_OUTSIDE = (
    str(REGISTRY),
    *(f"/usr/{folder}/{name}" for folder in ("bin", "local/bin") for name in ("iris", "irisdb", "irissession")),
    "/etc/systemd/system/ISCAgent.service",
    "/etc/init.d/ISCAgent",
    "/etc/iscagent",
)

#: Where an image keeps an installation whose directory is a volume on members.
IMAGE = ROOT / "image" / "installation.tar"

AGENT_UNIT = UNITS / "ISCAgent.service"
_AGENT_INSTALLED = STATE / "agent-kit"

#: On the root volume, and not under /home, where the installer refuses to work.
_WORK = STATE / "kit"

#: Unpacking and installing take minutes; an installer that waits for an answer doesn't end.
_SECONDS = 3600

#: Source: Security Reference, "Initial InterSystems Security Settings": what InterSystems recommends, and its passwords' form.
_SECURITY = "LockedDown"
_LEAST_PASSWORD, _MOST_PASSWORD = 8, 255


def kit(host: Context) -> None:
    """Makes sure that the instance is installed, and known to this host.

    Another kit than the one it was installed with is not installed: an upgrade is done by people, one member after the other.

    Raises:
        StepError: There is neither a kit nor an instance, the kit is another, the disk is full, the installer failed, or the
            directory holds something else.
    """
    found = iris.look(host.description.instance)
    if INSTALLED.exists():
        if found is None:
            _put_back(host)
        elif _was_changed():
            _keep_outside(host)
    elif host.description.kit is not None:
        _install(host, host.description.kit)
        _finish(host)
    else:
        _take_from_image(host)
        _finish(host)


def agent_kit(host: Context) -> None:
    """Makes sure that the ISCAgent is installed, on an arbiter.

    Raises:
        StepError: There is neither a kit nor an agent, or the kit can't be installed.
    """
    source = host.description.kit
    if source is None:
        if not AGENT_UNIT.exists():
            raise StepError(f"the image has no ISCAgent ({AGENT_UNIT}) and there is no kit: name an arbiter's kit")
        return
    if AGENT_UNIT.exists() and _AGENT_INSTALLED.exists():
        return
    with _unpacked(host, source, "agentinstall") as folder:
        _run_installer(host, folder, "agentinstall", {"ISC_PACKAGE_MODE": "unattended"})
    if not AGENT_UNIT.exists():
        raise StepError(
            f"the ISCAgent's kit {source.key} was installed and there is no {AGENT_UNIT}: is it one for this system?"
        )
    host.write(_AGENT_INSTALLED, f"{source.sha256}\n")


def _install(host: Context, source: S3Object) -> None:
    if not INSTALLING.exists():
        _refuse_what_is_there()
    password = _password(host, host.settings.secrets.password)
    gateway = _password(host, host.settings.secrets.gateway)
    install(host, source, password=password, gateway_password=gateway)


def install(host: Context, source: S3Object, *, password: str, gateway_password: str) -> None:
    """Installs the instance; run again it repairs an installation that was interrupted.

    Args:
        host: The host.
        source: The kit.
        password: Password of the predefined accounts but CSPSystem.
        gateway_password: Password of CSPSystem.

    Raises:
        StepError: The kit can't be fetched, unpacked or installed.
    """
    with _unpacked(host, source, "irisinstall_silent") as folder:
        _mark(host, INSTALLING, source.sha256)
        settings = {
            "ISC_PACKAGE_INSTANCENAME": host.description.instance,
            "ISC_PACKAGE_INSTALLDIR": str(INSTALLATION),
            "ISC_PACKAGE_UNICODE": "Y",
            "ISC_PACKAGE_INITIAL_SECURITY": _SECURITY,
            "ISC_PACKAGE_USER_PASSWORD": password,
            "ISC_PACKAGE_CSPSYSTEM_PASSWORD": gateway_password,
            "ISC_PACKAGE_MGRUSER": IRISOWNER,
            "ISC_PACKAGE_MGRGROUP": IRISOWNER,
            "ISC_PACKAGE_IRISUSER": IRISUSR,
            "ISC_PACKAGE_IRISGROUP": IRISUSR,
            "ISC_PACKAGE_SUPERSERVER_PORT": str(SUPERSERVER_PORT),
            "ISC_PACKAGE_WEB_CONFIGURE": "N",
            # The first start is the one with the merge file.
            "ISC_PACKAGE_STARTIRIS": "N",
            # The package manager's archive: nothing here uses it.
            "ISC_PACKAGE_IPM": "N",
        }
        _run_installer(host, folder, "irisinstall_silent", settings)


def _password(host: Context, arn: str) -> str:
    if not arn:
        raise StepError("installing IRIS needs the secrets of its passwords, and none is configured")
    password = secrets.get_secret(host.aws, arn)
    if not _LEAST_PASSWORD <= len(password) <= _MOST_PASSWORD or any(each in password for each in " \t\n\r\\"):
        raise StepError(
            f"the password in {arn} is none that IRIS takes: {_LEAST_PASSWORD} to {_MOST_PASSWORD} characters, no space, tab, "
            "line end or backslash"
        )
    return password


def _refuse_what_is_there() -> None:
    others = sorted(each.name for each in INSTALLATION.iterdir() if each != OWN) if INSTALLATION.exists() else []
    if others:
        raise StepError(
            f"{INSTALLATION} holds files that were not installed by this host's bootstrap ({others[0]}): nothing was touched; "
            "give this member an empty volume"
        )


def _take_from_image(host: Context) -> None:
    """Uses the instance that the image has; where its directory is a volume, that gets it first."""
    if IMAGE.exists():
        if not INSTALLING.exists():
            _refuse_what_is_there()
        _mark(host, INSTALLING, "image")
        host.run(["tar", "--extract", "--preserve-permissions", "--file", str(IMAGE), "--directory", str(INSTALLATION)])
    if iris.look(host.description.instance) is None:
        raise StepError(
            f"there is no kit, and the image has no instance {host.description.instance}: name a kit, or an image that has it"
        )


def _finish(host: Context) -> None:
    found = iris.look(host.description.instance)
    if found is None or found.directory != INSTALLATION:
        where = f"in {found.directory}" if found else "nowhere"
        raise StepError(
            f"the instance {host.description.instance} should be in {INSTALLATION}, and iris qlist knows it {where}"
        )
    _keep_outside(host)
    _mark(host, INSTALLED, host.description.kit.sha256 if host.description.kit else "image")
    INSTALLING.unlink(missing_ok=True)


def _was_changed() -> bool:
    """Whether the registry is younger than what was kept: somebody has upgraded the instance."""
    return REGISTRY.exists() and (not OUTSIDE.exists() or REGISTRY.stat().st_mtime > OUTSIDE.stat().st_mtime)


def _keep_outside(host: Context) -> None:
    new = OUTSIDE.with_name("outside.tar.new")
    there = [path.lstrip("/") for path in _OUTSIDE if os.path.lexists(path)]
    host.run(["tar", "--create", "--file", str(new), "--directory", "/", *there])
    new.chmod(0o600)
    sync(new)
    new.replace(OUTSIDE)
    sync(OWN)


def _put_back(host: Context) -> None:
    instance = host.description.instance
    host.log(f"{INSTALLATION} holds the instance {instance}, which this host doesn't know: putting back its registry")
    if not OUTSIDE.exists():
        raise StepError(
            f"{INSTALLATION} holds an instance that this host doesn't know, and {OUTSIDE} is missing: install its kit by hand, "
            "into the same directory"
        )
    host.run(["tar", "--extract", "--preserve-permissions", "--file", str(OUTSIDE), "--directory", "/"])
    host.run(["systemctl", "daemon-reload"])
    if iris.look(instance) is None:
        raise StepError(f"{OUTSIDE} was put back, and iris qlist doesn't know {instance}: register it by hand (iris help)")


@contextlib.contextmanager
def _unpacked(host: Context, source: S3Object, installer: str) -> Iterator[Path]:
    """The folder with the installer of a kit, which is fetched for it and is gone afterwards."""
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    try:
        archive = _WORK / "archive"
        s3.fetch(host.aws, source, archive)
        folder = _WORK / "unpacked"
        folder.mkdir()
        unpack = ["tar", "--extract", "--no-same-owner", "--file", str(archive), "--directory", str(folder)]
        done = host.run(unpack, check=False, seconds=_SECONDS)
        if done.status:
            # The first line says what went wrong, the last one only that something did.
            said = (done.errors.strip().splitlines() or ["tar said nothing"])[0]
            raise StepError(f"the kit {source.key} can't be unpacked in {_WORK}: {said}")
        archive.unlink()
        found = _installer_in(folder, installer)
        if found is None:
            raise StepError(f"the kit {source.key} has no {installer}: is it the one for this role?")
        yield found
    finally:
        shutil.rmtree(_WORK, ignore_errors=True)


def _installer_in(folder: Path, installer: str) -> Optional[Path]:
    found = (
        sorted(folder.glob(f"{installer}")) + sorted(folder.glob(f"*/{installer}")) + sorted(folder.glob(f"*/*/{installer}"))
    )
    return found[0].parent if found else None


def _run_installer(host: Context, folder: Path, installer: str, settings: Mapping[str, str]) -> None:
    # Other modes would be those of the instance's files. Source: "Determining Owners and Groups".
    script = 'umask 022 && cd "$0" && exec "./$1"'
    host.run(["sh", "-c", script, str(folder), installer], environment=settings, seconds=_SECONDS)


def _mark(host: Context, path: Path, text: str) -> None:
    host.write(path, f"{text} {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n", mode=0o600)
    OWN.chmod(0o700)
    sync(OWN)
