"""How a server leaves its Auto Scaling group: it stops its work, then completes the lifecycle action, whatever happens."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

import cdk_intersystems.bootstrap.host.steps.leaving as code
from tests.bootstrap.lab.lab import Lab, LabHost

LEAVE, GROUP, HOOK = "cdk-host-leave.service", "lab-app", "leave"

# As far as leaving needs it: `iris qlist` shows a file, and `iris stop` takes as long as another says.
_IRIS = """\
#!/bin/sh
echo "$*" >> /var/tmp/iris-calls
case $1 in
  qlist) echo "IRIS^/irissys/sys^2025.1^$(cat /var/tmp/iris-status)^iris.cpf^1972^0^53773^ok^IRIS^^^/irissys/sys^1972" ;;
  stop) sleep "$(cat /var/tmp/iris-stops-within)"; echo down > /var/tmp/iris-status ;;
esac
"""
_UNIT = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo running > /var/tmp/iris-status'
ExecStop=/usr/local/bin/iris stop IRIS quietly
"""
# Times that nobody wants to wait for here.
_SOONER = {"_LOOK_EVERY_SECONDS = 5.0": 0.2, "_HEARTBEAT_SECONDS = 10.0": 0.2, "_STOP_SECONDS = 960.0": 2.0}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        text = Path(code.__file__).read_text()
        for constant, value in _SOONER.items():
            assert constant in text
            text = text.replace(constant, f"{constant.partition(' =')[0]} = {value}")
        made.code["host/steps/leaving.py"] = text.encode()
        yield made


@pytest.fixture(scope="module")
def booted(lab: Lab) -> LabHost:
    lab.only_steps("application", prepare=["users.users", "leaving.leaving"])
    host = lab.host(name="app", address="10.20.4.10", description=lab.description("application", lifecycle_hook=HOOK))
    for path, content in (("/usr/local/bin/iris", _IRIS), ("/etc/systemd/system/iris.service", _UNIT)):
        host.path(path).parent.mkdir(parents=True, exist_ok=True)
        host.path(path).write_text(content)
        host.path(path).chmod(0o755)
    host.boot()
    lab.wait_for_signal(host)
    return host


@pytest.fixture
def server(lab: Lab, booted: LabHost) -> LabHost:
    """A server in service, whose IRIS runs and stops at once."""
    booted.machine.group, booted.machine.waits_in, booted.machine.target_state = GROUP, None, "InService"
    lab.aws.heal()
    lab.aws.lifecycle_actions.clear()
    booted.run("sh", "-c", "echo 0 > /var/tmp/iris-stops-within; touch /var/tmp/iris-calls; chmod 666 /var/tmp/iris-*")
    booted.run("systemctl", "reset-failed", "iris.service")
    booted.run("systemctl", "restart", "iris.service", LEAVE)
    booted.run("sh", "-c", ": > /var/tmp/iris-calls; chmod 666 /var/tmp/iris-*")
    return booted


def stops(server: LabHost) -> int:
    return server.path("/var/tmp/iris-calls").read_text().splitlines().count("stop IRIS quietly")


def actions(lab: Lab) -> list[str]:
    return [action for action, _ in lab.aws.lifecycle_actions]


def scale_in(lab: Lab, server: LabHost, seconds: float = 20) -> None:
    """Has Auto Scaling take the server away, and waits until it has left."""
    lab.scale_in(server, group=GROUP, hook=HOOK)
    server.wait_for_unit(LEAVE, "inactive", seconds)


def test_in_service_nothing_is_done(lab: Lab, server: LabHost) -> None:
    lab.aws.metadata_reads.clear()
    server.wait_until("it to have looked three times", lambda: len(lab.aws.metadata_reads) >= 3)
    assert (server.unit_state(LEAVE), server.unit_state("iris.service"), stops(server)) == ("active", "active", 0)
    assert lab.aws.lifecycle_actions == []


def test_taken_away_it_stops_iris_and_then_lets_auto_scaling_go_on(lab: Lab, server: LabHost) -> None:
    server.path("/var/tmp/iris-stops-within").write_text("1.5")
    lab.scale_in(server, group=GROUP, hook=HOOK)
    server.wait_until("a heartbeat", lambda: "RecordLifecycleActionHeartbeat" in actions(lab))
    # It waits for IRIS, and has the hook wait.
    assert "CompleteLifecycleAction" not in actions(lab)
    server.wait_for_unit(LEAVE, "inactive")
    assert (server.path("/var/tmp/iris-status").read_text(), stops(server)) == ("down\n", 1)
    assert actions(lab).count("CompleteLifecycleAction") == 1
    assert actions(lab)[-1] == "CompleteLifecycleAction"
    assert lab.aws.lifecycle_actions[-1][1] == server.instance_id


def test_iris_that_was_started_by_hand_is_stopped_too(lab: Lab, server: LabHost) -> None:
    server.run("systemctl", "stop", "iris.service")
    server.run("sh", "-c", "echo running > /var/tmp/iris-status; : > /var/tmp/iris-calls; chmod 666 /var/tmp/iris-*")
    scale_in(lab, server)
    assert (server.path("/var/tmp/iris-status").read_text(), stops(server)) == ("down\n", 1)
    assert actions(lab)[-1] == "CompleteLifecycleAction"


def test_iris_that_was_stopped_by_hand_is_left_alone(lab: Lab, server: LabHost) -> None:
    server.run("systemctl", "stop", "iris.service")
    server.run("sh", "-c", ": > /var/tmp/iris-calls")
    scale_in(lab, server)
    assert (stops(server), actions(lab)[-1:]) == (0, ["CompleteLifecycleAction"])


def test_aws_that_refuses_is_asked_again(lab: Lab, server: LabHost) -> None:
    lab.aws.fault("autoscaling", "CompleteLifecycleAction", "AccessDenied", 403, times=1)
    scale_in(lab, server)
    assert (stops(server), actions(lab).count("CompleteLifecycleAction")) == (1, 1)


def test_a_hook_whose_time_is_over_is_no_failure(lab: Lab, server: LabHost) -> None:
    server.machine.waits_in = None
    server.machine.target_state = "Terminated"
    server.wait_for_unit(LEAVE, "inactive")
    assert (stops(server), actions(lab)) == (1, [])


def test_interrupted_it_begins_again_and_leaves_once(lab: Lab, server: LabHost) -> None:
    server.path("/var/tmp/iris-stops-within").write_text("1.5")
    lab.scale_in(server, group=GROUP, hook=HOOK)
    server.wait_until("it to stop IRIS", lambda: stops(server) == 1)
    server.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", LEAVE)
    server.wait_for_unit(LEAVE, "inactive", 30)
    assert (stops(server), actions(lab).count("CompleteLifecycleAction")) == (1, 1)


def test_iris_that_does_not_stop_holds_it_up_no_longer_than_it_may(lab: Lab, server: LabHost) -> None:
    server.path("/var/tmp/iris-stops-within").write_text("600")
    try:
        scale_in(lab, server, 30)
        assert actions(lab)[-1] == "CompleteLifecycleAction"
        assert "it goes all the same" in server.journal("--unit", LEAVE)
    finally:
        server.run("systemctl", "kill", "--signal=KILL", "iris.service", check=False)


def test_a_server_of_no_group_has_nothing_to_wait_for(lab: Lab) -> None:
    other = lab.host(name="alone", address="10.20.4.11", description=lab.description("application"))
    other.boot()
    lab.wait_for_signal(other)
    assert not other.path(f"/etc/systemd/system/{LEAVE}").exists()
