"""The instance metadata service, version 2, as the EC2 User Guide documents it."""

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.bootstrap.lab.wire import Answer

_NOT_FOUND = Answer(404, b"", {"Content-Type": "text/html"})
_UNAUTHORIZED = Answer(401, b"", {"Content-Type": "text/html"})


@dataclass
class RoleCredentials:
    """Credentials of an instance's role."""

    key_id: str
    secret: str
    token: str
    expire: float


@dataclass
class Machine:
    """An EC2 instance, as it is seen from itself.

    Attributes:
        host: Name of the lab host.
        tags: Its tags.
        tags_on: Whether the instance metadata has them (InstanceMetadataTags).
        metadata_on: Whether there is instance metadata (HttpEndpoint).
        has_role: Whether it has an instance profile.
        target_state: What Auto Scaling wants it to be: `InService`, `Terminated`. None: it is in no group.
        group: Name of its Auto Scaling group.
        waits_in: Name of the lifecycle hook it waits in. None: it doesn't.
        lifetime: For how many seconds credentials that are asked for from now on are good.
    """

    host: str
    instance_id: str
    address: str
    region: str
    zone: str
    account: str
    tags: dict[str, str]
    tags_on: bool = True
    metadata_on: bool = True
    has_role: bool = True
    target_state: str | None = None
    group: str = ""
    waits_in: str | None = None
    lifetime: float = 6 * 3600
    _issued: list[RoleCredentials] = field(default_factory=list)
    _sessions: dict[str, float] = field(default_factory=dict)

    def credentials(self) -> RoleCredentials:
        """The newest ones; new ones are there five minutes before the old ones end."""
        if not self._issued or self._issued[-1].expire < time.time() + 300:
            self.rotate()
        return self._issued[-1]

    def rotate(self) -> None:
        """Issues new credentials."""
        made = (f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(90))
        self._issued.append(RoleCredentials(*made, time.time() + self.lifetime))

    def secret_of(self, key_id: str) -> RoleCredentials | None:
        """The credentials with this key id, if they are good now."""
        return next((each for each in self._issued if each.key_id == key_id and each.expire > time.time()), None)

    def all_secrets(self) -> list[str]:
        """What must be seen nowhere."""
        return [part for each in self._issued for part in (each.secret, each.token)]

    def forget_tokens(self) -> None:
        """Makes all session tokens invalid, as their time-out or a new instance does."""
        self._sessions.clear()

    def answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        """Answers a request to 169.254.169.254."""
        if not self.metadata_on:
            return Answer(403, b"")
        if path == "/latest/api/token":
            return self._session(method, headers.get("x-aws-ec2-metadata-token-ttl-seconds", ""))
        if self._sessions.get(headers.get("x-aws-ec2-metadata-token", ""), 0) < time.monotonic():
            return _UNAUTHORIZED
        found = self._entry(path.removeprefix("/latest/")) if method == "GET" and path.startswith("/latest/") else None
        return _NOT_FOUND if found is None else Answer(200, found.encode(), {"Content-Type": "text/plain"})

    def _session(self, method: str, seconds: str) -> Answer:
        if method != "PUT":
            return Answer(405, b"")
        if not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return Answer(400, b"")
        token = secrets.token_urlsafe(40)
        self._sessions[token] = time.monotonic() + int(seconds)
        return Answer(200, token.encode(), {"X-aws-ec2-metadata-token-ttl-seconds": seconds})

    def _entry(self, path: str) -> str | None:
        role = f"{self.host}-role"
        entries = {
            "dynamic/instance-identity/document": lambda: json.dumps(self._document()),
            "meta-data/instance-id": lambda: self.instance_id,
            "meta-data/local-ipv4": lambda: self.address,
            "meta-data/placement/region": lambda: self.region,
            "meta-data/placement/availability-zone": lambda: self.zone,
        }
        if self.tags_on:
            entries["meta-data/tags/instance"] = lambda: "\n".join(self.tags)
            entries |= {f"meta-data/tags/instance/{name}": lambda value=value: value for name, value in self.tags.items()}
        if self.has_role:
            entries["meta-data/iam/security-credentials/"] = lambda: role
            entries[f"meta-data/iam/security-credentials/{role}"] = self._credentials_document
        if self.target_state:
            entries["meta-data/autoscaling/target-lifecycle-state"] = lambda: str(self.target_state)
        return entries[path]() if path in entries else None

    def _document(self) -> dict[str, object]:
        return {
            "accountId": self.account,
            "architecture": "x86_64",
            "availabilityZone": self.zone,
            "imageId": "ami-0123456789abcdef0",
            "instanceId": self.instance_id,
            "instanceType": "m7i.large",
            "privateIp": self.address,
            "region": self.region,
            "version": "2017-09-30",
        }

    def _credentials_document(self) -> str:
        found = self.credentials()
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "Type": "AWS-HMAC",
                "AccessKeyId": found.key_id,
                "SecretAccessKey": found.secret,
                "Token": found.token,
                "Expiration": f"{datetime.fromtimestamp(found.expire, UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
        )
