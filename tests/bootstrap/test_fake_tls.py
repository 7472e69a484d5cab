"""The fake takes the certificates that InterSystems' guide says are good for a mirror member, and no others."""

import shutil
from pathlib import Path

import pytest

from tests.bootstrap.fake_iris.engine.installation import IrisError
from tests.bootstrap.fake_iris.engine.tls import check, files_in, same_name
from tests.bootstrap.fake_iris.hosts import issue, make_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca")
    make_authority(folder)
    return folder


def test_one_for_both_ends_is_good_and_has_a_name(authority: Path) -> None:
    assert check(files_in(str(issue(authority, "A")))) == "CN=A, O=Test"


@pytest.mark.parametrize(
    "options", [{"extended": "serverAuth"}, {"extended": "clientAuth"}, {"usage": "digitalSignature"}], ids=str
)
def test_uses_that_do_not_do(authority: Path, options: dict[str, str]) -> None:
    with pytest.raises(IrisError, match="unsupported certificate"):
        check(files_in(str(issue(authority, "B", **options))))


def test_another_certificate_s_key(authority: Path, tmp_path: Path) -> None:
    made = shutil.copytree(issue(authority, "C"), tmp_path / "c")
    shutil.copy(issue(authority, "D") / "PrivateKeyFile.pem", made)

    with pytest.raises(IrisError, match="do not match"):
        check(files_in(str(made)))


def test_another_authority(authority: Path, tmp_path: Path) -> None:
    made = issue(authority, "E")
    make_authority(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "CAFile.pem", made)

    with pytest.raises(IrisError, match="failed, error="):
        check(files_in(str(made)))


def test_a_missing_file(authority: Path, tmp_path: Path) -> None:
    made = shutil.copytree(issue(authority, "F"), tmp_path / "f")
    (made / "CAFile.pem").unlink()

    with pytest.raises(IrisError, match=r"CAFile\.pem: No such file"):
        files_in(str(made))


def test_blanks_in_names_do_not_count() -> None:
    assert same_name("CN=A,O=Test", "CN=A, O=Test")
    assert not same_name("CN=A,O=Test", "CN=B,O=Test")
