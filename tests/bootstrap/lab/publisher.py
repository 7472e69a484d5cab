"""What a lab publishes for its hosts: bundles, parameters, artifacts."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cdk_intersystems.host_bundle import bundle
from cdk_intersystems.model import tags as names
from cdk_intersystems.model.names import bootstrap_parameter
from tests.bootstrap.lab.aws import LabAws
from tests.bootstrap.lab.descriptions import plain_description
from tests.bootstrap.lab.imds import Machine

LOG_GROUP = "/lab/bootstrap"

Files = Mapping[str, str | bytes]


class HasMachine(Protocol):
    """A host that AWS knows."""

    machine: Machine


class Publisher:
    """Publishes for the hosts of a lab.

    Attributes:
        aws: AWS.
        bucket: The bucket of all that is published.
        secret_arns: ARNs of the secrets.
        code: Path below `bootstrap/` -> content of code that hosts get instead of, or besides, this repository's.
        call_out: Table and queue of the failover automation, of hosts published from now on. Default: there is none.
    """

    aws: LabAws
    bucket: str
    secret_arns: dict[str, str]

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}
        self.call_out: dict[str, str] | None = None
        self._groups: dict[tuple[str, str, str], dict[str, Files]] = {}

    def description(self, role: str, **changes: Any) -> dict[str, Any]:
        """A plain, complete `host.json`: deployment `lab`, mirror `TRAK` of 10.20.1.10 and 10.20.2.10, arbiter 10.20.3.10.

        Args:
            role: `member`, `arbiter`, `application` or `web`.
            changes: What is to be otherwise.
        """
        return {**plain_description(role), **changes}

    def only_steps(self, role: str, prepare: Sequence[str] = (), serve: Sequence[str] = ()) -> None:
        """Has hosts of a role, of those published from now on, do these steps and no others.

        Args:
            role: The role.
            prepare: Steps as module and function below `host/steps`: `volumes.volumes`.
            serve: The same for serve.
        """
        modules = sorted({step.rpartition(".")[0] for step in (*prepare, *serve)})
        listed = [f"{{{role!r}: ({''.join(f'{step}, ' for step in steps)})}}" for steps in (prepare, serve)]
        imports = "".join(f"from .steps import {module}\n" for module in modules)
        self.code["host/roles.py"] = f"{imports}PREPARE = {listed[0]}\nSERVE = {listed[1]}\n".encode()

    def publish(self, deployment: str, group: str, region: str = "") -> str:
        """Publishes the bundle of a group and writes its parameter.

        Args:
            deployment: Name of the deployment.
            group: Name of the mirror set or tier.
            region: The region its hosts are in. Default: the lab's.

        Returns:
            Its version.
        """
        region = region or self.aws.region
        packed = self._with_code(bundle.bundle(self._groups[deployment, group, region]))
        version = bundle.version_of(packed)
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=f"{version}.tar", Body=packed)
        self.set_parameter(bootstrap_parameter(deployment, group), json.dumps(self.settings(version, region)), region)
        return version

    def change(self, host: HasMachine, files: Files | None = None, **changes: Any) -> str:
        """Changes what a host is to become and publishes that; no host notices before it applies it.

        Returns:
            The new version.
        """
        tags = host.machine.tags
        group = (tags[names.DEPLOYMENT], tags.get(names.TIER) or tags[names.MIRROR_SET], host.machine.region)
        config = self._groups[group]
        which = tags.get(names.MEMBER, "server")
        description = {**json.loads(config[which]["host.json"]), **changes}
        config[which] = {**config[which], **(files or {}), "host.json": json.dumps(description)}
        return self.publish(*group)

    def settings(self, version: str, region: str = "") -> dict[str, Any]:
        """The content of a group's parameter.

        Args:
            version: The bundle.
            region: The region its hosts are in. Default: the lab's.
        """
        here = region in ("", self.aws.region)
        secret_arns = self.secret_arns if here else self.secret_arns_in(region)
        where = {"bucket": self.bucket, "key": f"{version}.tar", "sha256": version, "region": "" if here else self.aws.region}
        return {"bundle": where, "secrets": secret_arns, "log_group": LOG_GROUP, "call_out": self.call_out}

    def secret_arns_in(self, region: str) -> dict[str, str]:
        """The secrets of another region. Without a lab that makes them there is only one."""
        raise LookupError(f"there is no region {region}: only a lab has more than one")

    def set_parameter(self, name: str, value: str, region: str = "") -> None:
        """Writes an SSM parameter, of the lab's region or another one."""
        self.aws.client("ssm", region).put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def artifact(self, key: str, content: bytes) -> dict[str, str]:
        """Puts a file, such as a kit, into the artifacts' bucket, and returns what a description says of it."""
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)
        return {"bucket": self.bucket, "key": key, "sha256": bundle.version_of(content), "region": ""}

    def _with_code(self, packed: bytes) -> bytes:
        if not self.code:
            return packed
        again = io.BytesIO()
        paths = {f"bootstrap/{path}": content for path, content in self.code.items()}
        with tarfile.open(fileobj=io.BytesIO(packed)) as old, tarfile.open(fileobj=again, mode="w") as new:
            for entry in old:
                if entry.name not in paths:
                    new.addfile(entry, old.extractfile(entry))
            for path, content in paths.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
                new.addfile(entry, io.BytesIO(content))
        return again.getvalue()
