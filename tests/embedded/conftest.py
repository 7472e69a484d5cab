"""One embedded AWS for most of these tests; each makes a network of its own in it."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.server import EmbeddedAws

REGION = "eu-west-2"
IMAGE = "ami-0123456789abcdef0"


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


@pytest.fixture(scope="session")
def clients(aws: EmbeddedAws) -> Clients:
    return Clients(aws, REGION)


@pytest.fixture(scope="session")
def ec2(clients: Clients) -> Any:
    return clients("ec2")


@pytest.fixture(scope="session")
def cloudformation(clients: Clients) -> Any:
    return clients("cloudformation")


@pytest.fixture
def refused() -> Callable[..., str]:
    """Calls an operation that must be refused with a certain code, and returns AWS's message."""

    def call(code: str, operation: Callable[..., Any], **arguments: Any) -> str:
        with pytest.raises(ClientError) as error:
            operation(**arguments)
        assert error.value.response["Error"]["Code"] == code
        return str(error.value.response["Error"]["Message"])

    return call


@dataclass(frozen=True)
class Network:
    """A VPC with a subnet in two zones, a route table and a security group."""

    vpc: str
    subnet_a: str
    subnet_b: str
    table: str
    group: str


@pytest.fixture
def network(ec2: Any) -> Network:
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    return Network(
        vpc=vpc,
        subnet_a=ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]["SubnetId"],
        subnet_b=ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.2.0/24", AvailabilityZone=f"{REGION}b")["Subnet"]["SubnetId"],
        table=ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        group=ec2.create_security_group(GroupName="g", Description="a group", VpcId=vpc)["GroupId"],
    )


@pytest.fixture
def launch(ec2: Any, network: Network) -> Callable[..., dict[str, Any]]:
    """Launches an instance in the network's first subnet and returns its description."""

    def run(**arguments: Any) -> dict[str, Any]:
        defaults = {"ImageId": IMAGE, "InstanceType": "r7i.large", "MinCount": 1, "MaxCount": 1}
        if "NetworkInterfaces" not in arguments:
            defaults["SubnetId"] = network.subnet_a
        instance: dict[str, Any] = ec2.run_instances(**{**defaults, **arguments})["Instances"][0]
        return instance

    return run


@pytest.fixture
def stack_name() -> str:
    return f"stack-{secrets.token_hex(4)}"
