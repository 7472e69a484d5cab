"""The instance's unit, and its starts: the first one with the merge file, which makes it what it is to be.

Whether it has become that, IRIS's own configuration file says. Until then it doesn't start with the host: it would come up
as an instance of its own, with the sizes and passwords of an installation.

A member that the mirror has forced down stays down: nobody but a person starts it (High Availability Guide, "Automatic Failover
Rules"), or the host's next start. That is as good: a failover member that starts asks the other one's agent first, and never
becomes primary without knowing what that one has (the same, "Automatic Failover Mechanics Detailed").
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from .. import iris, memory, merge_file, network
from ..aws import secrets
from ..context import RUN, STATE
from ..errors import StepError
from ..layout import INSTALLATION
from ..services import UNITS
from .region import COMMAND as REGION
from .users import IRISOWNER

if TYPE_CHECKING:
    from ..context import Context

UNIT = "iris.service"
_LINK = UNITS / "multi-user.target.wants" / UNIT

#: Read by systemd when it starts the instance; there only during a start that needs a merge file.
_ENVIRONMENT = RUN / "iris.env"
#: The instance's owner reads it, and can't look into RUN.
_MERGE = Path("/run/cdk-intersystems-iris")

_MEMINFO = Path("/proc/meminfo")

#: There since this start of the host once all that IRIS needs was made sure of.
_PREPARED = RUN / "prepared-for-iris"
#: There once the host has served with any version; see `run.py`.
_SERVED = STATE / "served"

#: Recovery of databases and journals has no limit that would be right. A clean end waits for jobs and productions.
_START_SECONDS = 4 * 3600
_STOP_SECONDS = 900

#: Of a mirror that spans regions: as root, which the instance's owner is not, and before every start. See docs/adr/0014.
_ASKS = f"ExecStartPre=+{REGION} before-start\n"

_TEXT = f"""\
# Written by cdk-host; changes are overwritten.
[Unit]
Description=InterSystems IRIS, instance {{instance}}
# The agent belongs to the host: it may be restarted without the instance.
Wants=ISCAgent.service network-online.target
After=ISCAgent.service network-online.target cdk-host.service
RequiresMountsFor={{mounts}}
# Not on a host that isn't as it should be.
ConditionPathExists={_PREPARED}

[Service]
Type=forking
# Of the many processes that it starts none stands for all.
GuessMainPID=no
User={IRISOWNER}
Group={IRISOWNER}
EnvironmentFile=-{_ENVIRONMENT}
{{asks}}ExecStart={{command}} start {{instance}} quietly
ExecStop={{command}} stop {{instance}} quietly
TimeoutStartSec=infinity
TimeoutStopSec={_STOP_SECONDS}
# A member that the mirror has forced down stays down.
Restart=no
# A process for each connection; pages that are locked.
TasksMax=infinity
LimitNOFILE=65536
LimitNPROC=infinity
LimitMEMLOCK=infinity
# None, unless the support asks for one.
LimitCORE=0:infinity

[Install]
WantedBy=multi-user.target
"""


def instance_unit(host: Context) -> None:
    """Makes sure that systemd has the instance's unit, and starts it with the host once the instance is what it is to be."""
    instance = iris.installed(host)
    mounts = [volume.mount_point for volume in host.description.volumes] or [str(INSTALLATION)]
    command = shutil.which("iris")
    asks = _ASKS if host.description.region else ""
    text = _TEXT.format(instance=host.description.instance, mounts=" ".join(mounts), command=command, asks=asks)
    if host.write(UNITS / UNIT, text):
        host.run(["systemctl", "daemon-reload"])
    if iris.is_configured(host, instance) != _LINK.is_symlink():
        host.run(["systemctl", "disable" if _LINK.is_symlink() else "enable", UNIT])
    if not _PREPARED.exists():
        if _LINK.is_symlink():
            # systemd may have given it up while a volume wasn't there. Once a start of the host, so that a member which the
            # mirror forces down later stays down when this is run again. It starts after this unit has done its work.
            host.run(["systemctl", "start", "--no-block", UNIT])
        _PREPARED.touch()


def start_instance(host: Context) -> None:
    """Starts an application server's instance, as a client of the mirror through the member that is primary now.

    In a region that waits for disaster recovery it isn't started: everything is in place for it, and a timer starts it when the
    region has a primary.

    Raises:
        StepError: There is no primary, or the instance didn't become that.
    """
    mirror = host.description.mirror
    if network.waits_for_the_mirror(host) and not iris.is_configured(host, iris.installed(host)):
        host.log(f"ready to start when a member of {mirror.name} in this region is primary: {', '.join(mirror.members)}")
        return
    name = network.wait_for_primary(host, f"a primary of {mirror.name} at {', '.join(mirror.members.values())}", 1800)
    # A member's name ends with its letter.
    bring_up(host, host.config(f"via-{name[-1].lower()}.cpf"))


def is_to_start(host: Context) -> bool:
    """Whether the timer has something to do: this server has waited for its region, and that has a primary now."""
    instance = iris.look(host.description.instance)
    region = host.description.region
    if instance is None or region is None or region.role != "dr" or iris.is_configured(host, instance):
        return False
    return network.primary_of(host) is not None


def bring_up(host: Context, merge: Path) -> None:
    """Makes sure that the instance runs and is what its merge file says.

    Args:
        host: The host.
        merge: The merge file, in the bundle.

    Raises:
        StepError: It didn't start, or didn't become that; with what IRIS said.
    """
    instance = iris.installed(host)
    configured = iris.is_configured(host, instance)
    if configured and not instance.is_running:
        start(host)
    if configured and iris.load_code(host):
        _merge(host, merge)
    else:
        _make(host, merge)
    if not _LINK.is_symlink():
        host.run(["systemctl", "enable", UNIT])
    _restart_if_needed(host)


def start(host: Context) -> None:
    """Starts the instance.

    Raises:
        StepError: It isn't running then.
    """
    if not _PREPARED.exists():
        raise StepError("the instance isn't started on a host that isn't prepared: run cdk-host prepare")
    said = iris.log_size()
    # After an end that systemd took for a failure.
    host.run(["systemctl", "reset-failed", UNIT], check=False)
    done = host.run(["systemctl", "start", UNIT], check=False, seconds=_START_SECONDS)
    if done.status or not iris.installed(host).is_running:
        raise StepError(
            f"the instance {host.description.instance} didn't start: see journalctl -u {UNIT}{iris.complaint(said)}"
        )


def restart(host: Context) -> None:
    """Stops the instance and starts it.

    Raises:
        StepError: It isn't running then.
    """
    stop(host)
    start(host)


def stop(host: Context) -> None:
    """Stops the instance in good order.

    Raises:
        StepError: It couldn't be stopped.
    """
    if not iris.installed(host).is_down:
        host.run(["systemctl", "stop", UNIT], seconds=_STOP_SECONDS + 60)
        # Started by hand it isn't the unit's.
        if not iris.installed(host).is_down:
            host.run(iris.as_owner("iris", "stop", host.description.instance, "quietly"), seconds=_STOP_SECONDS)


def _make(host: Context, merge: Path) -> None:
    """Has the instance become what it is to be, by a start with the merge file; if it runs, by a merge first."""
    said = iris.log_size()
    if _SERVED.exists() and iris.installed(host).is_in_place:
        raise StepError(
            f"{IRISOWNER} can't enter the instance {host.description.instance}: allow operating system authentication, of the "
            "service %Service_Terminal and system-wide; a member that is in place isn't restarted for it"
        )
    with _first_start(host, merge) as copy:
        if iris.installed(host).is_running:
            host.log(f"the instance runs and {merge.name} is not done: merging it again")
            _run_merge(host, copy, check=False)
        if not _is_made(host):
            restart(host)
        if not _is_made(host):
            raise StepError(f"the instance started, and {merge.name} did not take effect{iris.complaint(said)}")


def _is_made(host: Context) -> bool:
    """Whether a first start's merge has done what everything else needs: the mirror is configured, and the owner can log in."""
    instance = iris.installed(host)
    return instance.is_running and iris.is_configured(host, instance) and iris.load_code(host)


@contextlib.contextmanager
def _first_start(host: Context, merge: Path) -> Iterator[Path]:
    """The merge file of the first start, while it is needed: in memory, for the owner's eyes, and passed on by systemd."""
    passwords = {}
    if host.description.kit is None:
        passwords["password"] = secrets.get_secret(host.aws, host.settings.secrets.password)
        passwords["gateway_password"] = secrets.get_secret(host.aws, host.settings.secrets.gateway)
    text = merge_file.first_start(_text_of(host, merge), **passwords)
    with _copy_of(host, merge, text) as copy:
        try:
            host.write(_ENVIRONMENT, f"ISC_CPF_MERGE_FILE={copy}\n", mode=0o600)
            yield copy
        finally:
            _ENVIRONMENT.unlink(missing_ok=True)


@contextlib.contextmanager
def _copy_of(host: Context, merge: Path, text: str) -> Iterator[Path]:
    """A merge file with another text, in memory and for the owner's eyes, while it is needed."""
    copy = _MERGE / merge.name
    try:
        _MERGE.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(_MERGE, IRISOWNER, IRISOWNER)
        host.write(copy, text, mode=0o600, owner=f"{IRISOWNER}:{IRISOWNER}")
        yield copy
    finally:
        shutil.rmtree(_MERGE, ignore_errors=True)


def _text_of(host: Context, merge: Path) -> str:
    """A merge file's text, with the sizes for the memory that this host has, where that may change."""
    found = memory.choices(host.config(memory.FILE).parent)
    pages = memory.meminfo("HugePages_Total", _MEMINFO.read_text(encoding="ascii")) if found else 0
    return memory.fitted(merge.read_text(encoding="utf-8"), memory.for_pages(found, pages))


def _merge(host: Context, merge: Path) -> None:
    """Has the running instance take up what has changed. Every action leaves alone what is so already."""
    said = iris.log_size()
    try:
        if not memory.choices(host.config(memory.FILE).parent):
            _run_merge(host, merge, check=True)
            return
        with _copy_of(host, merge, _text_of(host, merge)) as copy:
            _run_merge(host, copy, check=True)
    except StepError as error:
        raise StepError(f"{error}{iris.complaint(said)}") from None


def _run_merge(host: Context, merge: Path, *, check: bool) -> None:
    # The configuration file has to be named. Source: Automating Configuration with Configuration Merge, "Reconfigure an
    # Existing Instance".
    cpf = str(iris.installed(host).cpf)
    host.run(iris.as_owner("iris", "merge", host.description.instance, str(merge), cpf), check=check, seconds=1800)


def _restart_if_needed(host: Context) -> None:
    """Restarts an instance that has taken up settings which need it; of members only one whose restart costs no failover.

    Source: class reference, Config.CPF.PendingRestart.
    """
    if "cdk:restart" not in iris.call(host, "Restart^%ZcdkHost").splitlines():
        return
    instance = iris.installed(host)
    if host.description.role == "member" and (instance.is_primary or not instance.is_in_place):
        shown = instance.mirror_status or "not in the mirror"
        host.log(f"warning: changed settings wait for a restart, which is not made while this member is {shown}")
    else:
        restart(host)
