"""What a host asks of AWS: signed as botocore signs it, repeated where that can help, and refusals told in one line."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.bootstrap import first_boot
from cdk_intersystems.bootstrap.first_boot import Identity, Metadata, StepError, signed
from cdk_intersystems.bootstrap.host.aws import autoscaling, ec2, logs, private_ca, s3, secrets, ssm
from cdk_intersystems.bootstrap.host.aws.client import Aws, AwsError
from cdk_intersystems.bootstrap.host.description import S3Object
from tests.bootstrap.aws_stub import AwsStub
from tests.bootstrap.lab import signatures
from tests.bootstrap.lab.wire import Answer, Request, refuse

ARN = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:lab/authority-AbCdEf"
WHO = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "sEcReT/key+1", "Token": "t0ken/with+odd=characters=="}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStub]:
    with AwsStub() as made:
        monkeypatch.setattr(first_boot, "METADATA", made.url + "/latest/")
        monkeypatch.setattr(first_boot.time, "sleep", lambda _seconds: None)
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        # As a host that has applied a bundle; those that haven't have a test of their own.
        monkeypatch.setattr(first_boot, "CURRENT", Path("/"))
        yield made


@pytest.fixture
def aws(stub: AwsStub) -> Aws:
    return Aws(Identity("i-0123456789abcdef0", "eu-west-2", "eu-west-2a", "10.0.1.10", {}))


# Signatures


def _by_botocore(  # noqa: PLR0917 (as `signed`)
    method: str, url: str, service: str, region: str, headers: dict[str, str], body: bytes, now: float
) -> str:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(WHO["AccessKeyId"], WHO["SecretAccessKey"], WHO["Token"]), service, region)
    again = AWSRequest(method=method, url=url, headers=headers, data=body)
    again.context |= {"timestamp": stamp, "payload_signing_enabled": True}
    signer._modify_request_before_signing(again)
    signer._inject_signature_to_request(
        again, signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    )
    return str(again.headers["Authorization"])


_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(
    key=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(
        lambda key: key.strip("/.") == key
    ),
    bucket=st.from_regex("[a-z0-9]{3,20}", fullmatch=True),
    now=st.integers(1_000_000_000, 4_000_000_000),
)
def test_objects_with_any_key_are_signed_as_botocore_does(key: str, bucket: str, now: int) -> None:
    url = f"https://{bucket}.s3.eu-west-2.amazonaws.com/{first_boot.quote(key, '/~')}"
    headers = signed(WHO, "GET", url, "s3", "eu-west-2", {}, b"", now)
    assert headers["Authorization"] == _by_botocore("GET", url, "s3", "eu-west-2", {}, b"", now)


@given(
    service=st.sampled_from(["ssm", "ec2", "secretsmanager", "cloudformation", "acm-pca"]),
    region=st.sampled_from(["eu-west-2", "us-gov-west-1", "cn-north-1"]),
    headers=st.dictionaries(st.from_regex("[A-Z][a-z]{1,8}(-[A-Z][a-z]{1,8}){0,2}", fullmatch=True), _TEXT, max_size=4),
    body=st.binary(max_size=200),
    now=st.integers(1_000_000_000, 4_000_000_000),
)
def test_requests_of_any_content_are_signed_as_botocore_does(
    service: str, region: str, headers: dict[str, str], body: bytes, now: int
) -> None:
    url = f"https://{service}.{region}.amazonaws.com/"
    # What proxies change isn't signed by botocore; we never send these.
    headers = {
        name: value for name, value in headers.items() if name.lower() not in ("expect", "user-agent", "transfer-encoding")
    }
    ours = signed(WHO, "POST", url, service, region, headers, body, now)
    assert ours["Authorization"] == _by_botocore("POST", url, service, region, headers, body, now)


def test_a_signature_differs_if_anything_does() -> None:
    one = ("POST", "https://ssm.eu-west-2.amazonaws.com/", "ssm", "eu-west-2", {"X-Amz-Target": "a"}, b"{}", 1_700_000_000)
    others = ["GET", "https://ssm.eu-west-2.amazonaws.com/x", "ec2", "eu-west-1", {"X-Amz-Target": "b"}, b"{ }", 1_700_000_001]
    made = {signed(WHO, *one)["Authorization"]}  # type: ignore[arg-type]
    for place, other in enumerate(others):
        made.add(signed(WHO, *(other if at == place else value for at, value in enumerate(one)))["Authorization"])  # type: ignore[arg-type]
    assert len(made) == 1 + len(others)


def test_what_is_sent_is_what_was_signed(stub: AwsStub, aws: Aws, tmp_path: Path) -> None:
    content = b"content"
    stub.answers = [Answer(200, content), Answer(200, b'{"Parameter": {"Value": "v"}}')]
    odd = "a folder/$odd & ünïcode~+.tar"
    s3.fetch(aws, S3Object("lab", odd, hashlib.sha256(content).hexdigest(), "eu-west-1"), tmp_path / "to")
    ssm.get_parameter(aws, "/name")
    now = stub.machine.credentials()
    for request in stub.requests:
        assert signatures.refusal(request, now.secret, now.token, datetime.now(UTC)) is None
        assert signatures.refusal(request, now.secret + "x", now.token, datetime.now(UTC)) is not None
    assert [(each.service, each.region) for each in stub.requests] == [("s3", "eu-west-1"), ("ssm", "eu-west-2")]


@pytest.mark.parametrize(
    ("service", "region", "bucket", "url"),
    [
        ("ssm", "eu-west-2", "", "https://ssm.eu-west-2.amazonaws.com"),
        ("ssm", "cn-north-1", "", "https://ssm.cn-north-1.amazonaws.com.cn"),
        ("s3", "us-gov-west-1", "b-1", "https://b-1.s3.us-gov-west-1.amazonaws.com"),
        # The certificate of S3 isn't good for names with more dots.
        ("s3", "eu-west-2", "dotted.bucket", "https://s3.eu-west-2.amazonaws.com/dotted.bucket"),
    ],
)
def test_where_aws_is(  # noqa: PLR0917 (its parameters)
    service: str, region: str, bucket: str, url: str, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert aws.url(service, region, bucket) == url


# Metadata and credentials


def test_it_knows_who_it_is(stub: AwsStub) -> None:
    stub.machine.tags = {"cdk-intersystems:signal": "stack/Instance", "Name": "with a space", "a=b+c@d,e_f.g": "x"}
    found = Metadata().identity()
    assert found == Identity("i-0123456789abcdef0", "eu-west-2", "eu-west-2a", "10.0.1.10", stub.machine.tags)


def test_a_session_that_has_ended_is_begun_anew(stub: AwsStub) -> None:
    metadata = Metadata()
    assert metadata.get("meta-data/instance-id")
    stub.machine.forget_tokens()
    assert metadata.get("meta-data/instance-id") == "i-0123456789abcdef0"


def test_an_entry_that_is_not_there_is_empty(stub: AwsStub) -> None:
    assert Metadata().get("meta-data/autoscaling/target-lifecycle-state") == ""


def test_no_metadata_is_told(stub: AwsStub) -> None:
    stub.machine.metadata_on = False
    with pytest.raises(StepError, match=r"^no instance metadata \(status 403\): switch it on for this instance$"):
        Metadata().identity()


def test_no_role_is_told(stub: AwsStub, aws: Aws) -> None:
    stub.machine.has_role = False
    with pytest.raises(StepError, match=r"^this instance has no credentials \(no role\): see its instance profile$"):
        ssm.get_parameter(aws, "/name")


@pytest.mark.parametrize(("seconds_left", "renewed"), [(310, False), (290, True), (-10, True)])
def test_credentials_are_kept_until_five_minutes_before_they_end(
    seconds_left: int, renewed: bool, stub: AwsStub, aws: Aws
) -> None:
    stub.answers = [Answer(200, b'{"Parameter": {"Value": "v"}}')]
    ssm.get_parameter(aws, "/name")
    stub.machine.rotate()
    ends = datetime.fromtimestamp(time.time() + seconds_left, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    aws._credentials = {**aws._credentials, "Expiration": ends}
    ssm.get_parameter(aws, "/name")
    assert (stub.requests[0].key_id != stub.requests[1].key_id) == renewed


def test_credentials_that_aws_says_have_expired_are_read_anew(stub: AwsStub, aws: Aws) -> None:
    def expired(request: Request) -> Answer:
        stub.machine.rotate()
        return refuse(request, "ExpiredTokenException", 400)

    stub.answers = [expired, Answer(200, b'{"Parameter": {"Value": "v"}}')]
    assert ssm.get_parameter(aws, "/name") == "v"
    assert stub.requests[0].key_id != stub.requests[1].key_id == stub.machine.credentials().key_id


# Repeating


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 503),
        ("SlowDown", 503),
        ("TooManyRequestsException", 429),
        ("x", 500),
    ],
)
def test_what_may_go_better_is_repeated(code: str, status: int, stub: AwsStub, aws: Aws) -> None:
    stub.answers = [lambda request: refuse(request, code, status), None, Answer(200, b'{"Parameter": {"Value": "v"}}')]
    assert ssm.get_parameter(aws, "/name") == "v"
    assert len(stub.requests) == 3


def test_but_not_for_ever(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [lambda request: refuse(request, "ThrottlingException", 400, "Rate exceeded")]
    with pytest.raises(AwsError, match=r"^ssm GetParameter /name was refused: ThrottlingException, status 400: Rate exceeded$"):
        ssm.get_parameter(aws, "/name")
    assert len(stub.requests) == first_boot.ATTEMPTS == 10


def test_the_waits_grow_and_end() -> None:
    waits: list[float] = []
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(first_boot.time, "sleep", waits.append)
        list(first_boot.tries())
    assert waits[0] == 0
    assert all(0.5 * least <= wait <= least for least, wait in zip([1, 2, 4, 8, 16, 30, 30, 30, 30], waits[1:], strict=True))


def test_no_answer_is_told(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [None]
    with pytest.raises(
        StepError, match=r"^ssm GetParameter /name: no answer from http://127.0.0.1:\d+/ at .*RemoteDisconnected"
    ):
        ssm.get_parameter(aws, "/name")


def test_a_refusal_is_not_repeated_and_says_what_to_ask_for(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [
        lambda request: refuse(request, "AccessDeniedException", 400, "User: x is not authorized to perform: y\non z")
    ]
    with pytest.raises(AwsError) as told:
        ssm.get_parameter(aws, "/name")
    said = "ssm GetParameter /name was refused: AccessDeniedException, status 400: User: x is not authorized to perform: y"
    assert (str(told.value), told.value.code, told.value.status, len(stub.requests)) == (said, "AccessDeniedException", 400, 1)


def test_on_a_new_host_the_role_may_not_be_known_yet(
    stub: AwsStub, aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(first_boot, "CURRENT", tmp_path / "nothing applied yet")
    stub.answers = [
        lambda request: refuse(request, "AccessDeniedException", 400),
        Answer(200, b'{"Parameter": {"Value": "v"}}'),
    ]
    assert ssm.get_parameter(aws, "/name") == "v"


@pytest.mark.parametrize(
    ("code", "status"),
    [("InvalidSignatureException", 400), ("RequestExpired", 400), ("RequestTimeTooSkewed", 403), ("AuthFailure", 401)],
)
@pytest.mark.parametrize("ahead", [-1005, 4005])
def test_a_wrong_clock_is_told(code: str, status: int, ahead: int, stub: AwsStub, aws: Aws) -> None:
    def skewed(request: Request) -> Answer:
        refusal = refuse(request, code, status, "Signature expired: 1 is now earlier than 2")
        return Answer(refusal.status, refusal.body, {"Date": formatdate(time.time() - ahead, usegmt=True)})

    stub.answers = [skewed]
    with pytest.raises(AwsError, match=rf"the clock of this host is off by {str(ahead)[:-1]}\d s: see why chrony"):
        ssm.get_parameter(aws, "/name")


# Objects


def test_an_object_is_fetched_whole(stub: AwsStub, aws: Aws, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    stub.answers = [Answer(200, content[:1000], {"Content-Length": str(len(content))}), Answer(200, content)]
    s3.fetch(aws, S3Object("lab", "k", hashlib.sha256(content).hexdigest(), ""), tmp_path / "deep" / "to")
    assert (tmp_path / "deep" / "to").read_bytes() == content
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["to"]
    assert len(stub.requests) == 2


def test_another_content_is_refused_and_not_kept(stub: AwsStub, aws: Aws, tmp_path: Path) -> None:
    stub.answers = [Answer(200, b"other")]
    (tmp_path / "to").write_text("before")
    found, wanted = hashlib.sha256(b"other").hexdigest(), hashlib.sha256(b"content").hexdigest()
    with pytest.raises(StepError, match=f"^s3://lab/k has SHA-256 {found}, not {wanted}: publish it again$"):
        s3.fetch(aws, S3Object("lab", "k", wanted, ""), tmp_path / "to")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"to": "before"}


def test_a_refused_object_is_told(stub: AwsStub, aws: Aws, tmp_path: Path) -> None:
    stub.answers = [lambda request: refuse(request, "AccessDenied", 403, "Access Denied")]
    with pytest.raises(AwsError, match=r"^s3 GetObject s3://lab/k was refused: AccessDenied, status 403: Access Denied$"):
        s3.fetch(aws, S3Object("lab", "k", "0" * 64, ""), tmp_path / "to")


# Services


def test_what_is_there_is_not_written_again(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [Answer(200, b'{"Version": 1}'), lambda request: refuse(request, "ParameterAlreadyExists", 400)]
    assert ssm.put_parameter_once(aws, "/name", "mine")
    assert not ssm.put_parameter_once(aws, "/name", "theirs")
    assert all(request.parameters["Overwrite"] is False for request in stub.requests)


def test_the_first_value_of_a_secret_stays(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [Answer(200, b"{}"), lambda request: refuse(request, "ResourceExistsException", 400)]
    assert secrets.put_secret_once(aws, ARN, "mine")
    assert not secrets.put_secret_once(aws, ARN, "theirs")
    tokens = {request.parameters["ClientRequestToken"] for request in stub.requests}
    assert len(tokens) == 1
    assert 32 <= len(tokens.pop()) <= 64


def test_no_secret_is_in_an_error(stub: AwsStub, aws: Aws) -> None:
    value = "the-secret-value"
    stub.answers = [lambda request: refuse(request, "ValidationException", 400, f"Value '{value}' at 'secretString' failed")]
    with pytest.raises(AwsError) as told:
        secrets.put_secret_once(aws, ARN, value)
    assert str(told.value) == f"secretsmanager PutSecretValue {ARN} was refused: ValidationException, status 400"
    assert told.value.__suppress_context__
    used = stub.machine.credentials()
    assert used.secret not in repr(stub.requests)


def test_volumes_are_found_by_their_tags_on_all_pages(stub: AwsStub, aws: Aws) -> None:
    def page(volume: str, holder: str, token: str) -> Answer:
        attached = f"<item><instanceId>{holder}</instanceId><device>/dev/sdf</device></item>" if holder else ""
        item = f"<volumeId>{volume}</volumeId><status>x</status><size>8</size><attachmentSet>{attached}</attachmentSet>"
        text = f'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><volumeSet><item>{item}</item></volumeSet>{token}</R>'
        return Answer(200, text.encode())

    stub.answers = [page("vol-2", "i-1", "<nextToken>more</nextToken>"), page("vol-1", "", "")]
    found = ec2.own_volumes(aws, {"cdk-intersystems:volume": "data", "Name": "a & b"})
    assert found == [ec2.EbsVolume("vol-1", "x", "", "", 8), ec2.EbsVolume("vol-2", "x", "i-1", "/dev/sdf", 8)]
    asked = stub.requests[0].parameters
    assert {asked["Filter.1.Name"]: asked["Filter.1.Value.1"], asked["Filter.2.Name"]: asked["Filter.2.Value.1"]} == {
        "tag:cdk-intersystems:volume": "data",
        "tag:Name": "a & b",
    }
    assert stub.requests[1].parameters["NextToken"] == "more"


@pytest.mark.parametrize(("holder", "refused"), [("i-0123456789abcdef0", False), ("i-other", True)])
def test_attaching_twice_does_no_harm(holder: str, refused: bool, stub: AwsStub, aws: Aws) -> None:
    item = f"<attachmentSet><item><instanceId>{holder}</instanceId></item></attachmentSet>"
    described = f"<R><volumeSet><item>{item}</item></volumeSet></R>".encode()
    stub.answers = [lambda request: refuse(request, "VolumeInUse", 400, "vol-1 is in use"), Answer(200, described)]
    if refused:
        with pytest.raises(AwsError, match=r"^ec2 AttachVolume vol-1 was refused: VolumeInUse, status 400: vol-1 is in use$"):
            ec2.attach_volume(aws, "vol-1", "/dev/sdf")
    else:
        ec2.attach_volume(aws, "vol-1", "/dev/sdf")
    assert stub.requests[0].parameters["InstanceId"] == "i-0123456789abcdef0"


def test_only_running_instances_are_found(stub: AwsStub, aws: Aws) -> None:
    item = "<item><instanceId>i-1</instanceId><privateIpAddress>10.0.0.9</privateIpAddress></item>"
    stub.answers = [
        Answer(200, f"<R><reservationSet><item><instancesSet>{item}</instancesSet></item></reservationSet></R>".encode())
    ]
    assert ec2.running_instances(aws, {"t": "v"}) == [("i-1", "10.0.0.9")]
    asked = stub.requests[0].parameters
    assert (asked["Filter.2.Name"], asked["Filter.2.Value.1"]) == ("instance-state-name", "running")


def test_a_lifecycle_action_that_is_over_is_no_error(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [lambda request: refuse(request, "ValidationError", 400, "No active Lifecycle Action found")]
    autoscaling.complete_lifecycle(aws, "hook", "group", "i-1")
    autoscaling.heartbeat(aws, "hook", "group", "i-1")
    stub.answers = [lambda request: refuse(request, "AccessDenied", 403)]
    with pytest.raises(AwsError):
        autoscaling.heartbeat(aws, "hook", "group", "i-1")


def test_log_lines_go_in_batches_that_cloudwatch_takes(stub: AwsStub, aws: Aws) -> None:
    stub.answers = [lambda request: refuse(request, "ResourceAlreadyExistsException", 400), Answer(200, b"{}")]
    lines = [(float(12_000 - number), "x" * 100 if number else "ö" * 200_000) for number in range(12_000)] + [(0.5, "")]
    logs.put(aws, "group", "stream", lines)
    batches = [request.parameters["logEvents"] for request in stub.requests[1:]]
    assert sum(len(batch) for batch in batches) == len(lines)
    stamps = [event["timestamp"] for batch in batches for event in batch]
    assert stamps == sorted(stamps)
    for batch in batches:
        assert len(batch) <= 10_000
        assert sum(len(event["message"].encode()) + 26 for event in batch) <= 1_048_576
        assert all(event["message"] for event in batch)


def test_a_certificate_is_waited_for(stub: AwsStub, aws: Aws) -> None:
    described = {"CertificateAuthority": {"CertificateAuthorityConfiguration": {"SigningAlgorithm": "SHA512WITHRSA"}}}
    stub.answers = [
        Answer(200, json.dumps(described).encode()),
        Answer(200, b'{"CertificateArn": "arn:certificate"}'),
        lambda request: refuse(request, "RequestInProgressException", 400),
        Answer(200, b'{"Certificate": "ours\\n", "CertificateChain": "theirs"}'),
    ]
    assert private_ca.issue(aws, "arn:ca", "csr", 90) == "ours\ntheirs\n"
    asked = stub.requests[1].parameters
    assert asked["SigningAlgorithm"] == "SHA512WITHRSA"
    assert asked["Validity"] == {"Type": "DAYS", "Value": 90}
