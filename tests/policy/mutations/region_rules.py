"""Ways to break what the rules about a deployment in several places hold; of a deployment with a DR region."""

from typing import Any

from tests.policy.mutations.templates import (
    ARBITER,
    MIRROR,
    NETWORK,
    A,
    Mutation,
    Mutations,
    Templates,
    add,
    admit,
    first,
    set_interface,
    set_property,
)

DR_A = "trakcare-dr-trak-a"
DR_MIRROR = "trakcare-dr-trak"
DR_NETWORK = "trakcare-dr-network"

_GROUP = "AWS::EC2::SecurityGroup"
_ELSEWHERE = "cdk-intersystems:elsewhere"


def _group(templates: Templates, stack: str, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = first(templates, stack, _GROUP, name)["Properties"]
    return properties


def _let_out(stack: str, group: str, port: int, peer: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        stated = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": peer}
        _group(templates, stack, group)["SecurityGroupEgress"].append(stated)

    return mutate


def _renamed(group: str, old: str, new: str) -> Mutation:
    """Another address of a member elsewhere, in the names and the rules of a group alike."""

    def mutate(templates: Templates) -> None:
        properties = _group(templates, MIRROR, group)
        for tag in properties["Tags"]:
            if tag["Key"] == _ELSEWHERE:
                tag["Value"] = tag["Value"].replace(f"={old}", f"={new}")
        for stated in (*properties.get("SecurityGroupIngress", []), *properties.get("SecurityGroupEgress", [])):
            if stated.get("CidrIp") == f"{old}/32":
                stated["CidrIp"] = f"{new}/32"

    return mutate


def _wider(templates: Templates) -> None:
    """A member elsewhere is let in together with its neighbours."""
    for stated in _group(templates, DR_MIRROR, "Members")["SecurityGroupIngress"]:
        if stated.get("CidrIp") == "10.20.144.17/32" and stated["FromPort"] == 1972:
            stated["CidrIp"] = "10.20.144.0/20"


def _imported(templates: Templates) -> None:
    """A value of the primary region's network, by its export."""
    templates[NETWORK]["Outputs"]["Vpc"] = {
        "Value": {"Ref": _named(templates, NETWORK, "AWS::EC2::VPC")},
        "Export": {"Name": "primary-vpc"},
    }
    add(DR_NETWORK, "AWS::SSM::Parameter", {"Value": {"Fn::ImportValue": "primary-vpc"}})(templates)


def _stack_output(templates: Templates) -> None:
    add(DR_NETWORK, "AWS::SSM::Parameter", {"Value": {"Fn::GetStackOutput": {"StackName": NETWORK, "OutputName": "Vpc"}}})(
        templates
    )


def _named(templates: Templates, stack: str, type: str) -> str:
    return next(name for name, body in templates[stack]["Resources"].items() if body["Type"] == type)


def _may(resource: object, action: str = "dynamodb:GetItem", **more: object) -> Mutation:
    """One statement more of what a member of the primary region may do."""

    def mutate(templates: Templates) -> None:
        document = first(templates, A, "AWS::IAM::ManagedPolicy")["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource, **more})

    return mutate


def _key_for_anything(templates: Templates) -> None:
    """The other region's keys, and not by way of the one table alone."""
    document = first(templates, A, "AWS::IAM::ManagedPolicy")["Properties"]["PolicyDocument"]
    (statement,) = (each for each in document["Statement"] if each.get("Sid") == "DecryptWhichRegionHolds")
    del statement["Condition"]["StringEquals"]["kms:ViaService"]


MUTATIONS: Mutations = {
    "address of a member of the other region": (
        {"IRIS-2", "IRIS-13", "IRIS-32"},
        set_interface(DR_A, "PrivateIpAddress", "10.20.144.17"),
    ),
    "networks that overlap": ({"IRIS-31"}, set_property(DR_NETWORK, "AWS::EC2::VPC", "CidrBlock", "10.20.128.0/17")),
    "superserver open to a member's neighbours": ({"IRIS-8"}, _wider),
    "superserver open to another address": ({"IRIS-8"}, admit(DR_MIRROR, "Members", 1972, 1972, "10.20.144.99/32")),
    "mirror status open to more than the watch": ({"IRIS-8"}, admit(MIRROR, "Members", 2189, 2189, "10.30.0.0/16")),
    "another port open to a member elsewhere": ({"IRIS-32"}, admit(DR_MIRROR, "Members", 8080, 8080, "10.20.144.17/32")),
    "superserver of the arbiter's group open": ({"IRIS-32"}, admit(MIRROR, "Arbiter", 1972, 1972, "10.30.144.17/32")),
    "members reach premises": ({"IRIS-32"}, _let_out(MIRROR, "Members", 1972, "192.168.0.0/16")),
    "members reach the other arbiter's database port": ({"IRIS-32"}, _let_out(DR_MIRROR, "Members", 1972, "10.20.224.17/32")),
    "a member elsewhere known by another address": ({"IRIS-32"}, _renamed("Members", "10.30.144.17", "10.30.144.18")),
    "an arbiter elsewhere that is another host": ({"IRIS-32"}, _renamed("Members", "10.30.224.17", "10.30.224.18")),
    "export of another region": ({"IRIS-33"}, _imported),
    "output of another region": ({"IRIS-33"}, _stack_output),
    "copy of another region's export": (
        {"IRIS-33"},
        add(DR_NETWORK, "AWS::SSM::Parameter", {"Value": "{{resolve:ssm:/cdk/exports/trakcare-dr-network/Vpc}}"}),
    ),
    "topic of another region": (
        {"IRIS-33"},
        add(ARBITER, "AWS::CloudWatch::Alarm", {"AlarmActions": ["arn:aws:sns:eu-west-1:111122223333:operations"]}),
    ),
    "another table of the other region": ({"IRIS-33"}, _may("arn:aws:dynamodb:eu-west-1:111122223333:table/epochs")),
    "every table of the other region": ({"IRIS-33"}, _may("arn:aws:dynamodb:eu-west-1:111122223333:table/*")),
    "secret of the other region": (
        {"IRIS-33"},
        _may("arn:aws:secretsmanager:eu-west-1:111122223333:secret:trakcare/authority", "secretsmanager:GetSecretValue"),
    ),
    "keys of the other region for anything": ({"IRIS-33"}, _key_for_anything),
}
