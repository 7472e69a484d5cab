"""The packages a host needs beyond the smallest image of its operating system, and the three ways they come to it."""

from __future__ import annotations

import re
import shutil
import tarfile
from typing import TYPE_CHECKING, Mapping, Sequence

from ..aws import s3
from ..context import STATE
from ..errors import StepError

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import Context
    from ..description import S3Object

#: What each role's steps use, in the words of RHEL and of Ubuntu.
_RHEL: Mapping[str, str] = {
    "": "amazon-ssm-agent chrony gzip iproute openssl policycoreutils procps-ng python3 tar",
    "member": "e2fsprogs lvm2 nftables xfsprogs",
    "application": "lvm2 xfsprogs",
    "arbiter": "",
    "web": "httpd mod_ssl policycoreutils-python-utils",
}
#: Ubuntu's images for EC2 have the SSM Agent as a snap. Source: AWS Systems Manager User Guide, "Install SSM Agent on Ubuntu".
_UBUNTU: Mapping[str, str] = {
    "": "chrony gzip iproute2 openssl procps python3 tar",
    "member": "e2fsprogs lvm2 nftables xfsprogs",
    "application": "lvm2 xfsprogs",
    "arbiter": "",
    "web": "apache2",
}

#: Not in RHEL's repositories; the region's own copy. Source: AWS Systems Manager User Guide, "Install SSM Agent on Red Hat".
_SSM_AGENT = "amazon-ssm-agent"
_SSM_AGENT_URL = "https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/linux_{architecture}/amazon-ssm-agent.rpm"
_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}

_FOLDER = STATE / "packages"
_ARCHIVE = STATE / "packages.tar"
_SECONDS = 1800

#: Nobody is there to answer, services aren't restarted behind IRIS's back, and a configuration that was changed stays.
_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
_APT = [
    *("apt-get", "install", "--yes", "--no-install-recommends"),
    *("-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"),
]
#: apt's --no-download refuses files too. So it is told of no repository.
_NO_REPOSITORY = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null"]
_DNF = ["dnf", "install", "--assumeyes", "--setopt=install_weak_deps=False"]


def package_names(role: str, operating_system: str) -> tuple[str, ...]:
    """The packages that hosts of a role have to have; what these need themselves comes in addition.

    Args:
        role: `member`, `arbiter`, `application` or `web`.
        operating_system: `rhel9`, `rhel10`, `ubuntu2204` or `ubuntu2404`.
    """
    table = _UBUNTU if _is_ubuntu(operating_system) else _RHEL
    return tuple(sorted(f"{table['']} {table[role]}".split()))


def packages(host: Context) -> None:
    """Makes sure that the packages of the host's role are installed.

    Args:
        host: The host.

    Raises:
        StepError: Some are missing, and don't come from where the description says.
    """
    _clean_up()
    described = host.description
    names = package_names(described.role, described.operating_system)
    missing = _missing(host, names)
    if not missing:
        return
    host.log(f"not installed: {' '.join(missing)}")
    source = described.packages
    if described.packages_from == "image":
        raise StepError(f"the image lacks {' '.join(missing)}: build one that has them, or let packages come from elsewhere")
    if described.packages_from == "archive" and source:
        _install_archive(host, source)
        where = f"the archive s3://{source.bucket}/{source.key}"
    else:
        _install_from_repositories(host, missing)
        where = "the distribution's repositories"
    missing = _missing(host, names)
    if missing:
        raise StepError(f"{' '.join(missing)} did not come from {where}")


def _is_ubuntu(operating_system: str) -> bool:
    return operating_system.startswith("ubuntu")


def _clean_up() -> None:
    _ARCHIVE.unlink(missing_ok=True)
    shutil.rmtree(_FOLDER, ignore_errors=True)


def _missing(host: Context, names: Sequence[str]) -> list[str]:
    if _is_ubuntu(host.description.operating_system):
        asked = host.run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *names], check=False)
        lines = asked.output.splitlines()
        found = {line.split()[0] for line in lines if line.endswith(" installed")}
    else:
        asked = host.run(["rpm", "--query", "--queryformat", "%{NAME}\\n", *names], check=False)
        found = set(asked.output.splitlines())
    return [name for name in names if name not in found]


def _install_from_repositories(host: Context, names: Sequence[str]) -> None:
    if _is_ubuntu(host.description.operating_system):
        _finish_interrupted(host)
        host.run(["apt-get", "update"], environment=_APT_ENVIRONMENT, seconds=_SECONDS)
        host.run([*_APT, *names], environment=_APT_ENVIRONMENT, seconds=_SECONDS)
        return
    architecture = _ARCHITECTURES[host.description.architecture]
    url = _SSM_AGENT_URL.format(region=host.me.region, architecture=architecture)
    host.run([*_DNF, *(url if name == _SSM_AGENT else name for name in names)], seconds=_SECONDS)


def _install_archive(host: Context, source: S3Object) -> None:
    s3.fetch(host.aws, source, _ARCHIVE)
    ubuntu = _is_ubuntu(host.description.operating_system)
    try:
        files = [str(path) for path in _unpacked(source, ".deb" if ubuntu else ".rpm")]
        if ubuntu:
            _finish_interrupted(host)
            host.run([*_APT, *_NO_REPOSITORY, *files], environment=_APT_ENVIRONMENT, seconds=_SECONDS)
        else:
            host.run([*_DNF, "--disablerepo=*", *files], seconds=_SECONDS)
    finally:
        _clean_up()


def _finish_interrupted(host: Context) -> None:
    """What dpkg was interrupted in has to be finished before apt-get does anything."""
    host.run(["dpkg", "--configure", "-a"], environment=_APT_ENVIRONMENT, seconds=_SECONDS)


def _unpacked(source: S3Object, ending: str) -> list[Path]:
    """Unpacks the archive, which holds package files and nothing else."""
    _FOLDER.mkdir(mode=0o755, parents=True)
    found = []
    try:
        with tarfile.open(_ARCHIVE) as archive:
            for member in archive:
                name = member.name[2:] if member.name.startswith("./") else member.name
                if member.isdir() and name == ".":
                    continue
                if not member.isfile() or not re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._+~%:^-]*{re.escape(ending)}", name):
                    raise StepError(
                        f"s3://{source.bucket}/{source.key} holds {member.name}: {ending} files are expected, and no folders"
                    )
                content = archive.extractfile(member)
                if content is not None:
                    with content, (_FOLDER / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
                    found.append(_FOLDER / name)
    except tarfile.TarError as error:
        raise StepError(f"s3://{source.bucket}/{source.key} is no tar archive: {error}") from None
    if not found:
        raise StepError(f"s3://{source.bucket}/{source.key} holds no packages")
    return sorted(found)
