"""The documents as the template has them."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def documents() -> dict[str, Any]:
    """The content of each document of a synthesized mirror, by what it is for: roll, take-out, check."""
    from aws_cdk import App, Environment, Stack

    from cdk_intersystems.rolling_change.rolling_change import RollingChange

    app = App()
    stack = Stack(app, "mirror", env=Environment(account="111122223333", region="eu-west-2"))
    RollingChange(stack, "Change", deployment="trakcare", mirror_name="TRAK")
    template = app.synth().get_stack_by_name("mirror").template
    found = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::SSM::Document"]
    return {each["Name"].removeprefix("cdk-intersystems-trakcare-TRAK-"): each["Content"] for each in found}


@pytest.fixture(scope="session")
def roll(documents: dict[str, Any]) -> Any:
    return documents["roll"]


@pytest.fixture(scope="session")
def take_out(documents: dict[str, Any]) -> Any:
    return documents["take-out"]


@pytest.fixture(scope="session")
def check(documents: dict[str, Any]) -> Any:
    return documents["check"]
