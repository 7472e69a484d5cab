"""The checks of `cdk-intersystems doctor`, each with a client whose answers are AWS's by its own service model."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cdk_intersystems.command.doctor import needs, region_checks, resource_checks
from cdk_intersystems.command.doctor.examine import account
from cdk_intersystems.command.doctor.finding import FAILED, OK, UNKNOWN, WARNING, Finding
from cdk_intersystems.configuration import Deployment, deployment_of
from tests.unit.configuration.regions import hybrid, one_region, two_regions

NOW = datetime(2026, 1, 31, tzinfo=UTC)


class Aws:
    """Clients whose answers are stated, each checked against the service's model."""

    def __init__(self) -> None:
        self.stubs: list[Stubber] = []

    def client(self, service: str, region: str = "eu-west-1") -> tuple[Any, Stubber]:
        made: Any = boto3.client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        stub = Stubber(made)
        stub.activate()
        self.stubs.append(stub)
        return made, stub


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    yield made
    for stub in made.stubs:
        stub.assert_no_pending_responses()


def results(findings: Iterator[Finding]) -> list[str]:
    return [each.result for each in findings]


def two(**dr: Any) -> Deployment:
    data = two_regions()
    data["regions"]["dr"] |= dr
    return deployment_of(data)


@pytest.mark.parametrize(("given", "result"), [("111122223333", OK), ("999999999999", FAILED)])
def test_credentials_of_the_deployments_account(aws: Aws, given: str, result: str) -> None:
    sts, stub = aws.client("sts")
    stub.add_response(
        "get_caller_identity", {"Account": given, "Arn": f"arn:aws:sts::{given}:assumed-role/x/anne", "UserId": "u"}
    )

    assert results(account(sts, two())) == [result]


@pytest.mark.parametrize(("version", "result"), [("6", OK), ("5", FAILED)])
def test_the_bootstrap_stack_is_new_enough(aws: Aws, version: str, result: str) -> None:
    ssm, stub = aws.client("ssm")
    stub.add_response("get_parameter", {"Parameter": {"Value": version}}, {"Name": "/cdk-bootstrap/hnb659fds/version"})

    assert results(region_checks.bootstrap(ssm, "hnb659fds")) == [result]


def test_a_region_without_a_bootstrap_stack(aws: Aws) -> None:
    ssm, stub = aws.client("ssm")
    stub.add_client_error("get_parameter", "ParameterNotFound")

    (found,) = region_checks.bootstrap(ssm, "mine")
    assert (found.result, "npx cdk bootstrap" in found.says) == (FAILED, True)


IMAGE = {
    "ImageId": "ami-0123456789abcdef2",
    "State": "available",
    "Architecture": "x86_64",
    "RootDeviceName": "/dev/sda1",
    "PlatformDetails": "Red Hat Enterprise Linux",
    "Name": "iris",
}


@pytest.mark.parametrize(
    ("change", "result", "says"),
    [
        ({}, OK, "iris"),
        ({"State": "pending"}, FAILED, "is pending"),
        ({"Architecture": "arm64"}, FAILED, "is for arm64"),
        ({"RootDeviceName": "/dev/xvda"}, FAILED, "root device on /dev/xvda"),
        ({"PlatformDetails": "Linux/UNIX"}, WARNING, "billed as Linux/UNIX"),
        ({"ImageId": "ami-00000000000000000"}, FAILED, "is not there"),
    ],
)
def test_an_image_is_there_and_fits(aws: Aws, change: dict[str, str], result: str, says: str) -> None:
    ec2, stub = aws.client("ec2")
    stub.add_response("describe_images", {"Images": [IMAGE | change]})
    deployment = two()

    (found,) = region_checks.images(ec2, deployment, deployment.regions.of("dr"))
    assert (found.result, says in found.says) == (result, True), found


def test_types_that_a_zone_lacks_are_told(aws: Aws) -> None:
    ec2, stub = aws.client("ec2")
    offered = [
        {"InstanceType": name, "Location": zone, "LocationType": "availability-zone"}
        for name in ("r7i.4xlarge", "r7i.8xlarge")
        for zone in ("eu-west-1a", "eu-west-1b")
        if (name, zone) != ("r7i.8xlarge", "eu-west-1b")
    ]
    for _ in range(2):
        stub.add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": offered})

    (found,) = region_checks.offered(ec2, {"r7i.8xlarge", "r7i.4xlarge"}, ["eu-west-1a", "eu-west-1b"])
    assert (found.result, found.says.startswith("r7i.8xlarge is not offered in eu-west-1b")) == (FAILED, True)
    assert results(region_checks.offered(ec2, ["r7i.4xlarge"], ["eu-west-1a", "eu-west-1b"])) == [OK]


def test_what_a_region_needs_at_its_full_size() -> None:
    deployment = two()

    # Two members of 16 vCPUs, an arbiter of 2, 6 x 16 and 2 x 2 application servers, 9 x 8 and 6 x 8 web servers.
    assert needs.vcpus(deployment, "dr") == {"L-1216C47A": 2 * 16 + 2 + 6 * 16 + 2 * 2 + (9 + 6) * 8}
    assert needs.vcpus(deployment, "dr") == needs.vcpus(deployment, "primary")
    assert needs.vcpus(two(members=1), "dr")["L-1216C47A"] == needs.vcpus(deployment, "dr")["L-1216C47A"] - 16
    # Of each member 2000 and 500 GiB of io2, 50, 200 and 500 GiB of gp3.
    assert needs.storage(deployment, "dr") == {
        needs.GP3_STORAGE: pytest.approx(2 * 750 / 1024),
        needs.IO2_STORAGE: pytest.approx(2 * 2500 / 1024),
        needs.IO2_IOPS: 2 * 50000,
    }
    assert needs.elastic_addresses(deployment, "dr") == 3
    assert {"r7i.2xlarge", "r7i.4xlarge", "r7i.8xlarge"} <= needs.every_type(deployment, "dr")
    assert not {"r7i.2xlarge", "r7i.8xlarge"} & needs.every_type(deployment, "primary")


@pytest.mark.parametrize(
    ("vcpus", "iops", "expected"), [(500.0, 100000.0, [OK] * 6), (253.0, 99999.0, [FAILED, OK, OK, FAILED, OK, OK])]
)
def test_quotas_are_enough(aws: Aws, vcpus: float, iops: float, expected: list[str]) -> None:
    client, stub = aws.client("service-quotas")
    for service, code, value in (
        ("ec2", "L-1216C47A", vcpus),
        ("ebs", needs.GP3_STORAGE, 50.0),
        ("ebs", needs.IO2_STORAGE, 20.0),
        ("ebs", needs.IO2_IOPS, iops),
        ("ec2", needs.ADDRESSES, 5.0),
        ("vpc", needs.VPCS, 5.0),
    ):
        stub.add_response("get_service_quota", {"Quota": {"Value": value}}, {"ServiceCode": service, "QuotaCode": code})

    assert results(region_checks.quotas(client, two(), "dr")) == expected


def test_a_quota_that_was_never_changed_has_its_default(aws: Aws) -> None:
    client, stub = aws.client("service-quotas")
    for _ in range(6):
        stub.add_client_error("get_service_quota", "NoSuchResourceException")
        stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 1.0}})

    assert results(region_checks.quotas(client, two(), "dr")) == [FAILED, FAILED, FAILED, FAILED, FAILED, OK]


def test_zones_and_an_existing_vpc(aws: Aws) -> None:
    ec2, stub = aws.client("ec2")
    deployment = two()
    zones = [{"ZoneName": f"eu-west-1{letter}", "State": "available"} for letter in "abc"]
    stub.add_response("describe_availability_zones", {"AvailabilityZones": zones})
    stub.add_response("describe_availability_zones", {"AvailabilityZones": zones[:2]})

    assert results(region_checks.network(ec2, deployment.regions.of("dr"))) == [OK]
    (lacking,) = region_checks.network(ec2, deployment.regions.of("dr"))
    assert (lacking.result, "eu-west-1c" in lacking.says) == (FAILED, True)


@pytest.mark.parametrize(("code", "result"), [("404", FAILED), ("403", UNKNOWN), (None, OK)])
def test_a_kit_is_there(aws: Aws, code: str | None, result: str) -> None:
    s3, stub = aws.client("s3")
    places = []
    for name in ("kit", "arbiter_kit"):
        wanted = {"Bucket": "kits-eu-west-1", "Key": f"{name}.tar.gz"}
        if code:
            stub.add_client_error("head_object", code, expected_params=wanted)
        else:
            stub.add_response("head_object", {}, wanted)

    def client(region: str) -> Any:
        places.append(region)
        return s3

    assert results(region_checks.kits(client, two(), "dr")) == [result] * 2
    assert places == ["eu-west-1"] * 2


def test_secrets_are_there_and_not_about_to_go(aws: Aws) -> None:
    client, stub = aws.client("secretsmanager")
    stub.add_response("describe_secret", {"Name": "trakcare/iris-key"}, {"SecretId": "trakcare/iris-key"})
    stub.add_response("describe_secret", {"DeletedDate": NOW}, {"SecretId": "trakcare/authority"})

    assert results(resource_checks.secrets(client, two(), "dr")) == [OK, FAILED]


def test_a_secret_of_one_region_only(aws: Aws) -> None:
    client, stub = aws.client("secretsmanager")
    for _ in range(2):
        stub.add_client_error("describe_secret", "ResourceNotFoundException")

    found = list(resource_checks.secrets(client, two(), "dr"))
    assert [each.result for each in found] == [FAILED, FAILED]
    assert "replicate it from the primary region" in found[0].says


def test_a_private_ca_issues(aws: Aws) -> None:
    data = one_region()
    arn = "arn:aws:acm-pca:eu-west-2:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555"
    data["platform"]["certificate_authority"] = {"private_ca": arn}
    deployment = deployment_of(data)
    client, stub = aws.client("acm-pca")
    for state in ("ACTIVE", "EXPIRED"):
        stub.add_response("describe_certificate_authority", {"CertificateAuthority": {"Status": state}})

    assert results(resource_checks.private_ca(client, deployment, "primary")) == [OK]
    assert results(resource_checks.private_ca(client, deployment, "primary")) == [FAILED]


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({}, OK),
        ({"DomainName": "*.trakcare.example.org"}, OK),
        ({"Status": "PENDING_VALIDATION"}, FAILED),
        ({"DomainName": "web.example.org"}, FAILED),
        ({"NotAfter": NOW + timedelta(days=44)}, WARNING),
    ],
)
def test_a_certificate_is_issued_for_its_name_for_long_enough(aws: Aws, change: dict[str, Any], result: str) -> None:
    acm, stub = aws.client("acm")
    good = {"Status": "ISSUED", "NotAfter": NOW + timedelta(days=200)}
    deployment = two()
    arns = deployment.regions.dr.certificates if deployment.regions.dr else {}
    stub.add_response(
        "describe_certificate",
        {"Certificate": good | {"DomainName": "web.trakcare.example.org"} | change},
        {"CertificateArn": arns["web"]},
    )
    stub.add_client_error("describe_certificate", "ResourceNotFoundException")

    assert results(resource_checks.certificates(acm, deployment, "dr", NOW)) == [result, FAILED]


@pytest.mark.parametrize(("state", "result"), [("Enabled", OK), ("PendingDeletion", FAILED), (None, FAILED)])
def test_a_key_can_be_used(aws: Aws, state: str | None, result: str) -> None:
    kms, stub = aws.client("kms")
    if state:
        stub.add_response("describe_key", {"KeyMetadata": {"KeyId": "k", "KeyState": state}})
    else:
        stub.add_client_error("describe_key", "NotFoundException")
    key = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"

    assert results(resource_checks.keys(kms, two(encryption_key=key), "dr")) == [result]


def test_topic_and_bucket_are_there(aws: Aws) -> None:
    sns, topics = aws.client("sns")
    s3, buckets = aws.client("s3")
    topics.add_response("get_topic_attributes", {})
    topics.add_client_error("get_topic_attributes", "NotFound")
    buckets.add_response("head_bucket", {})
    buckets.add_client_error("head_bucket", "404")
    deployment = two(alarm_topic="arn:aws:sns:eu-west-1:111122223333:operations", access_log_bucket="example-logs")

    assert results(resource_checks.places(sns, s3, deployment.regions.of("dr"))) == [OK, OK]
    assert results(resource_checks.places(sns, s3, deployment.regions.of("dr"))) == [FAILED, FAILED]


def test_roles_of_approvers_and_requesters_are_there(aws: Aws) -> None:
    iam, stub = aws.client("iam")
    role = {
        "Path": "/",
        "RoleName": "approver",
        "RoleId": "A" * 16,
        "Arn": "arn:aws:iam::111122223333:role/approver",
        "CreateDate": NOW,
    }
    stub.add_response("get_role", {"Role": role}, {"RoleName": "approver"})
    stub.add_client_error("get_role", "NoSuchEntity", expected_params={"RoleName": "operator"})

    assert results(resource_checks.roles(iam, two())) == [OK, FAILED]


@pytest.mark.parametrize(
    ("name", "private", "result"),
    [("example.org.", False, OK), ("example.com.", False, FAILED), ("example.org.", True, FAILED)],
)
def test_the_zone_is_ours(aws: Aws, name: str, private: bool, result: str) -> None:
    route53, stub = aws.client("route53", "us-east-1")
    zone = {"Id": "/hostedzone/Z0123456789ABC", "Name": name, "CallerReference": "r", "Config": {"PrivateZone": private}}
    stub.add_response("get_hosted_zone", {"HostedZone": zone}, {"Id": "Z0123456789ABC"})

    assert results(resource_checks.zone(route53, deployment_of(hybrid()))) == [result]


def test_a_zone_that_is_not_ours(aws: Aws) -> None:
    route53, stub = aws.client("route53", "us-east-1")
    stub.add_client_error("get_hosted_zone", "NoSuchHostedZone")

    (found,) = resource_checks.zone(route53, two())
    assert (found.result, "this account has no hosted zone" in found.says) == (FAILED, True)
