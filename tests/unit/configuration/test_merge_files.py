"""The merge files of whole deployments: reviewed ones, who is like whom, the order, and the command."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.configuration import deployment_of, load_deployment
from cdk_intersystems.configuration.__main__ import main
from cdk_intersystems.configuration.merge_files import HostFile, merge_files_of
from cdk_intersystems.model.cpf.document import SECRETS
from tests.unit.configuration.regions import one_region, two_regions
from tests.unit.model.cpf_names import ACTIONS, SECTIONS
from tests.unit.model.cpf_parser import Parsed, parse

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
GOLDEN = ROOT / "tests/unit/model/golden"
TRAKCARE = one_region()


def files(name: str) -> dict[str, HostFile]:
    return {file.name: file for file in merge_files_of(load_deployment(name, CONFIG))}


def changed(**keys: Any) -> dict[str, HostFile]:
    data = copy.deepcopy(TRAKCARE)
    data["mirror_sets"][0] |= keys
    return {file.name: file for file in merge_files_of(deployment_of(data))}


def test_the_reviewed_merge_files() -> None:
    """To review a change: `python -m cdk_intersystems.configuration cpf NAME --directory tests/unit/model/golden`, and diff."""
    rendered = {
        f"{name}-{file.name}.cpf": file.text for name in ("trakcare", "hybrid", "minimal") for file in files(name).values()
    }

    assert {path.name: path.read_text(encoding="ascii") for path in GOLDEN.glob("*.cpf")} == rendered


def test_every_member_can_create_the_mirror_or_join_the_other_and_tiers_follow_their_mirror() -> None:
    data = copy.deepcopy(TRAKCARE)
    data["mirror_sets"][0]["number"] = 1
    data["mirror_sets"].append({"name": "LAB", "number": 2, "databases": ["LABDATA"], "instance_type": "r7i.xlarge"})
    for tier in data["application_tiers"]:
        tier["mirror_set"] = "TRAK"
    data["application_tiers"].append(
        {"name": "lab-app", "mirror_set": "LAB", "instance_type": "m7i.xlarge", "min": 1, "max": 2}
    )
    made = {file.name: parse(file.text) for file in merge_files_of(deployment_of(data))}
    for mirror in ("TRAK", "LAB"):
        for which, other in ("ab", "ba"):
            create, join = (made[f"{mirror.lower()}-{which}-{way}"].only("ConfigMirror") for way in ("create", "join"))
            address = made[f"{mirror.lower()}-{other}-create"].only("ConfigMirror")["ECPAddress"]
            assert create | {"Member": "backup", "Primary": address} == join
            assert (create["Name"], create["Member"], create["Primary"]) == (mirror, "primary", "localhost")
    # Each tier once, with the mirror it works on.
    assert list(made) == [
        *("trak-a-create", "trak-a-join", "trak-b-create", "trak-b-join"),
        *("app-via-a", "app-via-b", "print-via-a", "print-via-b"),
        *("lab-a-create", "lab-a-join", "lab-b-create", "lab-b-join", "lab-app-via-a", "lab-app-via-b"),
    ]


def config(file: HostFile) -> dict[str, str]:
    return parse(file.text).sections["config"]


def test_members_of_a_mirror_agree_on_what_automatic_failover_needs() -> None:
    a, b = files("trakcare")["trak-a-create"], files("trakcare")["trak-b-join"]

    assert config(a) == config(b)
    assert (config(a)["MaxServers"], config(a)["MaxServerConn"]) == ("8", "24")
    assert parse(a.text).named("CreateDatabase") == parse(b.text).named("CreateDatabase")


def test_every_instance_may_call_as_many_data_servers() -> None:
    assert {config(file)["MaxServers"] for name in ("trakcare", "minimal") for file in files(name).values()} == {"8"}


def test_the_ceiling_on_ecp_clients_is_the_configurations() -> None:
    assert config(changed(ecp_client_ceiling=40)["trak-b-join"])["MaxServerConn"] == "40"
    assert config(files("minimal")["iris-a-create"])["MaxServerConn"] == "0"


def test_an_application_server_can_start_whichever_member_is_primary() -> None:
    made = files("trakcare")
    addresses = {
        mirror["SystemName"]: mirror["ECPAddress"]
        for mirror in (parse(made[f"trak-{each}-join"].text).only("ConfigMirror") for each in "ab")
    }

    for tier in ("app", "print"):
        for member in "ab":
            parsed = parse(made[f"{tier}-via-{member}"].text)
            assert parsed.sections["ECPServers"] == {"TRAK": f"{addresses[f'TRAK{member.upper()}']},1972,1,1"}


def test_addresses_chosen_by_hand_reach_the_merge_files() -> None:
    made = changed(addresses={"a": "10.20.144.200", "arbiter": "10.20.224.200"})

    assert parse(made["trak-b-join"].text).only("ConfigMirror")["Primary"] == "10.20.144.200"
    assert parse(made["trak-b-join"].text).only("ConfigMirror")["ArbiterURL"] == "10.20.224.200:2188"


def test_a_member_taken_out_changes_no_file() -> None:
    assert changed(absent_members=["b"]) == changed()


def _names(parsed: Parsed) -> set[str]:
    return {key for keys in parsed.sections.values() for key in keys} | {
        key for _, properties in parsed.actions for key in properties
    }


@pytest.mark.parametrize("name", ["trakcare", "minimal"])
def test_names_are_documented_and_none_is_a_secrets(name: str) -> None:
    for file in files(name).values():
        parsed = parse(file.text)
        assert not _names(parsed) & SECRETS
        assert set(parsed.sections) <= set(SECTIONS)
        assert {action for action, _ in parsed.actions} <= set(ACTIONS)
        # What the configuration knows of secrets is where they are; not even that stands in a merge file.
        assert "iris-key" not in file.text
        assert "arn:" not in file.text


@pytest.mark.parametrize("name", ["trak-a-create", "trak-b-join", "app-via-a"])
def test_the_host_can_add_the_passwords_hash_without_showing_it(name: str, tmp_path: Path) -> None:
    text = files("trakcare")[name].text
    hashed = "0123456789abcdef,fedcba9876543210,10000,SHA512"
    merge, secret = tmp_path / "merge.cpf", tmp_path / "secret"
    merge.write_text(text, encoding="ascii")
    secret.write_text(f"PasswordHash={hashed}\n", encoding="ascii")

    # As the package describes: what is secret is in a file, and not on a command line.
    command = ["sed", rf"/^\[Startup\]$/r {secret}", str(merge)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    expected = parse(text)
    expected.sections["Startup"]["PasswordHash"] = hashed
    assert parse(done.stdout) == expected
    assert hashed not in text + " ".join(command)


def test_the_command_prints_what_a_host_would_get(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(CONFIG), "cpf", "trakcare", "--member", "a"]) == 0

    assert capsys.readouterr().out == "".join(
        f"# {file.name}.cpf, vm.nr_hugepages = {file.memory.huge_pages}\n{file.text}\n"
        for file in files("trakcare").values()
        if file.host == "a"
    )


def test_the_command_prints_all_hosts_or_those_of_a_tier(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(CONFIG), "cpf", "trakcare"]) == 0
    everything = capsys.readouterr().out
    assert main(["--config-dir", str(CONFIG), "cpf", "trakcare", "--member", "print"]) == 0
    of_a_tier = capsys.readouterr().out

    assert [file.name for file in files("trakcare").values() if f"# {file.name}.cpf, " in everything] == list(files("trakcare"))
    assert [name for name in files("trakcare") if f"# {name}.cpf, " in of_a_tier] == [
        *("print-via-a", "print-via-b", "dr-print-via-c", "dr-print-via-d")
    ]


def test_the_command_writes_files(tmp_path: Path) -> None:
    assert main(["--config-dir", str(CONFIG), "cpf", "minimal", "--directory", str(tmp_path)]) == 0

    assert {path.name: path.read_text(encoding="ascii") for path in tmp_path.iterdir()} == {
        f"minimal-{file.name}.cpf": file.text for file in files("minimal").values()
    }


def test_the_command_says_which_hosts_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(CONFIG), "cpf", "trakcare", "--member", "c"]) == 2
    assert capsys.readouterr().err == "trakcare has no host c: choose from a, b, app, print\n"


def test_the_command_tells_what_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = (CONFIG / "minimal.yaml").read_text(encoding="utf-8").replace("r8g.xlarge", "t4g.small")
    (tmp_path / "minimal.yaml").write_text(small, encoding="utf-8")

    assert main(["--config-dir", str(tmp_path), "cpf", "minimal"]) == 2
    assert "2048 MiB of memory leave 0 MB for the database cache" in capsys.readouterr().err
    assert main(["--config-dir", str(CONFIG), "cpf", "nowhere"]) == 2


def test_the_model_of_merge_files_needs_nothing_but_the_standard_library() -> None:
    code = """
import sys
from cdk_intersystems.model.cpf import application_server, member
ours = {"cdk_intersystems", "__main__"}
print(sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - ours))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'constructs')!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_members_of_the_dr_region_join_whoever_is_primary_and_wait_on_their_own_type() -> None:
    made = {file.name: file for file in merge_files_of(deployment_of(two_regions()))}
    addresses = {"TRAKA": "10.20.144.17", "TRAKB": "10.20.160.17", "TRAKC": "10.30.144.17", "TRAKD": "10.30.160.17"}

    for which, own in (("a", "TRAKC"), ("b", "TRAKD")):
        joins = {name: file for name, file in made.items() if name.startswith(f"dr-trak-{which}-")}
        assert set(joins) == {f"dr-trak-{which}-join-async-{name}" for name in addresses if name != own}
        for name, file in joins.items():
            action = parse(file.text).only("ConfigMirror")
            assert (action["SystemName"], action["Member"], action["Primary"]) == (own, "drasync", addresses[name[-5:]])
            assert action["ECPAddress"] == addresses[own]
    # r7i.2xlarge has half the memory of the primary's r7i.4xlarge.
    ratio = made["dr-trak-a-join-async-TRAKA"].memory.huge_pages / made["trak-a-create"].memory.huge_pages
    assert 0.45 < ratio < 0.55
