"""The bundle: the same bytes wherever it is made, and what a host needs."""

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

from cdk_intersystems.host_bundle import bundle

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "constructs/cdk_intersystems/bootstrap"
HOSTS = {"b": {"host.json": "{}\n", "create.cpf": "[Startup]\n"}, "a": {"host.json": b"{}\n"}}


def entries(packed: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {entry.name: entry for entry in archive}


def test_two_processes_make_the_same_bytes() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "constructs")!r})
from cdk_intersystems.host_bundle import bundle
sys.stdout.write(bundle.version_of(bundle.bundle({HOSTS!r})))
"""
    versions = {
        subprocess.run(
            [sys.executable, "-I", "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert versions == {hashlib.sha256(bundle.bundle(HOSTS)).hexdigest()}


def test_the_order_in_which_hosts_are_given_is_none_of_the_bundles() -> None:
    assert bundle.bundle(HOSTS) == bundle.bundle(dict(reversed(HOSTS.items())))


def test_nothing_in_it_tells_who_made_it_when_or_where() -> None:
    for entry in entries(bundle.bundle(HOSTS)).values():
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, 0, "root", "root"), entry.name
        assert entry.mode == (0o755 if entry.isdir() or entry.name.endswith(_PROGRAMS) else 0o644), entry.name
        assert entry.isreg() or entry.isdir()


_PROGRAMS = tuple(
    str(path.relative_to(PACKAGE.parent))
    for path in PACKAGE.rglob("*")
    if path.is_file() and path.read_bytes().startswith(b"#!")
)


def test_it_has_all_the_code_and_each_hosts_files_and_a_folder_for_everything() -> None:
    found = entries(bundle.bundle(HOSTS))
    files = {name for name, entry in found.items() if entry.isreg()}
    code = {
        f"bootstrap/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "bundle.py"
    }

    assert files == code | {"config/a/host.json", "config/b/host.json", "config/b/create.cpf"}
    assert {"bootstrap/first_boot.py", "bootstrap/cdk-host", "bootstrap/host/roles.py"} <= files
    names = list(found)
    for name in names:
        if "/" in name:
            assert names.index(name.rpartition("/")[0]) < names.index(name)


def test_its_version_is_its_sha256(tmp_path: Path) -> None:
    version = bundle.write_bundle(tmp_path / "bundle.tar", HOSTS)

    assert version == hashlib.sha256((tmp_path / "bundle.tar").read_bytes()).hexdigest()
    assert version != bundle.version_of(bundle.bundle({**HOSTS, "a": {"host.json": "{ }\n"}}))


def test_a_host_reads_back_what_was_packed(tmp_path: Path) -> None:
    (tmp_path / "bundle.tar").write_bytes(bundle.bundle(HOSTS))
    with tarfile.open(tmp_path / "bundle.tar") as archive:
        archive.extractall(tmp_path, filter="data")

    assert (tmp_path / "config/b/create.cpf").read_text() == "[Startup]\n"
    assert (tmp_path / "bootstrap/cdk-host").stat().st_mode & 0o777 == 0o755
