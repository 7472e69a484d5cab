"""The merge file of a first start, hashes of passwords, and that host and model agree on where things stand."""

import pytest

from cdk_intersystems.bootstrap.host import layout as on_host
from cdk_intersystems.bootstrap.host.merge_file import first_start, password_hash
from cdk_intersystems.model import layout, ports
from tests.bootstrap.step_host import refusal
from tests.unit.model.cpf_names import ACTIONS, SECTIONS
from tests.unit.model.cpf_parser import parse

BUNDLED = "# For whom.\n\n[Startup]\nSystemMode=LIVE\n\n[config]\nroutines=64\n\n[Actions]\nCreateNamespace:Name=A,Globals=A\n"

# Of the password SYS, made by InterSystems' tool `passwordhash`, as two people have published them.
PUBLISHED = [
    "a31d24aecc0bfe560a7e45bd913ad27c667dc25a75cbfd358c451bb595b6bd52bd25c82cafaa23ca1dd30b3b4947d12d3bb0ffb2a717df29912b743a281f97c1,"
    "0a4c463a2fa1e7542b61aa48800091ab688eb0a14bebf536638f411f5454c9343b9aa6402b4694f0a89b624407a5f43f0a38fc35216bb18aab7dc41ef9f056b1,"
    "10000,SHA512",
    "34e80d2f1ad5135679b3a57a9c4b1611a8a8995e0849ebe954ac1c16ad253d0274296985fea058a8aaf2a149b88082595e6374b3c2f7d5f0774f05e4311ba52d,"
    "124e81ee6bf17fcaf0dfb38a4f8a7f46e9e4b0c8c9a40864bb189d4d200b161b1451874efcbed63b801cbab592434b93037e90810d96e4ee123ac03b756779e9,"
    "10000,SHA512",
]


@pytest.mark.parametrize("published", PUBLISHED)
def test_a_hash_is_the_one_that_the_vendors_tool_makes(published: str) -> None:
    salt = bytes.fromhex(published.split(",")[1])

    assert password_hash("SYS", salt) == published


def test_no_two_hashes_have_one_salt() -> None:
    assert password_hash("SYS") != password_hash("SYS")


def test_a_first_start_lets_the_owner_in_and_changes_nothing_else() -> None:
    before, after = parse(BUNDLED), parse(first_start(BUNDLED))

    assert after.sections == before.sections
    assert after.actions[: len(before.actions)] == before.actions
    assert [name for name, _ in after.actions[len(before.actions) :]] == ["ModifyService", "ModifySystem"]
    assert after.only("ModifyService") == {
        "Name": "%Service_Terminal",
        "Enabled": "1",
        "AutheEnabled": "$$$AutheOS+$$$AuthePassword",
    }
    assert after.only("ModifySystem") == {"Name": "SYSTEM", "AutheEnabled": "$$$AutheOS+$$$AuthePassword"}


def test_an_image_gets_its_passwords_as_hashes_and_no_password_stands_there() -> None:
    text = first_start(BUNDLED, password="the first one", gateway_password="the other one")
    parsed = parse(text)

    one, salt, *form = parsed.sections["Startup"]["PasswordHash"].split(",")
    assert password_hash("the first one", bytes.fromhex(salt)) == ",".join((one, salt, *form))
    other = parsed.only("ModifyUser")
    assert other["Name"] == "CSPSystem"
    assert password_hash("the other one", bytes.fromhex(other["PasswordHash"].split(",")[1])) == other["PasswordHash"]
    assert "one" not in text.lower().replace("bundle", "")
    for section, keys in parsed.sections.items():
        assert set(keys) <= (SECTIONS[section] or set())
    for name, properties in parsed.actions:
        assert set(properties) <= ACTIONS[name]


@pytest.mark.parametrize(
    "text",
    ["", "[Startup]\nA=1\n", "[Actions]\nA:B=1\n", "[Startup]\n[Actions]\n[config]\n", "[Startup]\n[Startup]\n[Actions]\n"],
)
def test_a_file_of_another_form_is_refused(text: str) -> None:
    assert "publish the bundle again" in refusal(lambda: first_start(text))


def test_host_and_model_agree_on_where_things_stand() -> None:
    assert str(on_host.INSTALLATION) == layout.INSTALLATION
    assert str(on_host.TLS) == layout.TLS
    assert [str(each) for each in (on_host.CA_FILE, on_host.CERTIFICATE_FILE, on_host.PRIVATE_KEY_FILE)] == [
        layout.CA_FILE,
        layout.CERTIFICATE_FILE,
        layout.PRIVATE_KEY_FILE,
    ]
    assert (on_host.SUPERSERVER_PORT, on_host.ISCAGENT_PORT, on_host.MIRROR_STATUS_PORT) == (
        ports.SUPERSERVER_PORT,
        ports.ISCAGENT_PORT,
        ports.MIRROR_STATUS_PORT,
    )
