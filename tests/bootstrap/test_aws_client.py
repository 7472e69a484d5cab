"""What a host asks of AWS: signed as botocore signs it, repeated where that can help, and refusals told in one line."""

import hashlib
import time
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
from cdk_intersystems.bootstrap.host.aws import s3, ssm
from cdk_intersystems.bootstrap.host.aws.client import Aws, AwsError
from cdk_intersystems.bootstrap.host.description import S3Object
from tests.bootstrap.aws_stub import AwsStub
from tests.bootstrap.lab import signatures
from tests.bootstrap.lab.wire import Answer, Request, refuse

WHO = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "sEcReT/key+1", "Token": "t0ken/with+odd=characters=="}


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
