"""The embedded AWS starts by itself, reaches nothing of a person's, and leaves nothing behind however it ends."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import server
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws, EmbeddedAwsError

from .conftest import REGION

pytestmark = pytest.mark.embedded


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def group_is_gone(group: int) -> bool:
    """Whether no process of a process group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def process_of(aws: EmbeddedAws) -> int:
    process = aws._process
    assert process is not None
    return process.pid


def test_it_is_gone_after_the_block() -> None:
    with EmbeddedAws() as aws:
        pid, directory = process_of(aws), aws.directory
        assert Clients(aws, REGION)("sts").get_caller_identity()["Account"] == aws.account
        assert directory.is_dir()
    assert group_is_gone(pid)
    assert not directory.exists()


def test_it_is_gone_after_an_exception() -> None:
    aws = EmbeddedAws()
    seen: list[tuple[int, Path]] = []

    def fail() -> None:
        with aws:
            seen.append((process_of(aws), aws.directory))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    ((pid, directory),) = seen
    assert group_is_gone(pid)
    assert not directory.exists()


# Functions run in processes of their own, and may start more: all of them go.
def test_it_takes_the_processes_of_functions_with_it() -> None:
    source = (
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    return [os.getpid(), subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL).pid]\n"
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", source)
    with EmbeddedAws() as aws:
        functions = Clients(aws, REGION)("lambda")
        role = f"arn:aws:iam::{aws.account}:role/x"
        functions.create_function(
            FunctionName="f", Runtime="python3.12", Role=role, Handler="index.handler", Code={"ZipFile": code.getvalue()}
        )
        processes = json.loads(functions.invoke(FunctionName="f")["Payload"].read())
        assert [is_running(pid) for pid in processes] == [True, True]
        directory = aws.directory
    assert until(lambda: not any(is_running(pid) for pid in processes))
    assert not directory.exists()


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


# The CDK CLI and the app it runs do not notice by themselves that the command which started them is gone.
def test_a_killed_deployment_leaves_no_process(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(f"import pathlib, time\npathlib.Path({str(tmp_path / 'runs')!r}).touch()\ntime.sleep(600)\n")
    command = [sys.executable, "-m", "local", "deploy", "x", "--app", f"{sys.executable} {app}"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    assert until((tmp_path / "runs").exists, 30)
    below = descendants(process.pid)
    process.kill()
    process.wait()
    assert len(below) >= 4
    assert until(lambda: not any(is_running(pid) for pid in below))
    assert until(lambda: not list(tmp_path.glob("embedded-aws-*")))


@pytest.fixture
def serving() -> Iterator[subprocess.Popen[str]]:
    """`python -m local serve` in a process of its own, up and running."""
    environment = {**os.environ, "AWS_PROFILE": "a-persons-own", "HTTPS_PROXY": "http://proxy.invalid:1"}
    command = [sys.executable, "-m", "local", "serve", "--account", "444455556666"]
    # A shell starts what it runs in the background with Ctrl-C's signal ignored, and its children inherit that.
    as_in_a_terminal = ["env", "--default-signal=INT"]
    process = subprocess.Popen(
        [*as_in_a_terminal, *command], cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


def exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """The environment that `serve` prints."""
    assert process.stderr is not None
    found = {}
    for line in process.stderr:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value.strip("'")
        elif "Ctrl-C" in line:
            return found
    raise AssertionError("serve ended without saying that it runs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_parent_leaves_nothing(serving: subprocess.Popen[str], number: signal.Signals) -> None:
    directory = Path(exports(serving)["CDK_HOME"]).parent
    children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
    assert children
    serving.send_signal(number)
    serving.wait(10)
    assert until(lambda: not directory.exists())
    assert until(lambda: all(group_is_gone(int(child)) for child in children))


def test_serve_prints_an_environment_that_leads_nowhere_else(serving: subprocess.Popen[str]) -> None:
    environment = exports(serving)
    try:
        assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        assert environment["AWS_ACCESS_KEY_ID"] == "444455556666"
        assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
        assert "AWS_PROFILE" not in environment
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            assert Path(environment[name]).read_text() == ""
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(10) == 128 + signal.SIGTERM


def test_a_persons_settings_do_not_reach_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "HTTP_PROXY", "https_proxy", "CDK_DEFAULT_ACCOUNT"):
        monkeypatch.setenv(name, "a person's own")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    with EmbeddedAws() as aws:
        assert "a person's own" not in aws.env.values()
        assert aws.env["AWS_ACCESS_KEY_ID"] == aws.account
        assert aws.env["HOME"].startswith(str(aws.directory))
        assert aws.env["CDK_HOME"].startswith(str(aws.directory))


# ministack by itself binds every interface.
def test_it_listens_on_the_loopback_interface_only(aws: EmbeddedAws) -> None:
    port = int(aws.endpoint.rpartition(":")[2])
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = [entry[1].split(":")[0] for entry in lines if entry[3] == "0A" and int(entry[1].split(":")[1], 16) == port]
    assert listening == ["0100007F"]


def test_two_run_beside_each_other(aws: EmbeddedAws) -> None:
    with EmbeddedAws() as other:
        assert other.endpoint != aws.endpoint
        Clients(other, REGION)("sqs").create_queue(QueueName="only-here")
        listed = Clients(aws, REGION)("sqs").list_queues(QueueNamePrefix="only-here")
        assert listed.get("QueueUrls", []) == []


def test_a_missing_installation_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "REPOSITORY", tmp_path)
    with pytest.raises(EmbeddedAwsError, match="make setup"):
        EmbeddedAws().start()


def test_an_emulator_that_does_not_start_is_told_with_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "launch.py"
    broken.write_text("raise SystemExit('no such thing as a port')")
    monkeypatch.setattr(server, "_LAUNCHER", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(EmbeddedAwsError, match="no such thing as a port"):
        EmbeddedAws().start()
    assert list(tmp_path.glob("embedded-aws-*")) == []


def test_it_listens_on_no_network_of_this_machine() -> None:
    with pytest.raises(ValueError, match=r"0\.0\.0\.0 only inside a network namespace"):
        EmbeddedAws(address="0.0.0.0")


# Only this one of the file needs root, and the others are of use without; `make test ARGS=--no-skips` allows no skip.
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_it_runs_in_a_network_namespace_and_is_reached_from_here() -> None:
    address = "10.20.255.253"
    set_up = f"ip link set lo up; ip address add {address}/32 dev lo; echo ready; exec sleep infinity"
    with subprocess.Popen(["unshare", "--net", "sh", "-c", set_up], stdout=subprocess.PIPE, text=True) as keeper:
        try:
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == "ready\n"
            inside = ["nsenter", "--target", str(keeper.pid), "--net", "--"]
            with EmbeddedAws(prefix=inside, address=address) as aws:
                assert Clients(aws, REGION)("sts").get_caller_identity()["Account"] == aws.account
                ask = ["curl", "--silent", "--max-time", "10", f"{aws.inner_endpoint}/_embedded/ready"]
                assert subprocess.run([*inside, *ask], capture_output=True, check=True).stdout == b'{"ready": true}'
                # Nobody outside of that namespace has the address.
                assert subprocess.run(ask, capture_output=True, check=False).returncode != 0
        finally:
            keeper.kill()


def test_functions_are_given_the_endpoint_that_was_chosen_for_them() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code.py", "import os\ndef handler(event, context):\n    return os.environ['AWS_ENDPOINT_URL']\n")
    with EmbeddedAws(functions_endpoint="http://127.0.0.1:9") as aws:
        functions = Clients(aws, REGION)("lambda")
        functions.create_function(
            FunctionName="f",
            Runtime="python3.13",
            Role="arn:aws:iam::111122223333:role/any",
            Handler="code.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        assert json.loads(functions.invoke(FunctionName="f")["Payload"].read()) == "http://127.0.0.1:9"
