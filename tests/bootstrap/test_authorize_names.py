"""Whose certificate is authorized: exactly the names of this deployment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.bootstrap.host.names import as_shown, parts, same_name

OURS = "CN=TRAKB,OU=TRAK,O=lab"


@pytest.mark.parametrize(
    "shown",
    [
        "CN=TRAKB,OU=TRAK,O=lab",
        "CN=TRAKB, OU=TRAK, O=lab",
        "O=lab,OU=TRAK,CN=TRAKB",
        "O=lab, OU=TRAK, CN=TRAKB",
        "cn=TRAKB,ou=TRAK,o=lab",
        " CN=TRAKB ,  OU=TRAK,O=lab ",
    ],
)
def test_a_name_is_the_same_however_it_is_written(shown: str) -> None:
    assert same_name(OURS, shown)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "CN=TRAKB",
        "CN=TRAKB,OU=TRAK",
        "CN=TRAKB,OU=TRAK,O=lab,C=GB",
        "CN=evil,CN=TRAKB,OU=TRAK,O=lab",
        "CN=TRAKB,OU=TRAK,O=lab,O=evil",
        "CN=TRAKBX,OU=TRAK,O=lab",
        "CN=XTRAKB,OU=TRAK,O=lab",
        "CN=trakb,OU=TRAK,O=lab",
        "CN=TRAKB,OU=TRAK,O=labs",
        "OU=TRAK,CN=TRAKB,O=lab",
        "CN=TRAKB,O=lab,OU=TRAK",
        r"CN=TRAKB\,OU=TRAK\,O=lab",
        r"CN=TRAKB\2COU=TRAK,O=lab",
        'CN="TRAKB,OU=TRAK,O=lab"',
        "CN=TRAKB+OU=TRAK,O=lab",
        "CN=TRAKB/OU=TRAK/O=lab",
        "/O=lab/OU=TRAK/CN=TRAKB",
        "CN=TRAKB,OU=TRAK,O=lab\n",
        "CN=TRAKB,OU=TRAK,O=lab\0",
        "CN=TRAKB;OU=TRAK;O=lab",
        "CN=TRAK\u0412,OU=TRAK,O=lab",
        "2.5.4.3=TRAKB,OU=TRAK,O=lab",
        "CN =TRAKB,OU=TRAK,O=lab",
        "CN=TRAKB,,OU=TRAK,O=lab",
        "CN=,OU=TRAK,O=lab",
    ],
)
def test_another_name_is_another_however_much_it_looks_like_it(forged: str) -> None:
    assert not same_name(OURS, forged)
    assert not same_name(forged, OURS)


@given(st.text(alphabet='CNOUTRAKBlab=,/+ "\\;#<>\t\n', max_size=40) | st.text(max_size=30))
def test_only_the_parts_of_the_name_make_it_the_name(text: str) -> None:
    wanted = [("CN", "TRAKB"), ("OU", "TRAK"), ("O", "lab")]
    read = [tuple(part.strip(" ").partition("=")[::2]) for part in text.split(",")]
    is_it = [(kind.upper(), value) for kind, value in read]

    assert same_name(OURS, text) == (is_it in (wanted, wanted[::-1]))


@given(st.text())
def test_a_text_that_is_no_name_of_a_deployment_is_equal_to_nothing(text: str) -> None:
    if parts(text) is None:
        assert not same_name(text, text)


def test_a_server_is_authorized_as_the_documentation_shows_it() -> None:
    assert as_shown("CN=ecp-client,OU=TRAK,O=lab") == "CN=ecp-client, OU=TRAK, O=lab"
