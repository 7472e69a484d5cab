"""How templates are changed: what mutations of every kind of rule are made of."""

from collections.abc import Callable
from typing import Any

Templates = dict[str, dict[str, Any]]
Mutation = Callable[[Templates], None]
Mutations = dict[str, tuple[set[str], Mutation]]

A = "trakcare-primary-trak-a"
B = "trakcare-primary-trak-b"
ARBITER = "trakcare-primary-trak-arbiter"
MIRROR = "trakcare-primary-trak"
NETWORK = "trakcare-primary-network"
APP = "trakcare-primary-app"
WEB = "trakcare-primary-web"


def first(templates: Templates, stack: str, type: str, name: str = "") -> dict[str, Any]:
    """The first resource of a type in a stack whose logical id has a name in it."""
    for logical_id, body in templates[stack]["Resources"].items():
        if body["Type"] == type and name in logical_id:
            found: dict[str, Any] = body
            return found
    raise LookupError(f"{stack} has no {type} {name}")


def host(templates: Templates, stack: str) -> dict[str, Any]:
    properties: dict[str, Any] = first(templates, stack, "AWS::EC2::Instance")["Properties"]
    return properties


def set_host(stack: str, key: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        host(templates, stack)[key] = value

    return mutate


def set_interface(stack: str, key: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        host(templates, stack)["NetworkInterfaces"][0][key] = value

    return mutate


def set_property(stack: str, type: str, key: str, value: object, name: str = "") -> Mutation:
    def mutate(templates: Templates) -> None:
        properties = first(templates, stack, type, name)["Properties"]
        if value is None:
            del properties[key]
        else:
            properties[key] = value

    return mutate


def set_body(stack: str, type: str, key: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        first(templates, stack, type)[key] = value

    return mutate


def admit(stack: str, group: str, first_port: int, last_port: int, peer: str, *, protocol: str = "tcp") -> Mutation:
    """Add an ingress rule to a security group, inside it."""

    def mutate(templates: Templates) -> None:
        key = "CidrIpv6" if ":" in peer else "CidrIp"
        stated = {"IpProtocol": protocol, "FromPort": first_port, "ToPort": last_port, key: peer}
        rules = first(templates, stack, "AWS::EC2::SecurityGroup", group)["Properties"].setdefault("SecurityGroupIngress", [])
        rules.append(stated)

    return mutate


def add(stack: str, type: str, properties: dict[str, Any]) -> Mutation:
    def mutate(templates: Templates) -> None:
        templates[stack]["Resources"]["Added"] = {"Type": type, "Properties": properties}

    return mutate


def set_parameter(stack: str, name: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        parameters = templates[stack].setdefault("Parameters", {})
        if value is None:
            del parameters[name]
        else:
            parameters[name] = value

    return mutate


LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
SCALING_GROUP = "AWS::AutoScaling::AutoScalingGroup"
LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"


def launch(key: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        first(templates, APP, LAUNCH_TEMPLATE)["Properties"]["LaunchTemplateData"][key] = value

    return mutate
