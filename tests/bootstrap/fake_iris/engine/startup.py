"""`iris start`: everything before the instance lives by itself (SAG 25.2.3, "Startup Sequence")."""

import os
import sys
from pathlib import Path

from . import memory
from .cpf import Document
from .installation import Installation, IrisError
from .log import Log


def start(installation: Installation) -> int:
    """Starts an instance and waits until users may log in.

    Raises:
        IrisError: If it doesn't start.
    """
    if installation.locked_by():
        # "This status is reported to the user. Startup halts." With which exit status isn't public.
        raise IrisError(f"{installation.name} is already up!")
    if not installation.mgr.is_dir():
        raise IrisError(f"{installation.mgr}: No such file or directory")
    if os.statvfs(installation.directory).f_flag & os.ST_NOSUID and installation.owner != "root":
        # UNIX Details 6: not on a mount point with nosuid, if the owner isn't root.
        raise IrisError(f"{installation.directory}/bin/irismgr: Permission denied")
    print("Starting", installation.name)
    log = Log(installation.mgr / "messages.log", also_print=True)
    try:
        merged = _configure(installation, log)
        memory.allocate(Document(installation.cpf.read_text()), log)
        # SAG 25.3: "files created during these operations will be owned by that other user".
        (installation.mgr / "iris.ids").write_text(os.uname().nodename + "\n")
        if stale := installation.seen():
            log(2, f"Previous system shutdown was abnormal, system forced down or crashed (process {stale['pid']})")
            installation.shared_memory.unlink()
        failed = _leave_alone(installation, merged)
    except (IrisError, OSError) as error:
        failed = str(error)
        Log(installation.mgr / "messages.log")(3, f"Startup failed: {error}", "Generic.Event")
    if failed:
        raise IrisError(f"Startup of {installation.name} failed: {failed}")
    return 0


def _configure(installation: Installation, log: Log) -> Document | None:
    """Reads and checks the CPF, and merges a file into it if the environment names one."""
    print("Using 'iris.cpf' configuration file")
    cpf = Document(installation.cpf.read_text())
    # General Installation Details 1.1: "your instance will not start if there are invalid configuration parameters in
    # iris.cpf".
    cpf.check(merge=False)
    name = os.environ.get("ISC_CPF_MERGE_FILE")
    if not name:
        return None
    if not Path(name).is_file():
        # CPF 1.3.1: "instance startup displays an error message and continues".
        log(2, f"Merge file {name} does not exist", "Generic.Event")
        return None
    merged = Document()
    try:
        merged = Document(Path(name).read_text())
        merged.check(merge=True)
        for section in merged.sections:
            for parameter, value in section.values.items():
                if section.name.lower() == "startup" and parameter.lower() == "passwordhash" and not value:
                    continue  # CPF, "PasswordHash": an empty one is ignored.
                cpf.set(section.name, parameter, value)
    except (IrisError, OSError) as error:
        # Whether startup goes on isn't public. It does for a missing file; so the worst case is that it does here too.
        log(2, f"Configuration merge of {name} failed: {error}", "Generic.Event")
        return None
    # In place: owner and mode stay.
    installation.cpf.write_text(cpf.text())
    log(0, f"Merged {name} into {installation.cpf}", "Generic.Event")
    return merged


def _leave_alone(installation: Installation, merged: Document | None) -> str:
    """Starts the instance's process as its owner and waits for it.

    Returns:
        Why it didn't start; empty if it did.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(reading)
        _become_owner(installation)
        nothing = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.chdir(installation.mgr)
        from .server import live

        live(installation, merged, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.readline().strip()
    return "" if said == "READY" else said or "the instance ended"


def _become_owner(installation: Installation) -> None:
    """SAG 25.1: processes run as the owner, with the effective group for InterSystems' processes."""
    uid, gid = installation.owner_ids()
    if os.geteuid() == 0:
        os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o002)
