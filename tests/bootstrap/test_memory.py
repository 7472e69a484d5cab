"""A member's shared memory follows its host's: a promotion makes the host larger, and a fail-back smaller again."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import memory
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import kernel
from cdk_intersystems.bootstrap.region import before_start
from cdk_intersystems.bootstrap.region import memory as region_memory
from cdk_intersystems.model.memory import shared_memory
from cdk_intersystems.model.memory_choices import MemoryChoice, memory_files
from tests.bootstrap.step_host import StepHost, Store

_GIB = 1024 * 1024
_SMALL, _LARGE = (
    MemoryChoice(
        memory_mib=gib * 1024, memory=shared_memory("member", memory_mib=gib * 1024, vcpus=gib // 8, max_server_conn=24)
    )
    for gib in (32, 128)
)
_CPF = """\
[ConfigFile]
Product=IRIS
Version=2025.3

[config]
LibPath=
MaxServerConn=24
globals=0,0,20000,0,0,0
routines=500
gmheap=400000
jrnbufs=64
memlock=64

[MirrorMember]
ValidatedMember=1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A host's files of the bundle."""
    (tmp_path / memory.FILE).write_text(memory_files([_LARGE, _SMALL])[memory.FILE])
    return tmp_path


def test_the_host_reads_what_the_library_writes(folder: Path) -> None:
    small, large = memory.choices(folder)
    assert (small.memory_mib, small.huge_pages) == (_SMALL.memory_mib, _SMALL.memory.huge_pages)
    assert (large.memory_mib, large.huge_pages) == (_LARGE.memory_mib, _LARGE.memory.huge_pages)
    assert large.config["globals"] == f"0,0,{_LARGE.memory.globals_mb},0,0,0"


def test_the_sizes_are_those_of_a_merge_file(folder: Path) -> None:
    """Under the same keys, and written alike."""
    from cdk_intersystems.model.cpf import common

    rendered = {key: ",".join(map(str, value)) if isinstance(value, tuple) else str(value) for key, value in _keys(common)}
    assert memory.choices(folder)[1].config.items() <= rendered.items()


def _keys(common: Any) -> Any:
    return common.config(_LARGE.memory).keys


def test_a_host_whose_memory_never_changes_has_no_choice(tmp_path: Path) -> None:
    assert memory_files([_SMALL]) == memory_files([_SMALL, _SMALL]) == memory_files([]) == {}
    assert memory.choices(tmp_path) == []
    assert memory.for_memory([], 32 * _GIB) is memory.for_pages([], 100) is None
    assert memory.fitted(_CPF, None) == _CPF


@pytest.mark.parametrize(("gib", "chosen"), [(16, 0), (32, 0), (64, 0), (128, 1), (256, 1)])
def test_the_largest_that_fits_the_memory_is_taken(folder: Path, gib: int, chosen: int) -> None:
    """Of whatever type the promotion found capacity for; Linux sees 3 % less than the type has."""
    found = memory.choices(folder)
    assert memory.for_memory(found, gib * _GIB * 97 // 100) is found[chosen]


def test_the_sizes_are_those_for_which_there_are_huge_pages(folder: Path) -> None:
    """IRIS doesn't start without them."""
    found = memory.choices(folder)
    assert memory.for_pages(found, found[1].huge_pages) is found[1]
    assert memory.for_pages(found, found[1].huge_pages - 1) is found[0]
    assert memory.for_pages(found, 0) is found[0]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_nothing_else_of_the_file_changes(folder: Path, ending: str) -> None:
    large = memory.choices(folder)[1]
    before = _CPF.replace("\n", ending)
    after = memory.fitted(before, large)
    assert memory.fitted(after, large) == after
    old, new = before.split(ending), after.split(ending)
    assert len(old) == len(new)
    assert {new_line.partition("=")[0] for old_line, new_line in zip(old, new, strict=True) if old_line != new_line} == {
        "globals",
        "routines",
        "gmheap",
    }


def test_what_the_file_lacks_is_added_where_it_belongs(folder: Path) -> None:
    large = memory.choices(folder)[1]
    after = memory.fitted(_CPF.replace("gmheap=400000\n", ""), large)
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(after)
    assert parsed["config"]["gmheap"] == large.config["gmheap"]
    assert dict(parsed["MirrorMember"]) == {"ValidatedMember": "1"}
    at_the_end = memory.fitted("[config]\nroutines=1\n", large)
    assert set(at_the_end.splitlines()[1:]) == {f"{key}={value}" for key, value in large.config.items()}
    assert memory.fitted("[Startup]\nroutines=1\n", large) == "[Startup]\nroutines=1\n"


@pytest.mark.parametrize(
    "text", ["{", "{}x", '[{"memory_mib": 1}]', '[{"memory_mib": 1, "huge_pages": "x", "config": {}}]', "[1]"]
)
def test_what_cannot_be_read_is_said(folder: Path, text: str) -> None:
    (folder / memory.FILE).write_text(text)
    with pytest.raises(StepError, match=rf"cannot read .*{memory.FILE}"):
        memory.choices(folder)


# Before IRIS starts.


def _meminfo(folder: Path, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "meminfo"
    path.write_text(f"MemTotal:       129000000 kB\nHugePages_Total:   {pages}\nHugepagesize:       2048 kB\n")
    monkeypatch.setattr(region_memory, "_MEMINFO", path)


def test_before_iris_starts_its_file_gets_what_fits_both_ways(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpf = folder / "iris.cpf"
    cpf.write_text(_CPF)
    cpf.chmod(0o640)
    for choice in (_LARGE, _SMALL):
        _meminfo(folder, choice.memory.huge_pages, monkeypatch)
        said = region_memory.fit(cpf, folder)
        assert said is not None
        assert f"{choice.memory_mib} MiB" in said
        assert f"globals=0,0,{choice.memory.globals_mb},0,0,0\n" in cpf.read_text()
        assert region_memory.fit(cpf, folder) is None, "nothing to do twice"
    assert cpf.stat().st_mode & 0o777 == 0o640


def test_a_host_without_choices_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpf = tmp_path / "iris.cpf"
    cpf.write_text(_CPF)
    _meminfo(tmp_path, 0, monkeypatch)
    assert region_memory.fit(cpf, tmp_path) is None
    assert cpf.read_text() == _CPF


def test_iris_starts_even_if_the_sizes_are_not_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(before_start, "CONFIG", folder / "not-there")
    assert before_start.before_start() == before_start.GO_ON
    assert "the sizes for this host's memory are not known, IRIS keeps its own" in capsys.readouterr().err


# The kernel.


class _Kernel:
    """The kernel's settings as files, of a host with some memory; it gives as many huge pages as it has."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, gib: int, *, most: int = 1_000_000) -> None:
        self.loaded: list[str] = []
        self.pages, self._most = 0, most
        self._sysctl = folder / "90.conf"
        self.host = StepHost(Store(), huge_pages=_SMALL.memory.huge_pages)
        monkeypatch.setattr(StepHost, "config", lambda _self, name: folder / name)
        monkeypatch.setattr(StepHost, "run", lambda _self, command, **_: self._run(command))
        monkeypatch.setattr(StepHost, "write", lambda _self, path, text, **_: bool(path.write_text(text)))
        monkeypatch.setattr(kernel, "_SYSCTL", self._sysctl)
        monkeypatch.setattr(kernel, "_switch_thp_off", lambda _host: None)
        monkeypatch.setattr(kernel, "_meminfo", lambda name: {"MemTotal": gib * _GIB * 97 // 100, "Hugepagesize": 2048}[name])
        monkeypatch.setattr(kernel.grp, "getgrnam", lambda _name: type("Group", (), {"gr_gid": 1})())
        self._values: dict[str, str] = {}
        monkeypatch.setattr(
            kernel, "_now", lambda key: str(self.pages) if key.endswith("nr_hugepages") else self._values.get(key)
        )

    def _run(self, command: list[str]) -> None:
        self.loaded.append(command[-1])
        lines = self._sysctl.read_text().splitlines()[1:] if command[-1].startswith("--load") else [command[-1]]
        for line in lines:
            key, _, value = line.partition("=")
            self._values[key.strip()] = value.strip()
        self.pages = min(int(self._values["vm.nr_hugepages"]), self._most)

    @property
    def kept(self) -> str:
        """What systemd loads at the next start."""
        return self._sysctl.read_text()


def test_a_host_that_waits_takes_the_pages_of_its_type(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Kernel(folder, monkeypatch, 32)
    kernel.kernel(made.host)
    assert made.pages == _SMALL.memory.huge_pages


def test_a_larger_host_takes_more_and_the_next_start_on_a_smaller_one_is_safe(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd loads the file before anything else runs: with the large number a small host would have no memory left."""
    made = _Kernel(folder, monkeypatch, 128)
    kernel.kernel(made.host)
    assert made.pages == _LARGE.memory.huge_pages
    assert re.findall(r"vm\.nr_hugepages = (\d+)", made.kept) == [str(_SMALL.memory.huge_pages)]


def test_a_host_that_runs_keeps_its_pages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Kernel(folder, monkeypatch, 128)
    kernel.kernel(made.host)
    made.loaded.clear()
    kernel.kernel(made.host)
    assert made.loaded == []


def test_fewer_pages_than_wished_for_are_no_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Kernel(folder, monkeypatch, 128, most=_LARGE.memory.huge_pages - 1000)
    kernel.kernel(made.host)
    assert any("IRIS gets the sizes for less memory" in line for line in made.host.said)


def test_fewer_than_needed_are_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Kernel(folder, monkeypatch, 128, most=_SMALL.memory.huge_pages - 1)
    with pytest.raises(StepError, match="the kernel gave"):
        kernel.kernel(made.host)
