"""What keeps hosts from setting themselves up is refused early, in words."""

from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import Platform
from tests.infra.bootstrap_app import BootstrapApp, described


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"databases": ()}, "supply databases, the names of those that TRAK mirrors"),
        ({"databases": ["data"]}, "databases of TRAK has 'data': a database has up to 30 upper-case letters"),
        ({"databases": ["IRISSYS"]}, "a system database cannot be mirrored"),
        ({"databases": ["DATA", "DATA"]}, "databases of TRAK has DATA twice"),
        ({"user_data": ec2.UserData.custom("#!/bin/sh")}, "supply either platform or user_data for TRAK, got both"),
        (
            {"platform": Platform(operating_system="rhel9", architecture="x86_64")},
            "packages of the platform of TRAK is 'repositories', and internet is False: without a way to the Internet",
        ),
        (
            {"instance_type": ec2.InstanceType("r8g.4xlarge")},
            "instance_type of TRAK is r8g.4xlarge, which has processors of arm64, and its platform is of x86_64",
        ),
        ({"instance_type": ec2.InstanceType("t3.small")}, "instance_type of TRAK is t3.small: 2048 MiB of memory leave 0 MB"),
        (
            {"instance_type": ec2.InstanceType("r99i.4xlarge")},
            "nothing is known about r99i.4xlarge, the instance_type of TRAK: supply memory_mib and vcpus",
        ),
        ({"certificate_authority": "arn:aws:acm:x"}, "certificate_authority needs an ARN like arn:aws:acm-pca"),
        ({"deployment": "one/two"}, "letters, digits and . - _, up to 63, got 'one/two'"),
    ],
)
def test_a_mirror_says_what_was_got_and_what_is_possible(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        BootstrapApp(**changes)


def test_an_instance_type_too_new_for_the_table_has_its_facts_stated() -> None:
    made = BootstrapApp(instance_type=ec2.InstanceType("r99i.4xlarge"), memory_mib=131_072, vcpus=16)
    assert described(made, "trak", "a") == described(BootstrapApp(), "trak", "a")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"local_storage": True}, "local_storage of application tier app: m7i.4xlarge has no instance store"),
        ({"user_data": ec2.UserData.custom("#!/bin/sh")}, "supply either platform or user_data for application tier app"),
        ({"instance_type": ec2.InstanceType("t3.small")}, "instance_type of application tier app is t3.small: 2048 MiB"),
    ],
)
def test_an_application_tier_says_what_was_got_and_what_is_possible(changes: dict[str, Any], problem: str) -> None:
    made = BootstrapApp()
    with pytest.raises(ValueError, match=problem):
        made.application(made.stack("app"), **changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"paths": []}, "a web server has at least one application path"),
        ({"paths": ["/csp/x.cls"]}, "an application path is like /csp"),
        ({"gateway_parameters": {"Password": "x"}}, "Password can't be set"),
        ({"user_data": ec2.UserData.custom("#!/bin/sh")}, "supply either platform or user_data for web tier web"),
    ],
)
def test_a_web_tier_says_what_was_got_and_what_is_possible(changes: dict[str, Any], problem: str) -> None:
    made = BootstrapApp()
    with pytest.raises(ValueError, match=problem):
        made.web(made.stack("web"), database=made.database, **changes)


def test_a_tier_of_hosts_that_wait_for_the_mirror_needs_one_that_comes() -> None:
    made = BootstrapApp(platform=None, databases=())
    with pytest.raises(ValueError, match="application tier app has a platform, and its mirror TRAK has none"):
        made.application(made.stack("app"))


def test_a_tier_in_the_mirrors_own_stack_would_wait_for_ever() -> None:
    made = BootstrapApp()
    message = "put application tier app into a stack of its own: its servers wait for the members of TRAK, whose stacks"
    with pytest.raises(ValueError, match=message):
        made.application(made.mirror_stack)
