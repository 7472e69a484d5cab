"""Ways to break what the rules about the failover automation hold."""

from typing import Any

from tests.policy.mutations.templates import (
    ARBITER,
    MIRROR,
    NETWORK,
    A,
    B,
    Mutation,
    Mutations,
    Templates,
    add,
    admit,
    first,
    host,
    set_body,
    set_host,
    set_property,
)


def _listed(actions: object) -> list[str]:
    return actions if isinstance(actions, list) else [str(actions)]


def _statement(templates: Templates, stack: str, name: str, action: str) -> dict[str, Any]:
    """The statement of a policy that allows an action."""
    statements = first(templates, stack, "AWS::IAM::ManagedPolicy", name)["Properties"]["PolicyDocument"]["Statement"]
    found: dict[str, Any]
    (found,) = (each for each in statements if action in _listed(each["Action"]) and each["Effect"] == "Allow")
    return found


def set_statement(stack: str, name: str, action: str, key: str, value: object) -> Mutation:
    """Change the statement of a policy that allows an action; without a value, leave a key out."""

    def mutate(templates: Templates) -> None:
        statement = _statement(templates, stack, name, action)
        if value is None:
            del statement[key]
        else:
            statement[key] = value

    return mutate


def set_leading_keys(stack: str, name: str, action: str, *keys: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        condition = _statement(templates, stack, name, action)["Condition"]
        condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] = list(keys)

    return mutate


def _no_leading_keys_is_all_keys(templates: Templates) -> None:
    del _statement(templates, MIRROR, "FailoverRole", "dynamodb:UpdateItem")["Condition"]["Null"]


def _also_allow(stack: str, name: str, action: str, resource: object = "*") -> Mutation:
    def mutate(templates: Templates) -> None:
        statements = first(templates, stack, "AWS::IAM::ManagedPolicy", name)["Properties"]["PolicyDocument"]["Statement"]
        statements.append({"Effect": "Allow", "Action": action, "Resource": resource})

    return mutate


def _router_reaches(port: int, description: str) -> Mutation:
    """Change the port of what the router's group lets out to another group."""

    def mutate(templates: Templates) -> None:
        resources = templates[MIRROR]["Resources"].values()
        (rule,) = (
            r["Properties"]
            for r in resources
            if description in str(r.get("Properties", {}).get("Description")) and "Egress" in r["Type"]
        )
        rule.update(FromPort=port, ToPort=port)

    return mutate


def _member_in_the_routers_group(templates: Templates) -> None:
    # A group of the other stack, as the member's stack would import it.
    resources = templates[MIRROR]["Resources"]
    group = next(k for k, v in resources.items() if v["Type"] == "AWS::EC2::SecurityGroup" and "FailoverSecurityGroup" in k)
    templates[MIRROR]["Outputs"]["Router"] = {
        "Value": {"Fn::GetAtt": [group, "GroupId"]},
        "Export": {"Name": "router-group"},
    }
    host(templates, ARBITER)["NetworkInterfaces"][0]["GroupSet"].append({"Fn::ImportValue": "router-group"})


def _vip_inside_the_vpc(templates: Templates) -> None:
    variables = first(templates, MIRROR, "AWS::Lambda::Function")["Properties"]["Environment"]["Variables"]
    parts = variables["ROUTER"]["Fn::Join"][1]
    variables["ROUTER"]["Fn::Join"][1] = [
        part.replace("10.255.0.1", "10.20.0.9") if isinstance(part, str) else part for part in parts
    ]


def _open_queue(templates: Templates) -> None:
    policy = first(templates, MIRROR, "AWS::SQS::QueuePolicy", "FailoverMessages")["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": "*", "Resource": "*"})


def _plain_queue(templates: Templates) -> None:
    templates[MIRROR]["Resources"] = {
        k: v for k, v in templates[MIRROR]["Resources"].items() if v["Type"] != "AWS::SQS::QueuePolicy" or "Parked" in k
    }


_ROUTE = "AWS::EC2::Route"
_FUNCTION = "AWS::Lambda::Function"
_QUEUE = "AWS::SQS::Queue"
_TABLE = "AWS::DynamoDB::Table"


MUTATIONS: Mutations = {
    "VIP led by the template": (
        {"IRIS-26"},
        add(NETWORK, _ROUTE, {"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.255.0.1/32", "NetworkInterfaceId": "eni-1"}),
    ),
    "route to a member in the template": (
        {"IRIS-26"},
        add(A, _ROUTE, {"DestinationCidrBlock": "10.99.0.9/32", "InstanceId": {"Ref": "InstanceC1063A87"}}),
    ),
    "VIP inside the VPC": ({"IRIS-26"}, _vip_inside_the_vpc),
    "source checked on a member with a VIP": ({"IRIS-27"}, set_host(B, "SourceDestCheck", True)),
    "source check of a member with a VIP left to EC2": (
        {"IRIS-27"},
        lambda templates: host(templates, A).pop("SourceDestCheck"),
    ),
    "source not checked on the arbiter": ({"IRIS-27"}, set_host(ARBITER, "SourceDestCheck", False)),
    "interface with no check of the source": (
        {"IRIS-27"},
        add(NETWORK, "AWS::EC2::NetworkInterface", {"SourceDestCheck": False, "GroupSet": ["sg-1"]}),
    ),
    "router open to the VPC": ({"IRIS-28"}, admit(MIRROR, "FailoverSecurityGroup", 443, 443, "10.20.0.0/16")),
    "router reaches the superserver": ({"IRIS-28"}, _router_reaches(1972, "asked by the router")),
    "router in no group": ({"IRIS-28"}, set_property(MIRROR, _FUNCTION, "VpcConfig", None)),
    "host in the router's group": ({"IRIS-28"}, _member_in_the_routers_group),
    "queue without order": ({"IRIS-29"}, set_property(MIRROR, _QUEUE, "FifoQueue", None, "FailoverMessages")),
    "queue with AWS's key": ({"IRIS-29"}, set_property(MIRROR, _QUEUE, "KmsMasterKeyId", "alias/aws/sqs", "FailoverMessages")),
    "queue not encrypted": ({"IRIS-29"}, set_property(MIRROR, _QUEUE, "KmsMasterKeyId", None, "Parked")),
    "queue that loses messages": ({"IRIS-29"}, set_property(MIRROR, _QUEUE, "RedrivePolicy", None, "FailoverMessages")),
    "queue open to everyone": ({"IRIS-29"}, _open_queue),
    "queue without TLS": ({"IRIS-29"}, _plain_queue),
    "route epochs with AWS's key": ({"IRIS-29"}, set_property(MIRROR, _TABLE, "SSESpecification", {"SSEEnabled": True})),
    "route epochs that can't be restored": (
        {"IRIS-29"},
        set_property(MIRROR, _TABLE, "PointInTimeRecoverySpecification", None),
    ),
    "route epochs not protected": ({"IRIS-29"}, set_property(MIRROR, _TABLE, "DeletionProtectionEnabled", False)),
    "route epochs deleted with their stack": ({"IRIS-29"}, set_body(MIRROR, _TABLE, "DeletionPolicy", "Delete")),
    "member writes the routed record": ({"IRIS-30"}, set_leading_keys(A, "", "dynamodb:UpdateItem", "TRAK#routed")),
    "member writes both records": ({"IRIS-30"}, set_leading_keys(A, "", "dynamodb:UpdateItem", "TRAK", "TRAK#routed")),
    "member writes every record": ({"IRIS-30"}, set_statement(B, "", "dynamodb:UpdateItem", "Condition", None)),
    "member deletes records": ({"IRIS-30"}, _also_allow(A, "", "dynamodb:DeleteItem")),
    "member leads routes": ({"IRIS-30"}, _also_allow(A, "", "ec2:ReplaceRoute")),
    "router writes the claim": ({"IRIS-30"}, set_leading_keys(MIRROR, "FailoverRole", "dynamodb:UpdateItem", "TRAK")),
    "router writes what names no record": ({"IRIS-30"}, _no_leading_keys_is_all_keys),
    "router leads every route table": (
        {"IRIS-30"},
        set_statement(MIRROR, "FailoverRole", "ec2:CreateRoute", "Condition", None),
    ),
    "router deletes routes": ({"IRIS-30"}, _also_allow(MIRROR, "FailoverRole", "ec2:DeleteRoute")),
    "router does what it likes with routes": ({"IRIS-30"}, _also_allow(MIRROR, "FailoverRole", "ec2:*")),
    "router moves every listener": ({"IRIS-30"}, _also_allow(MIRROR, "FailoverRole", "elasticloadbalancing:ModifyListener")),
}


LISTENER_MUTATIONS: Mutations = {
    "another listener moved": (
        {"IRIS-30"},
        set_statement(
            MIRROR, "FailoverRole", "elasticloadbalancing:ModifyListener", "Resource", "arn:aws:elasticloadbalancing:*"
        ),
    ),
}
"""Of a deployment whose router moves a listener."""
