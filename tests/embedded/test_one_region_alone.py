"""A region is deployed while the other one is gone: it isn't bootstrapped, and nothing was ever deployed there."""

import shlex
import sys

import pytest

from local import cdk
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws
from local.verify import DIFFERENT, verify

pytestmark = pytest.mark.embedded

REGIONS = {"primary": "eu-west-2", "dr": "eu-west-1"}


@pytest.mark.parametrize("role", REGIONS)
def test_a_region_alone(role: str) -> None:
    (other,) = set(REGIONS) - {role}
    app = shlex.join([sys.executable, str(REPOSITORY / "app.py")])
    with EmbeddedAws() as aws:
        cdk.bootstrap(aws, [(aws.account, REGIONS[role])], lambda line: None)
        assembly = cdk.synthesize(aws, app, {"deployment": "trakcare", "regions": role})
        cdk.deploy(aws, assembly, lambda line: None)
        stacks = cdk.stacks(assembly, aws.account)
        assert {stack.name.split("-")[1] for stack in stacks} == {role}
        assert f"trakcare-{role}-trak-a" in {stack.name for stack in stacks}
        assert [finding for finding in verify(aws, stacks) if finding.status == DIFFERENT] == []
        for service, call, found in (
            ("cloudformation", "describe_stacks", "Stacks"),
            ("ec2", "describe_instances", "Reservations"),
            ("lambda", "list_functions", "Functions"),
        ):
            assert getattr(Clients(aws, REGIONS[other])(service), call)()[found] == [], (service, other)
