"""The units of the mirror_status responder."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from cdk_intersystems.model.ports import MIRROR_STATUS_PORT
from tests.bootstrap.responder_process import FOLDER, PROGRAM


def _unit(name: str) -> ConfigParser:
    # Some settings may stand more than once.
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((FOLDER / name).read_text())
    return unit


def test_the_socket_listens_where_the_health_check_asks() -> None:
    assert _unit("mirror-status.socket")["Socket"]["ListenStream"] == str(MIRROR_STATUS_PORT)


def test_the_socket_is_never_given_up() -> None:
    assert _unit("mirror-status.socket")["Socket"]["TriggerLimitIntervalSec"] == "0"
    service = _unit("mirror-status.service")
    assert service["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["Service"]["Restart"] == "always"


def test_the_service_runs_the_program_with_the_python_of_the_host() -> None:
    python, *options, program, instance = _unit("mirror-status.service")["Service"]["ExecStart"].split()
    assert python == "/usr/bin/python3"
    assert options == ["-I", "-S", "-B"]
    assert program.endswith(f"/bootstrap/{PROGRAM.relative_to(FOLDER.parent)}")
    assert instance == "${IRIS_INSTANCE}"


def test_the_service_has_no_more_rights_than_it_needs() -> None:
    service = _unit("mirror-status.service")["Service"]
    wanted = {"DynamicUser": "true", "NoNewPrivileges": "true", "ProtectSystem": "strict", "CapabilityBoundingSet": ""}
    assert {name: service[name] for name in wanted} == wanted
    assert int(service["MemoryMax"].removesuffix("M")) <= 128
    # It has to see the instance's shared memory and processes.
    assert not {"PrivateIPC", "PrivateUsers", "ProtectProc"} & set(service)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = [tmp_path / name for name in ("mirror-status.socket", "mirror-status.service")]
    for unit in units:
        # Whether the command is there is asked on this host, which isn't one of those it is for.
        unit.write_text((FOLDER / unit.name).read_text().replace("=/usr/bin/python3 ", f"={sys.executable} "))
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        # Where there is no systemd nobody can ask it; the sections at least are the right ones.
        assert _unit("mirror-status.socket").sections() == ["Unit", "Socket", "Install"]
        assert _unit("mirror-status.service").sections() == ["Unit", "Service", "Install"]
        return
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
