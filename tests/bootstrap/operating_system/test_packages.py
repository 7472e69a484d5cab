"""Packages: looked for, installed from where they come from, by the real apt and dpkg; RHEL's commands as it would run them."""

import io
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host.steps.packages import package_names
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.single_steps import Ran, run_steps, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces", allow_module_level=True)

# The real ones are on this machine already.
NEEDED = ("lab-database", "tar")
TABLE = {
    "packages._UBUNTU": {"": " ".join(NEEDED), "member": ""},
    "packages._RHEL": {"": "amazon-ssm-agent tar", "member": "lvm2"},
}
UNDO = """
dpkg --purge --force-all lab-database lab-library > /dev/null 2>&1
rm -rf /repository /etc/apt/sources.list.d/lab.list /var/lib/apt/lists/*Packages* /var/lib/cdk-intersystems
find /usr/local/sbin -type f ! -name udevadm -delete
"""


@pytest.fixture
def host(host: LabHost) -> Iterator[LabHost]:
    yield host
    host.run("sh", "-c", UNDO)


def run(lab: Lab, host: LabHost, *, check: bool = True, die_after: int = -1, **changes: Any) -> Ran:
    description = lab.description("member", **changes)
    options = {"instance_id": host.instance_id, "changed": TABLE, "die_after": die_after}
    return run_steps(host, description, "packages", check=check, **options)


def deb(host: LabHost, name: str, depends: str = "") -> bytes:
    """Builds a package."""
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: lab\nDescription: lab\n{depends}"
    host.run("sh", "-ec", f"mkdir -p /tmp/{name}/DEBIAN; cat > /tmp/{name}/DEBIAN/control", stdin=control)
    host.run("dpkg-deb", "--build", "--root-owner-group", f"/tmp/{name}", f"/tmp/{name}.deb")
    return host.path(f"/tmp/{name}.deb").read_bytes()


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def both(host: LabHost) -> dict[str, bytes]:
    """A package and what it needs."""
    return {
        "lab-database_1.0_all.deb": deb(host, "lab-database", "Depends: lab-library\n"),
        "lab-library.deb": deb(host, "lab-library"),
    }


def installed(host: LabHost) -> list[str]:
    shown = host.run("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", "lab-*", check=False).output
    return sorted(line for line in shown.splitlines() if line.endswith(" installed"))


BOTH = ["lab-database installed", "lab-library installed"]


def test_what_the_image_lacks_is_named(lab: Lab, host: LabHost) -> None:
    said = run(lab, host, check=False).failure
    assert said == "the image lacks lab-database: build one that has them, or let packages come from elsewhere"


def test_they_come_from_an_archive_with_no_repository(lab: Lab, host: LabHost) -> None:
    source = lab.artifact("packages.tar", archive(both(host)))
    lab.aws.forget_calls()
    run(lab, host, packages_from="archive", packages=source)
    assert (installed(host), host.run("ls", "-A", "/var/lib/cdk-intersystems").output) == (BOTH, "")
    lab.aws.forget_calls()
    again = run(lab, host, packages_from="archive", packages=source)
    assert (len(again.commands), again.said, lab.aws.calls()) == (1, [], [])


def test_after_any_command(lab: Lab, host: LabHost) -> None:
    source = lab.artifact("packages.tar", archive(both(host)))
    for count in range(4):
        host.run("sh", "-c", UNDO)
        assert run(lab, host, check=False, die_after=count, packages_from="archive", packages=source).status not in (0, 1)
        run(lab, host, packages_from="archive", packages=source)
        assert (installed(host), host.run("ls", "-A", "/var/lib/cdk-intersystems").output) == (BOTH, "")


def test_what_dpkg_was_interrupted_in_is_finished_first(lab: Lab, host: LabHost) -> None:
    files = both(host)
    # As a dpkg that was killed leaves it: what it was about to write to its list.
    host.run("sh", "-c", "dpkg-query --status tar > /var/lib/dpkg/updates/0000")
    run(lab, host, packages_from="archive", packages=lab.artifact("packages.tar", archive(files)))
    assert installed(host) == BOTH


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"lab-database.deb": b"no package"}, "apt-get install"),
        ({"notes.txt": b""}, "holds notes.txt: .deb files are expected, and no folders"),
        ({"../lab-database.deb": b""}, "holds ../lab-database.deb: .deb files are expected"),
        ({"lab-database.rpm": b""}, "holds lab-database.rpm: .deb files are expected"),
        ({}, "holds no packages"),
    ],
)
def test_an_archive_with_anything_else_is_refused(lab: Lab, host: LabHost, files: dict[str, bytes], said: str) -> None:
    source = lab.artifact("packages.tar", archive(files))
    failure = run(lab, host, check=False, packages_from="archive", packages=source).failure
    assert said in failure
    assert "\n" not in failure
    assert host.run("ls", "-A", "/var/lib/cdk-intersystems").output == ""


def test_an_archive_with_another_checksum_is_not_used(lab: Lab, host: LabHost) -> None:
    source = {**lab.artifact("packages.tar", archive(both(host))), "sha256": "0" * 64}
    assert "0" * 64 in run(lab, host, check=False, packages_from="archive", packages=source).failure
    assert installed(host) == []


REPOSITORY = """
mkdir /repository
mv /tmp/lab-*.deb /repository
cd /repository
for file in *.deb; do
  dpkg-deb --field "$file"
  echo "Filename: ./$file"
  echo "Size: $(stat -c %s "$file")"
  echo "SHA256: $(sha256sum < "$file" | cut -d' ' -f1)"
  echo
done > /tmp/Packages
mv /tmp/Packages .
"""


def make_repository(host: LabHost) -> None:
    host.run("sh", "-ec", REPOSITORY)
    host.path("/etc/apt/sources.list.d/lab.list").write_text("deb [trusted=yes] file:/repository ./\n")


def test_what_an_archive_lacks_is_named(lab: Lab, host: LabHost) -> None:
    source = lab.artifact("packages.tar", archive({"lab-library.deb": both(host)["lab-library.deb"]}))
    said = run(lab, host, check=False, packages_from="archive", packages=source).failure
    assert said == f"lab-database did not come from the archive s3://{source['bucket']}/packages.tar"


def test_what_an_archive_lacks_does_not_come_from_a_repository(lab: Lab, host: LabHost) -> None:
    source = lab.artifact("packages.tar", archive({"lab-database.deb": both(host)["lab-database_1.0_all.deb"]}))
    make_repository(host)
    host.run("apt-get", "update")
    said = run(lab, host, check=False, packages_from="archive", packages=source).failure
    assert said.startswith("apt-get install")
    assert installed(host) == []


def test_they_come_from_the_distribution_s_repositories(lab: Lab, host: LabHost) -> None:
    both(host)
    make_repository(host)
    run(lab, host, packages_from="repositories")
    assert installed(host) == BOTH


def test_rhel_s_commands(lab: Lab, host: LabHost) -> None:
    # It knows what was installed by what dnf was told to install.
    write_program(host, "rpm", "#!/bin/sh\ncat /tmp/installed 2> /dev/null; echo package x is not installed; exit 1\n")
    write_program(
        host,
        "dnf",
        "#!/bin/sh\necho tar > /tmp/installed; echo lvm2 >> /tmp/installed; echo amazon-ssm-agent >> /tmp/installed\n",
    )
    rhel = {"operating_system": "rhel9", "architecture": "arm64"}
    ran = run(lab, host, packages_from="repositories", **rhel)
    agent = "https://s3.eu-west-2.amazonaws.com/amazon-ssm-eu-west-2/latest/linux_arm64/amazon-ssm-agent.rpm"
    query = r"rpm --query --queryformat %{NAME}\n amazon-ssm-agent lvm2 tar"
    assert ran.commands == [query, f"dnf install --assumeyes --setopt=install_weak_deps=False {agent} lvm2 tar", query]
    host.run("rm", "/tmp/installed")
    source = lab.artifact("packages.tar", archive({"./lvm2-2.03.24-1.el9.x86_64.rpm": b"", "tar-1.34.rpm": b""}))
    ran = run(lab, host, packages_from="archive", packages=source, **rhel)
    folder = "/var/lib/cdk-intersystems/packages"
    files = f"{folder}/lvm2-2.03.24-1.el9.x86_64.rpm {folder}/tar-1.34.rpm"
    assert ran.commands[1] == f"dnf install --assumeyes --setopt=install_weak_deps=False --disablerepo=* {files}"


def test_every_role_has_what_its_steps_use() -> None:
    for operating_system in ("rhel9", "rhel10", "ubuntu2204", "ubuntu2404"):
        for role in ("member", "arbiter", "application", "web"):
            assert {"chrony", "openssl", "tar"} <= set(package_names(role, operating_system))
        assert {"xfsprogs", "e2fsprogs", "lvm2", "nftables"} <= set(package_names("member", operating_system))
    assert {"httpd", "mod_ssl", "amazon-ssm-agent"} <= set(package_names("web", "rhel10"))
    assert "apache2" in package_names("web", "ubuntu2204")
