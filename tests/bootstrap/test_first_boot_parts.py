"""Pieces of the user data that need no host: unpacking, files that change at once, and names."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap import first_boot
from cdk_intersystems.bootstrap.first_boot import AwsError, Identity, Metadata, Requests, StepError, put, unpack
from cdk_intersystems.bootstrap.host.description import SCHEMA, Description, build
from cdk_intersystems.host_bundle import bundle
from tests.bootstrap.lab.descriptions import plain_description


def _archive(folder: Path, *entries: tarfile.TarInfo) -> Path:
    path = folder / "bundle.tar"
    with tarfile.open(path, "w") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, link, mode
    entry.size = 3 if kind == tarfile.REGTYPE else 0
    return entry


def test_a_bundle_is_unpacked_as_it_was_packed(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.tar"
    bundle.write_bundle(archive, {"a": {"host.json": "{}", "odd name.cpf": "x" * 3_000_000}})
    unpack(archive, tmp_path / "to")
    found = {str(path.relative_to(tmp_path / "to")): path for path in (tmp_path / "to").rglob("*") if path.is_file()}
    code = {f"bootstrap/{name}": content for name, content in bundle.code().items()}
    assert {name: path.read_bytes() for name, path in found.items() if name.startswith("bootstrap/")} == code
    assert found["config/a/odd name.cpf"].stat().st_size == 3_000_000
    assert {path.stat().st_mode & 0o777 for path in found.values()} == {0o644, 0o755}
    assert os.access(found["bootstrap/cdk-host"], os.X_OK)


@pytest.mark.parametrize(
    "entry",
    [
        _entry("/bootstrap/x"),
        _entry("//bootstrap/x"),
        _entry("bootstrap/../../x"),
        _entry("bootstrap/.."),
        _entry("config/./x"),
        _entry("config//x"),
        _entry("../bootstrap/x"),
        _entry("other/x"),
        _entry("settings.json"),
        _entry("bootstrap/x", tarfile.SYMTYPE, "/etc"),
        _entry("bootstrap/x", tarfile.LNKTYPE, "bootstrap/y"),
        _entry("bootstrap/x", tarfile.FIFOTYPE),
        _entry("bootstrap/x", tarfile.CHRTYPE),
        _entry("bootstrap/x", tarfile.BLKTYPE),
        _entry("bootstrap/x", tarfile.CONTTYPE),
    ],
    ids=lambda entry: f"{entry.name} {entry.type.decode()}",
)
def test_nothing_but_plain_files_in_their_place_is_unpacked(entry: tarfile.TarInfo, tmp_path: Path) -> None:
    archive = _archive(tmp_path, _entry("bootstrap/good"), entry)
    with pytest.raises(StepError, match="the bundle may not hold"):
        unpack(archive, tmp_path / "to")
    assert [str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*") if path.is_file()] == [
        "bootstrap/good"
    ]


def test_an_entry_whose_folder_is_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"exists|directory"):
        unpack(_archive(tmp_path, _entry("config/a"), _entry("config/a/x")), tmp_path / "to")


def test_a_file_that_stands_nowhere_else_may_not_be_a_tar(tmp_path: Path) -> None:
    (tmp_path / "bundle.tar").write_bytes(b"not a tar")
    with pytest.raises(tarfile.ReadError):
        unpack(tmp_path / "bundle.tar", tmp_path / "to")


def test_a_file_or_link_is_put_in_the_place_of_whatever_is_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "here"
    put(path, b"1")
    (tmp_path / "deep" / ".here.new").write_text("left by an interruption")
    put(path, b"2")
    assert path.read_bytes() == b"2"
    (tmp_path / "deep" / ".here.new").symlink_to("nowhere")
    put(path, link="a")
    put(path, link="b")
    assert path.readlink() == Path("b")
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["here"]


class _Silent(Requests):
    """AWS that answers nothing."""

    def post(self, what: str, service: str, headers: dict[str, str], body: bytes) -> bytes:
        raise AwsError(what, "Nothing", 400, "")


def _me(**tags: str) -> Identity:
    return Identity(
        "i-1", "eu-west-2", "eu-west-2a", "10.0.1.10", {f"cdk-intersystems:{name}": value for name, value in tags.items()}
    )


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (
            {"deployment": "d", "mirror-set": "TRAK", "member": "a"},
            "ssm GetParameter /cdk-intersystems/d/TRAK/bootstrap was refused",
        ),
        ({"deployment": "d", "tier": "app"}, "ssm GetParameter /cdk-intersystems/d/app/bootstrap was refused"),
        ({"mirror-set": "TRAK"}, "lacks cdk-intersystems:deployment, cdk-intersystems:member: its stack"),
        ({"deployment": "d", "tier": ""}, "lacks cdk-intersystems:tier: its stack"),
        ({}, "lacks cdk-intersystems:deployment, cdk-intersystems:mirror-set, cdk-intersystems:member: its stack"),
    ],
)
def test_its_tags_say_what_a_host_is(tags: dict[str, str], said: str) -> None:
    with pytest.raises(StepError, match=said):
        first_boot.apply(_Silent("eu-west-2", Metadata()), _me(**tags))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bytes]]]:
    posted: list[tuple[str, bytes]] = []
    monkeypatch.setattr(_Silent, "post", lambda _self, what, _service, _headers, body: posted.append((what, body)) or b"")
    return posted  # type: ignore[return-value]


def test_a_host_without_a_resource_that_waits_tells_nobody(told: list[tuple[str, bytes]]) -> None:
    first_boot.signal(_Silent("eu-west-2", Metadata()), _me(), "SUCCESS")
    assert told == []
    first_boot.signal(_Silent("eu-west-2", Metadata()), _me(signal="a-stack/Host1A2B"), "SUCCESS")
    assert [what for what, _ in told] == ["cloudformation SignalResource a-stack/Host1A2B"]
    assert b"StackName=a-stack&LogicalResourceId=Host1A2B&UniqueId=i-1&Status=SUCCESS" in told[0][1]


@pytest.mark.parametrize(("code", "shown"), [("ValidationError", False), ("AccessDenied", True)])
def test_a_signal_that_comes_too_late_is_no_failure(
    code: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_self: object, what: str, *_: object) -> bytes:
        raise AwsError(what, code, 400, "")

    monkeypatch.setattr(_Silent, "post", refused)
    first_boot.signal(_Silent("eu-west-2", Metadata()), _me(signal="a-stack/Host"), "FAILURE")
    assert (code in capsys.readouterr().out) == shown


# Descriptions


@pytest.mark.parametrize("role", ["member", "arbiter", "application", "web"])
def test_the_labs_descriptions_are_read(role: str) -> None:
    described = build(Description, plain_description(role), "host.json")
    assert (described.schema, described.role) == (SCHEMA, role)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "host.json needs exactly .*, got .*more"),
        ({"huge_pages": "8"}, "host.json: huge_pages has a value of the wrong type, str"),
        ({"huge_pages": True}, "host.json: huge_pages has a value of the wrong type, bool"),
        ({"hosts": ["a"]}, "host.json: hosts has a value of the wrong type, list"),
        ({"hosts": {"a": 1}}, "host.json: hosts has a value of the wrong type, int"),
        ({"tls": {}}, r"host.json: tls needs exactly authority, days, private_ca_arn, subject, got \[\]"),
        ({"volumes": [None]}, "host.json: volumes needs exactly .*, got NoneType"),
        ({"mirror": None}, "host.json: mirror needs exactly .*, got NoneType"),
    ],
)
def test_a_description_of_another_age_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(StepError, match=said):
        build(Description, {**plain_description("member"), **change}, "host.json")
