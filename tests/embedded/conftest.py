"""One embedded AWS for most of these tests; each makes a network of its own in it."""

import secrets
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import cdk
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws

from . import region_world
from .faults import FaultyWay
from .mirror_sets import MirrorSet, Responders
from .region_moves import Moves

REGION = "eu-west-2"
IMAGE = "ami-0123456789abcdef0"
_APPS = REPOSITORY / "tests" / "embedded" / "fixture_app"
_FAILOVER, _REGION = (shlex.join([sys.executable, str(_APPS / f"{name}.py")]) for name in ("failover", "region"))

Deploy = Callable[..., None]


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


# The failover automation, deployed once for all tests of it.


@pytest.fixture(scope="session")
def way() -> Iterator[FaultyWay]:
    """What the deployed functions reach AWS through."""
    with FaultyWay() as found:
        yield found


@pytest.fixture(scope="session")
def embedded(way: FaultyWay) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(functions_endpoint=way.endpoint, loopback_only=True) as running:
        way.upstream = running.endpoint
        yield running


@pytest.fixture(scope="session")
def responders() -> Iterator[Responders]:
    found = Responders()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def deploy(embedded: EmbeddedAws, responders: Responders) -> Deploy:
    """Deploys the app, with what a test wants to be different."""
    addresses = {f"address_{member}": address for member, address in responders.addresses.items()}

    def run(**context: str) -> None:
        assembly = cdk.synthesize(embedded, _FAILOVER, {**addresses, **context})
        cdk.deploy(embedded, assembly, lambda line: None)

    cdk.bootstrap(embedded, [(embedded.account, REGION)], lambda line: None)
    run()
    return run


def _mirror_set(aws: EmbeddedAws, responders: Responders, stack: str, name: str) -> MirrorSet:
    clients = Clients(aws, REGION)
    described = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described}
    return MirrorSet(clients=clients, name=name, stack=stack, outputs=outputs, responders=responders)


@pytest.fixture(scope="session")
def by_route(embedded: EmbeddedAws, responders: Responders, deploy: Deploy) -> MirrorSet:
    """A mirror set that is reached by its address, whose member a has taken over."""
    found = _mirror_set(embedded, responders, "fixture-vip", "VIP")
    assert found.vip_routes() == {}
    found.take_over("a")
    return found


@pytest.fixture(scope="session")
def by_listener(embedded: EmbeddedAws, responders: Responders, deploy: Deploy) -> MirrorSet:
    """A mirror set that is reached through a listener, whose member b has taken over."""
    found = _mirror_set(embedded, responders, "fixture-listener", "LISTENER")
    assert found.led_by_listener() == "a"
    found.take_over("b")
    return found


# Two regions with what moves a mirror between them, deployed once for all tests of it.


@pytest.fixture(scope="session")
def region_mirror() -> region_world.Mirror:
    return region_world.Mirror()


@pytest.fixture(scope="session")
def region_responders(region_mirror: region_world.Mirror) -> Iterator[region_world.Responders]:
    found = region_world.Responders(region_mirror)
    yield found
    found.stop()


@pytest.fixture(scope="session")
def moves(
    region_mirror: region_world.Mirror, region_responders: region_world.Responders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Moves]:
    """A mirror over two regions, scripted, and its automation, deployed."""
    addresses = {
        f"address_{role}_{member}": region_responders.addresses[name] for name, (role, member) in region_world.PLACES.items()
    }
    with FaultyWay() as way, EmbeddedAws(functions_endpoint=way.endpoint, loopback_only=True) as running:
        way.upstream = running.endpoint

        def deploy(**context: str) -> None:
            cdk.deploy(running, cdk.synthesize(running, _REGION, {**addresses, **context}), lambda line: None)

        cdk.bootstrap(running, [(running.account, region) for region in region_world.REGIONS.values()], lambda line: None)
        deploy()
        instances = region_world.instances_of(running, {"primary": "fixture-primary", "dr": "fixture-dr"})
        agents = region_world.Agents(running, region_mirror, instances)
        parameter = Clients(running, region_world.REGIONS["dr"])("ssm").get_parameter(
            Name="/cdk-intersystems/fixture/TRAK/region-api"
        )
        answers = tmp_path_factory.mktemp("names") / "answers.json"
        api = parameter["Parameter"]["Value"].rstrip("/")
        yield Moves(running, way, region_mirror, agents, instances, api, answers, deploy)
        agents.stop()
