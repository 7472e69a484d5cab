"""What hosts run on, and where their software comes from."""

from typing import Any

import pytest

from cdk_intersystems.model.databases import database_problem
from cdk_intersystems.model.platform import Platform, S3Object, packages_problem

OBJECT: dict[str, Any] = {"uri": "s3://kits/iris.tar.gz", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"uri": "https://kits/iris.tar.gz"}, r"uri needs the address of one S3 object, .* got 'https:"),
        ({"uri": "s3://kits/*.tar.gz"}, "without spaces"),
        ({"uri": "s3://kits/"}, "s3://<bucket>/<key>"),
        ({"uri": "s3://${Token[TOKEN.1]}/iris.tar.gz"}, "needs the address"),
        ({"sha256": "0" * 63}, "sha256 needs the SHA-256 of the object, 64 of 0-9 and a-f"),
        ({"sha256": "A" * 64}, "64 of 0-9 and a-f"),
    ],
)
def test_an_object_has_an_address_and_a_checksum(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        S3Object(**{**OBJECT, **change})


def test_the_key_says_in_which_region_a_bucket_is_unless_that_is_stated() -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/x"

    assert S3Object(**OBJECT).description()["region"] == ""
    assert S3Object(**OBJECT, key_arn=key).description()["region"] == "us-east-1"
    assert S3Object(**OBJECT, key_arn=key, region="us-west-2").description()["region"] == "us-west-2"
    # One that is defined in the same app is known at deployment only.
    assert S3Object(**OBJECT, key_arn="${Token[TOKEN.1]}").description()["region"] == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"operating_system": "amazonlinux2023"}, "operating_system is rhel9, rhel10, ubuntu2204, ubuntu2404, got 'amazon"),
        ({"architecture": "sparc"}, "architecture is x86_64, arm64, got 'sparc'"),
        ({"packages": "archive"}, "packages is repositories, image or an S3Object, got 'archive'"),
    ],
)
def test_a_platform_is_one_that_iris_supports(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Platform(**{"operating_system": "rhel9", "architecture": "x86_64", **change})


def test_packages_come_from_somewhere() -> None:
    platform = Platform(operating_system="rhel9", architecture="x86_64", packages=S3Object(**OBJECT))

    assert (platform.packages_from, platform.archive) == ("archive", S3Object(**OBJECT))
    assert Platform(operating_system="rhel9", architecture="x86_64").packages_from == "repositories"
    assert packages_problem("repositories", internet=True) is None
    assert packages_problem("image", internet=False) is None
    assert packages_problem(S3Object(**OBJECT), internet=False) is None
    assert "no host reaches the distribution's repositories" in (packages_problem("repositories", internet=False) or "")


@pytest.mark.parametrize(
    ("name", "right"), [("DATA", True), ("D-1_X", True), ("data", False), ("1D", False), ("IRISSYS", False)]
)
def test_names_of_databases(name: str, right: bool) -> None:
    assert (database_problem(name) is None) is right
