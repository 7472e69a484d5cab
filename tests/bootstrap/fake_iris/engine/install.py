"""`irisinstall_silent` (UNIX 8, "Unattended Installation", and UNIX Details, "Unattended Installation Parameters")."""

import grp
import os
import platform
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

from . import agent_install
from .cpf import Document
from .files import REGISTRY, Settings, note_call, read_json, write_json
from .installation import Installation, IrisError
from .log import Log
from .parameters import DEFAULT_CPF
from .security import initial

#: Main program and engine, as they stand in the kit.
_PROGRAM = Path(__file__).resolve().parent.parent
_KNOWN = {
    "ISC_CPF_MERGE_FILE", "ISC_INSTALLER_MANIFEST", "ISC_INSTALLER_PARAMETERS", "ISC_INSTALLER_LOGFILE",
    "ISC_INSTALLER_LOGLEVEL", *(f"ISC_PACKAGE_{name}" for name in ( "INSTANCENAME", "INSTALLDIR", "UNICODE", "INITIAL_SECURITY",
    "MGRUSER", "MGRGROUP", "USER_PASSWORD", "CSPSYSTEM_PASSWORD", "IRISUSER", "IRISGROUP", "CLIENT_COMPONENTS", "WEB_CONFIGURE",
    "WEB_SERVERTYPE", "WEB_APACHE_VERSION", "WEB_APACHE_USER", "WEB_APACHE_CONF", "WEB_GATEWAY_DIR", "STARTIRIS", "IPM",
    "SUPERSERVER_PORT"))
}  # fmt: skip
_MGR_FOLDERS = "irissecurity irislib iristemp irislocaldata irisaudit enslib irismetrics user"


def main(arguments: list[str]) -> int:
    """Installs. Exit status 0: installed; 1: it wasn't, and says why."""
    note_call("irisinstall_silent", arguments)
    try:
        _install(arguments)
    except IrisError as error:
        print(f"Error: {error}\nInstallation failed.", flush=True)
        return 1
    print("Installation completed successfully", flush=True)
    return 0


def _value(name: str, default: str = "") -> str:
    # "The installation uses the default for any parameter that is not included."
    return os.environ.get(f"ISC_PACKAGE_{name}") or default


def _install(packages: list[str]) -> None:
    _check_place(packages)
    name = _value("INSTANCENAME").upper()
    if not re.fullmatch(r"[A-Z0-9_-]+", name):
        # UNIX 3.4: "Use only alphanumeric characters, underscores, and dashes."
        raise IrisError("ISC_PACKAGE_INSTANCENAME is required")
    existing = read_json(REGISTRY / "iris.reg", {}).get(name)
    directory = Path(existing or _value("INSTALLDIR"))
    if not existing and not _value("INSTALLDIR"):
        raise IrisError(f"ISC_PACKAGE_INSTALLDIR is required: instance {name} does not exist")
    installation = _described(name, directory)
    password, gateway = _passwords(installation.security)
    _check_web()
    directory = installation.directory
    if directory.is_relative_to("/home") or directory.is_relative_to(REGISTRY) or directory == _PROGRAM.parent:
        # General Installation Details 1, and UNIX 2.10.
        raise IrisError(f"{directory} cannot be the installation directory")
    # UNIX Details 6: "InterSystems IRIS sets umask to 022 for the installation process".
    os.umask(0o022)
    REGISTRY.mkdir(parents=True, exist_ok=True)
    _place(installation, password, gateway)
    agent_install.install(_PROGRAM)
    installation.save()
    log = Log(installation.mgr / "messages.log")
    log(0, f"{installation.product} {installation.version} installed in {directory}", "Generic.Event")
    _own(installation, installation.mgr / "messages.log", 0o664)
    if _value("STARTIRIS", "Y") != "N":
        subprocess.run([directory / "bin" / "iris", "start", name, "quietly"], check=True)


def _check_place(packages: list[str]) -> None:
    unknown = [name for name in os.environ if name.startswith(("ISC_PACKAGE_", "ISC_INSTALLER_")) and name not in _KNOWN]
    if unknown:
        # A real installer would not notice. A name that nobody knows is a mistake of ours.
        raise IrisError(f"the fake knows no {', '.join(unknown)}")
    if os.geteuid() != 0:
        raise IrisError("the fake installs as root only (UNIX 8.3)")
    if _PROGRAM.is_relative_to("/home"):
        raise IrisError("the kit must not be uncompressed into or run from /home")  # UNIX 2.10
    if " " in str(_PROGRAM):
        raise IrisError("the pathname of the kit cannot contain spaces")  # UNIX 2.10
    if packages not in ([], ["standard_install"]):
        raise IrisError(f"the fake installs all packages only, not {packages}")
    media = read_json(_PROGRAM / "kit.json")["platform"]
    if (here := _system_type()) not in media:
        # UNIX 3.3: "If your system type does not match that on the distribution media, the installation stops."
        raise IrisError(f"this kit is for {media[0]}, not {here}")


def _system_type() -> str:
    values = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    version = values.get("VERSION_ID", "").strip('"')
    system = {"rhel": "rh", "ubuntu": "ubuntu"}.get(values.get("ID", "").strip('"'), "unknown")
    number = version.replace(".", "") if system == "ubuntu" else version.split(".")[0]
    return f"lnx{system}{number}{'arm64' if platform.machine() == 'aarch64' else 'x64'}"


def _described(name: str, directory: Path) -> Installation:
    kit = read_json(_PROGRAM / "kit.json")
    security = _value("INITIAL_SECURITY", "LockedDown")
    if security not in ("Minimal", "Normal", "LockedDown"):
        raise IrisError(f"ISC_PACKAGE_INITIAL_SECURITY={security} is none of Minimal, Normal, LockedDown")
    minimal = security == "Minimal"
    # For Minimal these parameters are ignored.
    owner = "root" if minimal else _value("MGRUSER", "root")
    group = _value("MGRGROUP", "root")
    for kind, wanted, known in (("MGRUSER", owner, pwd.getpwall()), ("MGRGROUP", group, grp.getgrall())):
        if wanted not in [entry[0] for entry in known]:
            # UNIX Details 6: both "must both exist before you begin installation".
            raise IrisError(f"ISC_PACKAGE_{kind}={wanted} does not exist")
    user, users = ("irisusr", "irisusr") if minimal else (_value("IRISUSER", "irisusr"), _value("IRISGROUP", "irisusr"))
    # The same: these two are created if they don't exist.
    if users not in [entry.gr_name for entry in grp.getgrall()]:
        subprocess.run(["groupadd", users], check=True)
    if user not in [entry.pw_name for entry in pwd.getpwall()]:
        subprocess.run(["useradd", "--gid", users, "--no-create-home", "--shell", "/usr/sbin/nologin", user], check=True)
    return Installation(
        name=name,
        directory=directory,
        version=kit["version"],
        product=kit["product"],
        security=security,
        owner=owner,
        manager_group=group,
        user=user,
        group=users,
    )


def _passwords(security: str) -> tuple[str, str]:
    password = _value("USER_PASSWORD")
    if security == "Minimal":
        return "SYS", "SYS"
    if not password:
        raise IrisError("ISC_PACKAGE_USER_PASSWORD is required")
    gateway = _value("CSPSYSTEM_PASSWORD", password)
    for one in (password, gateway):
        # UNIX Details, the attended installer's prompt: no space, tab or backslash.
        if re.search(r"[ \t\\]", one):
            raise IrisError("a password cannot contain spaces, tabs or backslashes")
    return password, gateway


def _check_web() -> None:
    """ISC_PACKAGE_WEB_CONFIGURE=Y, the default, fails if no web server is detected (UNIX Details 5)."""
    if _value("WEB_CONFIGURE", "Y") == "N" or _value("WEB_SERVERTYPE", "Apache") == "None":
        return
    configured = _value("WEB_APACHE_CONF")
    places = [configured] if configured else ["/etc/httpd/conf/httpd.conf", "/etc/apache2/apache2.conf"]
    program = any(shutil.which(name, path="/usr/sbin:/usr/local/sbin") for name in ("httpd", "apache2"))
    if not program or not any(Path(place).is_file() for place in places):
        raise IrisError("no web server was detected, and ISC_PACKAGE_WEB_CONFIGURE is not N")


def _place(installation: Installation, password: str, gateway: str) -> None:
    """Puts the files in place. What is there of an earlier installation is used again: General Installation Details 1.1,
    "Reusing Installation Files", says so of relevant files, "like iris.cpf and your license file", and that an expired license
    fails the installation. Which other files that is isn't public: here all but the programs, so databases and journals too.
    """
    directory, mgr = installation.directory, installation.mgr
    key = mgr / "iris.key"
    if key.is_file() and "expired" in key.read_text(errors="replace").lower():
        raise IrisError("the license has expired")
    port = _value("SUPERSERVER_PORT", "1972")
    for folder in (directory, directory / "bin", directory / "lib", mgr, mgr / "journal"):
        folder.mkdir(parents=True, exist_ok=True)
        _own(installation, folder, 0o775)
    for name in _MGR_FOLDERS.split():
        (mgr / name).mkdir(exist_ok=True)
        _own(installation, mgr / name, 0o775)
    copy_program(directory / "lib" / "fake")
    if Settings().installer_stands:
        signal.pause()
    copy_program(REGISTRY / "fake")
    for program in (directory / "bin" / "iris", REGISTRY / "iris"):
        where = directory / "lib" / "fake" if program.is_relative_to(directory) else REGISTRY / "fake"
        write_program(program, where / "main.py", "iris")
    _link(Path("/usr/local/bin/iris"), REGISTRY / "iris")
    _group_program(installation, directory / "bin" / "irisdb")
    if not installation.cpf.exists():
        installation.cpf.write_text(
            DEFAULT_CPF.format(version=".".join(installation.version.split(".")[:2]), mgr=mgr, port=port)
        )
    else:
        Document(installation.cpf.read_text()).check(merge=False)
    _own(installation, installation.cpf, 0o664)
    database = mgr / "irissecurity" / "IRIS.DAT"
    if not database.exists():
        write_json(database, initial(installation.security, password, gateway, installation.owner, int(port)))
    _own(installation, database, 0o660)


def _link(link: Path, target: Path) -> None:
    # Where a kit links the command on Linux isn't public; SAG 25.3.2 has /usr/local/bin for another system.
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(target)


def _group_program(installation: Installation, program: Path) -> None:
    """A Python that runs with the effective group by its mode, as the programs of a kit do (UNIX Details 7.2)."""
    new = program.with_suffix(".new")
    shutil.copyfile("/usr/bin/python3", new)
    os.chown(new, 0, grp.getgrnam(installation.group).gr_gid)
    new.chmod(0o2755)
    new.replace(program)


def _own(installation: Installation, path: Path, mode: int) -> None:
    os.chown(path, *installation.owner_ids())
    path.chmod(mode)


def copy_program(to: Path) -> None:
    """Copies main program and engine."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(_PROGRAM, to, ignore=shutil.ignore_patterns("install", "ISCAgent", "package", "__pycache__"))


def write_program(program: Path, main: Path, name: str) -> None:
    """Writes a command that runs one of the programs."""
    program.write_text(f'#!/bin/sh\nexec /usr/bin/python3 -I -B {main} {name} "$@"\n')
    program.chmod(0o755)
