"""The services that hosts use, as far as this side of them goes."""

import hashlib
import json
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.first_boot import StepError
from cdk_intersystems.bootstrap.host.aws import autoscaling, ec2, logs, private_ca, s3, secrets, ssm
from cdk_intersystems.bootstrap.host.aws.client import Aws, AwsError
from cdk_intersystems.bootstrap.host.description import S3Object
from tests.bootstrap.aws_stub import AwsStub
from tests.bootstrap.lab.wire import Answer, refuse

ARN = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:lab/authority-AbCdEf"


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
