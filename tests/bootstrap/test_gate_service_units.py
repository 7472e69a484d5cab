"""The unit of the gate's service."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from cdk_intersystems.bootstrap.gate.renewer import CALL_SECONDS, LEASE_SECONDS, RENEW_EVERY_SECONDS
from cdk_intersystems.bootstrap.gate.role import QLIST_SECONDS, SUPERSERVER_SECONDS
from cdk_intersystems.bootstrap.host.context import CODE, SETTINGS
from cdk_intersystems.bootstrap.host.steps.gate import RULES, SERVICE

BOOTSTRAP = Path(__file__).parent.parent.parent / "constructs" / "cdk_intersystems" / "bootstrap"
FILE = BOOTSTRAP / "gate" / SERVICE


def unit() -> ConfigParser:
    # Some settings may stand more than once.
    read = ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(FILE.read_text())
    return read


def test_it_starts_before_whoever_may_become_primary_and_after_whoever_flushes_rules() -> None:
    order = unit()["Unit"]
    assert {"ISCAgent.service", "iris.service"} <= set(order["Before"].split())
    assert {"nftables.service", "firewalld.service", "ufw.service"} <= set(order["After"].split())
    # They don't need it: without it the member is a member, and its gate is closed.
    assert "RequiredBy" not in unit()["Install"]


def test_it_is_never_given_up_and_closes_the_gate_however_it_ends() -> None:
    service = unit()["Service"]
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    assert (service["Restart"], service["ExecStopPost"].split()[-1]) == ("always", "close")
    # Longer than a round that hangs in each of its calls.
    assert int(service["WatchdogSec"]) > 2 * CALL_SECONDS + QLIST_SECONDS + SUPERSERVER_SECONDS + RENEW_EVERY_SECONDS
    assert service["WatchdogSignal"] == "SIGKILL"


def test_a_question_that_hangs_once_costs_no_lease() -> None:
    question = QLIST_SECONDS + SUPERSERVER_SECONDS
    # Asked when the last lease is one interval old, hanging, and asked again; calls of iris-gate take some 50 ms.
    assert RENEW_EVERY_SECONDS + max(question, RENEW_EVERY_SECONDS) + 0.5 < LEASE_SECONDS


def test_it_runs_what_the_bundle_has_and_reads_what_the_step_writes() -> None:
    service = unit()["Service"]
    for command, words in (("ExecStart", service["ExecStart"].split()), ("ExecStopPost", service["ExecStopPost"].split())):
        interpreter, program = words[0], next(word for word in words if word.startswith(str(CODE)))
        # Not the program itself: below /opt SELinux lets systemd start nothing as a service of its own kind.
        assert interpreter in ("/usr/bin/python3", "/bin/bash"), command
        assert (BOOTSTRAP / Path(program).relative_to(CODE)).is_file()
    assert service["ExecStart"].split()[-2:] == ["${IRIS_INSTANCE}", str(RULES)]
    assert service["EnvironmentFile"] == f"-{SETTINGS}/gate.env"


def test_it_has_no_more_rights_than_it_needs() -> None:
    service = unit()["Service"]
    wanted = {
        "DynamicUser": "true",
        "NoNewPrivileges": "true",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "CAP_NET_ADMIN",
    }
    assert {name: service[name] for name in wanted} == wanted
    # It asks `iris` as the responder does.
    assert service["SupplementaryGroups"] == "irisusr"
    # It has to see the instance's shared memory and processes, and the host's network.
    assert not {"PrivateIPC", "PrivateUsers", "PrivateNetwork", "ProtectProc"} & set(service)


def test_systemd_understands_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        # Where there is no systemd nobody can ask it; the sections at least are the right ones.
        assert unit().sections() == ["Unit", "Service", "Install"]
        return
    copy = tmp_path / SERVICE
    # Whether the command is there is asked on this host, which isn't one of those it is for.
    copy.write_text(FILE.read_text().replace("=/usr/bin/python3 ", f"={sys.executable} "))
    done = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
