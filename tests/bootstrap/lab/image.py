"""What a lab host's disk holds before its first start: this machine's system, without what is only this machine's."""

import hashlib
import os
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
#: Folders that are empty on a new host, so that nothing runs there that only this machine has. The system's own Python, systemd
#: and tools are below /usr, which is shared with it.
_EMPTY = [
    "work",
    "home",
    "root",
    "tmp",
    "opt",
    "srv",
    "mnt",
    "media",
    "run",
    "usr/local",
    "usr/src",
    "var/tmp",
    "var/log",
    "var/spool",
    "var/lib/cloud",
    "var/cache/apt/archives",
    "etc/systemd/system",
    "etc/rc0.d",
    "etc/rc1.d",
    "etc/rc2.d",
    "etc/rc3.d",
    "etc/rc4.d",
    "etc/rc5.d",
    "etc/rc6.d",
    "etc/rcS.d",
    "etc/profile.d",
    "etc/chrony",
    "etc/apache2/sites-enabled",
    "etc/apt/sources.list.d",
    "etc/pip.conf.d",
]
_USUAL = {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}

_OPERATING_SYSTEMS = {
    # The fields of os-release(5) as the distributions fill them.
    "ubuntu2204": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\nPRETTY_NAME="Ubuntu 22.04 LTS"\n',
    "ubuntu2404": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04 LTS"\n',
    "rhel9": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.6"\nPRETTY_NAME="Red Hat Enterprise Linux 9.6 (Plow)"\n',
    "rhel10": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="10.0"\nPRETTY_NAME="Red Hat Enterprise Linux 10.0 (Coughlan)"\n',
}

# A user data script, as cloud-init's cloud-final.service runs it: after everything else has started, once an instance, and what
# it has started lives on when it ends. cloud-init itself isn't here.
_SCRIPT = """\
[Unit]
Description=The instance's user data, as cloud-init runs it
After=network-online.target time-sync.target multi-user.target
Wants=network-online.target
ConditionPathExists=!/var/lib/cloud/instance/sem/config_scripts_user

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
KillMode=process
ExecStartPre=/bin/mkdir -p /var/lib/cloud/instance/sem
ExecStartPre=/bin/touch /var/lib/cloud/instance/sem/config_scripts_user
ExecStart=/var/lib/cloud/instance/scripts/part-001
StandardOutput=journal+console

[Install]
WantedBy=cloud-init.target
"""
# A boot hook, as cloud-init.service runs it: at each start, when the network is there and most has not started yet.
_HOOK = """\
[Unit]
Description=The instance's user data, as cloud-init runs it
After=network.target dbus.service
Before=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart=/var/lib/cloud/instance/boothooks/part-001
StandardOutput=journal+console
"""
_HOOK_PREFIX = b"#cloud-boothook\n"
_CHRONY = "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x\n"
# As Red Hat's package names it and its configuration.
_CHRONYD = (
    "[Unit]\nDescription=NTP client/server\n\n[Service]\nExecStart=/usr/sbin/chronyd -n -x -f /etc/chrony.conf\n\n"
    "[Install]\nWantedBy=multi-user.target\n"
)
_CLOUD_INIT = "[Unit]\nDescription=Cloud-init target\nAfter=multi-user.target\n"


def prepare(upper: Path, *, operating_system: str, machine: str, environment: dict[str, str], user_data: bytes) -> None:
    """Writes the upper layer of a new host's disk.

    Args:
        upper: Its folder, which is there and empty.
        operating_system: Which one /etc/os-release names.
        machine: A name for this host that no other has.
        environment: Variables that every service of the host has: where AWS is.
        user_data: What it runs at its first start. Empty: nothing.
    """
    write = _Writer(upper)
    for name in _EMPTY:
        write.empty_folder(name, _USUAL.get(name, 0o755))
    write.empty_folder(str(REPOSITORY.relative_to("/")), 0o755)
    for name in ("etc/apt/sources.list", "etc/pip.conf", "etc/environment", "etc/resolv.conf", "etc/fstab"):
        write.file(name, "")
    write.file("usr/lib/os-release", _OPERATING_SYSTEMS[operating_system])
    write.file("etc/machine-id", uuid.uuid5(uuid.NAMESPACE_DNS, machine).hex + "\n")
    write.file("etc/hostname", f"ip-{machine}\n")
    write.file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write.file("etc/systemd/system.conf.d/lab.conf", _manager(environment))
    write.file(
        "etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nForwardToConsole=no\n"
    )
    write.folder("var/log/journal")
    write.link("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target")
    # A console and its log-in are what a machine has; its clock and its packages are looked after by nobody here.
    for unit in (
        "getty.target",
        "systemd-timesyncd.service",
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "man-db.timer",
        "e2scrub_all.timer",
        "fstrim.timer",
        "dpkg-db-backup.timer",
        "logrotate.timer",
        "systemd-update-utmp.service",
    ):
        write.link(f"etc/systemd/system/{unit}", "/dev/null")
    # They make units of /etc/fstab, of disks and of old scripts, none of which are here: a third of each start and reload.
    for generator in Path("/lib/systemd/system-generators").iterdir():
        write.link(f"etc/systemd/system-generators/{generator.name}", "/dev/null")
    write.file("usr/local/sbin/udevadm", Path(__file__).with_name("udevadm.sh").read_bytes(), 0o755)
    write.file("etc/systemd/system/chrony.service.d/lab.conf", _CHRONY)
    if operating_system.startswith("rhel"):
        write.file("etc/systemd/system/chronyd.service", _CHRONYD)
    if user_data.startswith(_HOOK_PREFIX):
        write.file("var/lib/cloud/instance/boothooks/part-001", user_data.removeprefix(_HOOK_PREFIX).lstrip(), 0o700)
        write.file("etc/systemd/system/user-data.service", _HOOK)
        write.link("etc/systemd/system/multi-user.target.wants/user-data.service", "../user-data.service")
    elif user_data:
        write.file("var/lib/cloud/instance/scripts/part-001", user_data, 0o700)
        write.file("etc/systemd/system/cloud-init.target", _CLOUD_INIT)
        write.file("etc/systemd/system/user-data.service", _SCRIPT)
        write.link("etc/systemd/system/cloud-init.target.wants/user-data.service", "../user-data.service")
        write.link("etc/systemd/system/multi-user.target.wants/cloud-init.target", "../cloud-init.target")


def _manager(environment: dict[str, str]) -> str:
    words = " ".join(f'"{name}={value}"' for name, value in environment.items())
    # A host that hangs at its end must not hold up the tests.
    return f"[Manager]\nDefaultEnvironment={words}\nDefaultTimeoutStopSec=20s\n"


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Writer:
    """Writes files into an overlay's upper layer, with the folders above them as the lower one has them."""

    def __init__(self, upper: Path) -> None:
        self._upper = upper

    def folder(self, name: str) -> Path:
        made = self._upper
        for part in Path(name).parts:
            made = made / part
            if not made.exists():
                made.mkdir()
                below = Path("/") / made.relative_to(self._upper)
                if below.is_dir():
                    found = below.stat()
                    os.chown(made, found.st_uid, found.st_gid)
                    made.chmod(found.st_mode & 0o7777)
        return made

    def empty_folder(self, name: str, mode: int) -> None:
        folder = self.folder(name)
        folder.chmod(mode)
        # An opaque directory, in the words of the kernel's overlayfs documentation: what is below is not seen.
        os.setxattr(folder, "trusted.overlay.opaque", b"y")

    def file(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        path = self.folder(str(Path(name).parent)) / Path(name).name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def link(self, name: str, target: str) -> None:
        (self.folder(str(Path(name).parent)) / Path(name).name).symlink_to(target)
