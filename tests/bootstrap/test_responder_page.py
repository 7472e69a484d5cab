"""docs/concepts/mirror-status.md says what the responder does, and everybody who asks it asks for that."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import layout, network
from cdk_intersystems.bootstrap.host.context import SETTINGS
from cdk_intersystems.bootstrap.mirror_status import mirror_status as responder
from cdk_intersystems.model import ports
from tests.bootstrap.responder_process import FOLDER

PAGE = (Path(__file__).parents[2] / "docs" / "concepts" / "mirror-status.md").read_text()


def service() -> ConfigParser:
    read = ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string((FOLDER / "mirror-status.service").read_text())
    return read


def test_port_and_path_are_the_same_for_who_answers_who_asks_and_who_reads() -> None:
    assert f"on port {ports.MIRROR_STATUS_PORT}" in PAGE
    assert layout.MIRROR_STATUS_PORT == ports.MIRROR_STATUS_PORT
    assert f"`{ports.MIRROR_STATUS_PATH}`" in PAGE
    assert network._MIRROR_STATUS == ports.MIRROR_STATUS_PATH
    assert responder.PATH.fullmatch(ports.MIRROR_STATUS_PATH.encode())


@pytest.mark.parametrize("answer", [responder.primary, responder.not_primary, responder.no_member])
def test_the_responses_are_those_of_the_page(answer: object) -> None:
    assert callable(answer)
    head, _, body = answer("").full.decode().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{status.removeprefix('HTTP/1.1 ')}` |")]
    assert f"| `{body}` |" in row
    assert f"`{headers[-1]}`" in row
    assert headers[-1] == f"Content-Length: {len(body)}"
    first = next(line for line in PAGE.splitlines() if line.startswith("| `200 OK` |"))
    assert all(f"`{header}`" in first for header in headers[:-1])


def test_times_and_limits_are_those_of_the_page() -> None:
    text = " ".join(PAGE.split())
    for said in (
        f"starts `iris qlist` every {responder.ASK_EVERY_SECONDS} s",
        f"takes longer than {responder.ASK_LIMIT_SECONDS} s is killed",
        f"at most {responder.MOST_CONNECTIONS} connections",
        f"more than {responder.MOST_REQUEST_BYTES} bytes of header 431",
        f"at most {service()['Service']['MemoryMax'].removesuffix('M')} MB",
    ):
        assert said in text
    assert (responder.KEEP_SECONDS, responder.CONNECTION_SECONDS) == (1.0, 2.0)
    assert "is answered for one second after it ended" in text
    assert "not complete after two seconds 408" in text


def test_the_settings_file_is_the_one_of_the_page() -> None:
    [name] = re.findall(r"`(/etc/[^`]*\.env)`", PAGE)
    assert service()["Service"]["EnvironmentFile"] == f"-{name}"
    assert name == f"{SETTINGS}/mirror-status.env"
