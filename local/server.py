"""Starts and stops an embedded AWS: ministack with this repository's adapter, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

REPOSITORY = Path(__file__).resolve().parents[1]
_LAUNCHER = REPOSITORY / "local" / "adapter" / "launch.py"
# Only these of a person's variables reach a process of the embedded AWS: nothing that names an account, a profile,
# a proxy, a cache or an endpoint.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TERM", "JSII_NODE", "SYSTEMROOT")
# The account used where the deployment names none: AWS's own example account.
DEFAULT_ACCOUNT = "111122223333"
LOOPBACK = "127.0.0.1"
# ministack answers within 2 s on 2 cores; a cold page cache on a laptop takes longer.
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class EmbeddedAwsError(Exception):
    """The embedded AWS could not be started; the message says what to do."""


class EmbeddedAws:
    """An AWS on this machine that lives as long as the `with` block, or as this process, whichever ends first.

    It has a directory of its own for everything it and its clients write (state, CDK home, credentials files), which
    is gone when it stops. It cannot reach a person's account, because `env` names an endpoint on 127.0.0.1, keys
    that exist nowhere else and empty configuration files.

    Example:
        with EmbeddedAws() as aws:
            ec2 = boto3.client("ec2", **aws.client_arguments("eu-west-2"))

    Args:
        account: Twelve digits; the account that `env`'s keys belong to. Default: AWS's example account.
        verbose: Whether the emulator logs every request to standard error. Default: only when it fails to start.
        prefix: The beginning of the emulator's command line, for example ``nsenter`` with a network namespace: there the
            emulator and its functions then run. `endpoint` stays what this process reaches it by. Default: none.
        address: Where the emulator listens besides, inside of what `prefix` enters; `inner_endpoint` then has it.
            Default: 127.0.0.1.
        functions_endpoint: The ``AWS_ENDPOINT_URL`` of deployed functions that don't set one themselves, for example of a
            proxy that injects faults. Default: `inner_endpoint`.
        loopback_only: Whether functions may connect to this machine's own addresses, 127.0.0.0/8, alone. What a deployment
            calls its members' addresses are somebody else's on a network that this machine is in. Default: no.

    Raises:
        EmbeddedAwsError: `.venv-aws` is missing, or the emulator did not come up.
        ValueError: `address` without a `prefix`: nothing of this is to listen on a network of this machine.
    """

    def __init__(
        self,
        account: str = DEFAULT_ACCOUNT,
        *,
        verbose: bool = False,
        prefix: Sequence[str] = (),
        address: str = LOOPBACK,
        functions_endpoint: str = "",
        loopback_only: bool = False,
    ) -> None:
        if address != LOOPBACK and not prefix:
            raise ValueError(
                f"the embedded AWS listens on {address} only inside a network namespace: give the prefix that enters it"
            )
        self.account = account
        self.endpoint = ""
        self.inner_endpoint = ""
        self.directory = Path()
        self._verbose = verbose
        self._prefix = list(prefix)
        self._address = address
        self._functions_endpoint = functions_endpoint
        self._loopback_only = loopback_only
        self._process: subprocess.Popen[str] | None = None
        self._log: deque[str] = deque(maxlen=200)
        self._reader: Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def env(self) -> dict[str, str]:
        """The environment for a client of the embedded AWS, complete: nothing is to be inherited beside it."""
        home = self.directory
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            # ministack takes a key id of twelve digits as the account of the request.
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "CDK_HOME": str(home / "cdk-home"),
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            # The jsii runtime unpacks the CDK libraries once and keeps them: re-used, since it holds no account data.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": os.environ.get(
                "JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path.home() / ".cache" / "aws" / "jsii" / "package-cache")
            ),
            "NO_PROXY": "*",
            "no_proxy": "*",
        }

    def client_arguments(self, region: str) -> dict[str, str]:
        """Keyword arguments for `boto3.client` that name this AWS and nothing of the machine's configuration."""
        return {
            "region_name": region,
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.account,
            "aws_secret_access_key": "embedded",
        }

    def start(self) -> None:
        """Start the emulator and wait until it answers."""
        python = _emulator_python()
        self.directory = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
        for name in ("home", "tmp", "cdk-home", "state", "work"):
            (self.directory / name).mkdir()
        for name in ("aws-config", "aws-credentials"):
            (self.directory / name).touch()
        try:
            self._launch(python)
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def _launch(self, python: Path) -> None:
        """Run the launcher in a session of its own, so that Ctrl-C reaches this process first."""
        env = self.env
        del env["AWS_ENDPOINT_URL"]
        if self._functions_endpoint:
            # A function's environment is the emulator's, with the function's own variables over it.
            env["AWS_ENDPOINT_URL"] = self._functions_endpoint
        if self._loopback_only:
            env["EMBEDDED_AWS_LOOPBACK_ONLY"] = "1"
        env |= {
            "MINISTACK_ACCOUNT_ID": self.account,
            "STATE_DIR": str(self.directory / "state"),
            "S3_DATA_DIR": str(self.directory / "state" / "s3"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent-docker.sock",
            "LOG_LEVEL": "INFO" if self._verbose else "WARNING",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # Opened here, because a socket belongs to the network namespace of who opens it: this process reaches it wherever
        # the prefix leads.
        with socket.create_server((LOOPBACK, 0), backlog=128) as listener:
            self._process = subprocess.Popen(
                [*self._prefix, str(python), "-P", str(_LAUNCHER), str(self.directory), str(listener.fileno()), self._address],
                cwd=self.directory,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if self._verbose else subprocess.PIPE,
                text=True,
                start_new_session=True,
                pass_fds=(listener.fileno(),),
            )
        if self._process.stderr is not None:
            self._reader = Thread(target=self._log.extend, args=(self._process.stderr,), daemon=True)
            self._reader.start()

    def _await_ready(self) -> None:
        """Read the port from the launcher, then ask until the emulator answers."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("port "):
                port = int(line.split()[1])
                self.endpoint, self.inner_endpoint = f"http://{LOOPBACK}:{port}", f"http://{self._address}:{port}"
                break
        deadline = time.monotonic() + _START_SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while self.endpoint and process.poll() is None and time.monotonic() < deadline:
            try:
                with opener.open(f"{self.endpoint}/_embedded/ready", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        else:
            raise EmbeddedAwsError(self._why_not(process))
        # Whatever else the emulator prints is drained, or it would block on a full pipe.
        Thread(target=self._log.extend, args=(process.stdout,), daemon=True).start()

    def _why_not(self, process: subprocess.Popen[str]) -> str:
        """Say that the emulator didn't start, in its own words."""
        how = f"did not start within {_START_SECONDS:.0f} s"
        if not self.endpoint:
            # It closed its output without naming a port: it is about to end.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        if process.poll() is not None:
            how = f"ended at once, with exit code {process.returncode}"
            if self._reader is not None:
                # It may have said its last words after its end was noticed.
                self._reader.join(_STOP_SECONDS)
        said = "\n".join(line.rstrip() for line in self._log)
        return f"the embedded AWS {how}; it said:\n{said}"

    def stop(self) -> None:
        """Stop the emulator and remove its directory; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = Path()
        self.endpoint = self.inner_endpoint = ""


def _emulator_python() -> Path:
    """Find the Python of the emulator's environment."""
    folder = REPOSITORY / ".venv-aws"
    for candidate in (folder / "bin" / "python", folder / "Scripts" / "python.exe"):
        if candidate.exists():
            return candidate
    raise EmbeddedAwsError("the embedded AWS is not installed: there is no .venv-aws here; run `make setup`")
