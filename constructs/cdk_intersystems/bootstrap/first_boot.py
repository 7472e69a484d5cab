#!/usr/bin/python3 -I
"""The user data of every host, and what runs at each of its starts: docs/adr/0006-user-data-that-never-changes.md.

As user data it keeps a copy of itself and has a unit run that at each start. The copy finds out who the host is and fetches its
bundle, if none was applied yet, and runs what is in it. Another byte here restarts or replaces every host there is.
"""
# ruff: noqa: PLR0917, S311, S606, T201

import fcntl
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

Texts = Dict[str, str]
ROOT = Path("/opt/cdk-intersystems")
BUNDLES, CURRENT = ROOT / "bundles", ROOT / "current"
METADATA = "http://169.254.169.254/latest/"
TAG = "cdk-intersystems:"
UNIT = Path("/etc/systemd/system/cdk-host.service")
UNIT_TEXT = f"""\
[Unit]
Description=Makes this host what its deployment says
Wants=network-online.target
After=network-online.target
Before=ISCAgent.service iris.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 -I {ROOT}/first_boot.py

[Install]
WantedBy=multi-user.target
"""
BUSY = ["Throttl", "SlowDown", "LimitExceeded", "TooManyRequests", "RequestTimeout", "ExpiredToken"]
# A new role isn't known everywhere yet.
NEW_ROLE = ["AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId"]
# The SDKs' own variable; 10 take about two minutes.
ATTEMPTS = int(os.environ.get("AWS_MAX_ATTEMPTS", "10"))


class StepError(Exception):
    """A step could not be done. The message is one line: what was found, where, and what to do. Never a secret."""


class AwsError(StepError):
    """AWS refused a request: `code` and `status` say how."""

    def __init__(self, what: str, code: str, status: int, said: str) -> None:
        super().__init__(f"{what} was refused: {code}, status {status}: {said}".rstrip(": "))
        self.code, self.status = code, status


class Identity(NamedTuple):
    """Who the host is, from the instance metadata."""

    instance_id: str
    region: str
    zone: str
    address: str
    tags: Texts


def http_send(method: str, url: str, headers: Texts, body: bytes = b"", to: Optional[Path] = None) -> Tuple[int, Texts, bytes]:
    """Sends a request. With `to` the body of a 200 goes there, and returns as its SHA-256."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=20)
    try:
        connection.request(method, parts.path, body or None, headers)
        response = connection.getresponse()
        content = store(response.read, to) if to and response.status == 200 else response.read()
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content
    finally:
        connection.close()


def store(read: Callable[[int], bytes], to: Path) -> bytes:
    """Writes what is read to a file, and returns its SHA-256."""
    digest = hashlib.sha256()
    with to.open("wb") as file:
        for piece in iter(lambda: read(1 << 20), b""):
            digest.update(piece)
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                raise StepError(f"cannot write {to}: {error.strerror}") from None
    return digest.hexdigest().encode()


def tries() -> Iterator[None]:
    """Attempts, with growing and random waits."""
    for attempt in range(ATTEMPTS):
        time.sleep(min(30, 2**attempt / 2) * random.uniform(0.5, 1) if attempt else 0)
        yield


class Metadata:
    """The instance metadata service, version 2."""

    token = ""

    def get(self, path: str) -> str:
        """Reads an entry; empty if there is none."""
        failed, lasting = "", {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        for _ in tries():
            try:
                if not self.token:
                    status, _, body = http_send("PUT", METADATA + "api/token", lasting)
                    self.token = body.decode() if status == 200 else ""
                status, _, body = http_send("GET", METADATA + path, {"X-aws-ec2-metadata-token": self.token})
                if status in (200, 404):
                    return body.decode() if status == 200 else ""
                failed, self.token = f"status {status}", ""
            except (OSError, http.client.HTTPException) as error:
                failed = str(error)
        raise StepError(f"no instance metadata ({failed}): switch it on for this instance")

    def identity(self) -> Identity:
        """Reads who the host is."""
        known = json.loads(self.get("dynamic/instance-identity/document"))
        names = self.get("meta-data/tags/instance").split()
        tags = {name: self.get(f"meta-data/tags/instance/{name}") for name in names}
        return Identity(known["instanceId"], known["region"], known["availabilityZone"], known["privateIp"], tags)

    def credentials(self) -> Texts:
        """Reads those of its role."""
        found: Texts = {}
        for _ in tries():
            role = self.get("meta-data/iam/security-credentials/")
            found = json.loads(self.get(f"meta-data/iam/security-credentials/{role}") if role else "{}")
            if found.get("Code") == "Success":
                return found
        raise StepError(f"this instance has no credentials ({found.get('Code', 'no role')}): see its instance profile")


def signed(who: Texts, method: str, url: str, service: str, region: str, headers: Texts, body: bytes, now: float) -> Texts:
    """The headers of a request with Signature Version 4. The URL is as it is sent, with no query; its path is / but for S3."""
    parts, stamp, digest = urlsplit(url), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)), hashlib.sha256(body).hexdigest()
    headers = {**headers, "Host": parts.netloc, "X-Amz-Date": stamp, "X-Amz-Security-Token": who["Token"]}
    if service == "s3":
        headers["X-Amz-Content-SHA256"] = digest
    lower = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lower)
    lines = [method, parts.path, "", *(f"{name}:{value}" for name, value in lower), "", names, digest]
    scope, key = f"{stamp[:8]}/{region}/{service}/aws4_request", b"AWS4" + who["SecretAccessKey"].encode()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    by = f"Credential={who['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {by}"}


class Requests:
    """Signed requests to AWS."""

    def __init__(self, region: str, metadata: Metadata) -> None:
        self.region, self._metadata = region, metadata
        self._credentials: Texts = {}

    def url(self, service: str, region: str, bucket: str = "") -> str:
        """Where a service or bucket is. `AWS_ENDPOINT_URL` is the SDKs' own variable."""
        host = f"{service}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        told = os.environ.get("AWS_ENDPOINT_URL")
        if bucket and not told and "." not in bucket:
            return f"https://{bucket}.{host}"
        return (told or f"https://{host}") + (f"/{bucket}" if bucket else "")

    def post(self, what: str, service: str, headers: Texts, body: bytes) -> bytes:
        """Posts a request, in this region."""
        return self.send(what, service, self.region, self.url(service, self.region) + "/", headers, body, None)

    def send(self, what: str, service: str, region: str, url: str, headers: Texts, body: bytes, to: Optional[Path]) -> bytes:
        """Gets what is then in the file `to`, or posts. Errors call it `what`."""
        failed, method = StepError(what), "GET" if to else "POST"
        for _ in tries():
            now = time.time()
            # New ones come five minutes before the old ones end.
            if self._credentials.get("Expiration", "") < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 300)):
                self._credentials = self._metadata.credentials()
            by = signed(self._credentials, method, url, service, region, headers, body, now)
            try:
                status, known, content = http_send(method, url, by, body, to)
            except (OSError, http.client.HTTPException) as error:
                failed = StepError(f"{what}: no answer from {url} at {time.ctime()}: {error!r}")
                continue
            if status < 300:
                return content
            code, said = reason(content.decode(errors="replace"), known, now)
            failed, busy = AwsError(what, code, status, said), BUSY if CURRENT.is_dir() else BUSY + NEW_ROLE
            if status < 500 and status != 429 and not any(word in code for word in busy):
                raise failed
            if "ExpiredToken" in code:
                self._credentials = {}
        raise failed


def reason(text: str, headers: Texts, now: float) -> Tuple[str, str]:
    """Code and message of a refusal, be it in JSON or in XML."""
    found = dict(re.findall(r'(?:<|")(Code|Message|message|__type)(?:>|" *: *")([^<"]*)', text))
    code = found.get("Code") or found.get("__type") or headers.get("x-amzn-errortype") or "no code"
    code, said = code.split("#")[-1].split(":")[0], (found.get("Message") or found.get("message") or "").strip()
    off = now - parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else 0
    # AWS takes signatures that are up to five minutes old.
    if abs(off) > 240 and ("Sign" in code or code in ("RequestTimeTooSkewed", "RequestExpired", "AuthFailure")):
        said = f"the clock of this host is off by {off:.0f} s: see why chrony does not set it (chronyc tracking)"
    return code, re.split(r"\n|\\n", said)[0][:300]


def fetch(aws: Requests, bucket: str, key: str, sha256: str, region: str, to: Path) -> None:
    """Fetches an object from S3; what isn't whole and right never has its name."""
    part, where, region = to.with_name(to.name + ".part"), f"s3://{bucket}/{key}", region or aws.region
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        url = f"{aws.url('s3', region, bucket)}/{quote(key, '/~')}"
        found = aws.send(f"s3 GetObject {where}", "s3", region, url, {}, b"", part).decode()
        if found != sha256:
            raise StepError(f"{where} has SHA-256 {found}, not {sha256}: publish it again")
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def unpack(archive: Path, to: Path) -> None:
    """Unpacks a bundle: files below bootstrap/ and config/, nothing else."""
    with tarfile.open(archive) as tar:
        for entry in tar:
            parts, plain = entry.name.split("/"), entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
            if not plain or parts[0] not in ("bootstrap", "config") or {"", ".", ".."} & set(parts):
                raise StepError(f"the bundle may not hold {entry.name[:200]!r}")
            path = to.joinpath(*parts)
            (path if entry.isdir() else path.parent).mkdir(0o755, parents=True, exist_ok=True)
            if not entry.isdir():
                store(tar.extractfile(entry).read, path)  # type: ignore[union-attr]
                path.chmod(0o755 if entry.mode & 0o100 else 0o644)


def put(path: Path, content: bytes = b"", link: str = "") -> None:
    """Makes a file or link, at once."""
    new = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    if link:
        new.symlink_to(link)
    else:
        new.write_bytes(content)
        os.sync()
    new.replace(path)


def apply(aws: Requests, me: Identity) -> str:
    """Makes the bundle that is meant for this host the one it runs. Returns its version."""
    names = ["deployment", "tier"] if TAG + "tier" in me.tags else ["deployment", "mirror-set", "member"]
    missing = ", ".join(TAG + name for name in names if not me.tags.get(TAG + name))
    if missing:
        raise StepError(f"the instance metadata lacks {missing}: its stack sets these tags, and InstanceMetadataTags")
    deployment, group, host = [*(me.tags[TAG + name] for name in names), "server"][:3]
    name = f"/cdk-intersystems/{deployment}/{group}/bootstrap"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.GetParameter"}
    answer = aws.post(f"ssm GetParameter {name}", "ssm", headers, json.dumps({"Name": name}).encode())
    settings = json.loads(answer)["Parameter"]["Value"]
    bundle = json.loads(settings)["bundle"]
    folder, new, archive = BUNDLES / bundle["sha256"], BUNDLES / "new", BUNDLES / "new.tar"
    if not folder.is_dir():
        shutil.rmtree(new, ignore_errors=True)
        fetch(aws, bundle["bucket"], bundle["key"], bundle["sha256"], bundle["region"], archive)
        unpack(archive, new)
        archive.unlink()
        os.sync()
        new.rename(folder)
    if not (folder / "config" / host / "host.json").is_file():
        raise StepError(f"the bundle {folder.name} has nothing for the host {host!r}: see this instance's tags")
    put(folder / "settings.json", settings.encode())
    put(ROOT / "bootstrap", link="current/bootstrap")
    put(ROOT / "config", link=f"current/config/{host}")
    put(Path("/usr/local/bin/cdk-host"), link=f"{ROOT}/bootstrap/cdk-host")
    put(CURRENT, link=f"bundles/{folder.name}")
    return str(folder.name)


def signal(aws: Requests, me: Identity, status: str) -> None:
    """Tells CloudFormation SUCCESS or FAILURE, if a resource waits for this host."""
    stack, _, resource = me.tags.get(TAG + "signal", "").partition("/")
    fields = {"StackName": stack, "LogicalResourceId": resource, "UniqueId": me.instance_id, "Status": status}
    body = urlencode({"Action": "SignalResource", "Version": "2010-05-15", **fields}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        if resource:
            aws.post(f"cloudformation SignalResource {stack}/{resource}", "cloudformation", headers, body)
    except StepError as error:
        # A resource that doesn't wait any more: ValidationError.
        if getattr(error, "code", "") != "ValidationError":
            print(error, flush=True)


def tell(line: str) -> None:
    """Says something in the journal and on the console."""
    print(line, flush=True)
    try:
        Path("/dev/console").write_text(line + "\n")
    except OSError:
        return


def main() -> None:
    """Runs as user data, or as its copy."""
    metadata, me = Metadata(), None
    try:
        this, copy = Path(__file__), ROOT / "first_boot.py"
        if this != copy:
            if not (UNIT.parent / "multi-user.target.wants" / UNIT.name).exists() or this.read_bytes() != copy.read_bytes():
                put(UNIT, UNIT_TEXT.encode())
                put(copy, this.read_bytes())
                for words in ("daemon-reload", f"enable {UNIT.name}", f"start --no-block {UNIT.name}"):
                    subprocess.run(["systemctl", *words.split()], check=True)
            return
        with Path("/run/cdk-intersystems.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not CURRENT.is_dir():
                me = metadata.identity()
                tell(f"cdk-host: applied {apply(Requests(me.region, metadata), me)}")
    except Exception as error:
        said = str(error) if isinstance(error, StepError) else f"{type(error).__name__}: {error}"
        tell("cdk-host: first boot failed: " + " ".join(said.split()))
        if me:
            signal(Requests(me.region, metadata), me, "FAILURE")
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-I", f"{ROOT}/bootstrap/cdk-host", "prepare"])


if __name__ == "__main__":
    main()
