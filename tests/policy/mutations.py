"""Ways to break a deployment, each with the rules of IrisChecks that have to notice."""

from collections.abc import Callable
from typing import Any

Templates = dict[str, dict[str, Any]]
Mutation = Callable[[Templates], None]

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


def target_group(templates: Templates) -> dict[str, Any]:
    properties: dict[str, Any] = first(templates, MIRROR, "AWS::ElasticLoadBalancingV2::TargetGroup")["Properties"]
    return properties


def set_target_group(key: str, value: object) -> Mutation:
    return set_property(MIRROR, "AWS::ElasticLoadBalancingV2::TargetGroup", key, value)


def set_targets(change: Callable[[list[dict[str, Any]]], object]) -> Mutation:
    def mutate(templates: Templates) -> None:
        change(target_group(templates)["Targets"])

    return mutate


def set_attribute(stack: str, type: str, attributes: str, key: str, value: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        entries = first(templates, stack, type)["Properties"][attributes]
        entries[:] = [entry for entry in entries if entry["Key"] != key] + [{"Key": key, "Value": value}]

    return mutate


def set_parameter(stack: str, name: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        parameters = templates[stack].setdefault("Parameters", {})
        if value is None:
            del parameters[name]
        else:
            parameters[name] = value

    return mutate


def no_rules(templates: Templates) -> None:
    templates[A]["Rules"].pop("RollApprovalRule")


def same_code(templates: Templates) -> None:
    for section in ("Parameters", "Rules"):
        name = "RollApproval" if section == "Parameters" else "RollApprovalRule"
        templates[A][section][name] = templates[B][section][name]


def two_members_in_one_stack(templates: Templates) -> None:
    body = templates[B]["Resources"].pop(
        next(k for k, v in templates[B]["Resources"].items() if v["Type"] == "AWS::EC2::Instance")
    )
    templates[A]["Resources"]["Other"] = body


def default_group_by_attribute(templates: Templates) -> None:
    vpc = next(k for k, v in templates[NETWORK]["Resources"].items() if v["Type"] == "AWS::EC2::VPC")
    templates[NETWORK]["Outputs"]["Default"] = {
        "Value": {"Fn::GetAtt": [vpc, "DefaultSecurityGroup"]},
        "Export": {"Name": "default-group"},
    }
    host(templates, A)["NetworkInterfaces"][0]["GroupSet"].append({"Fn::ImportValue": "default-group"})


def allow_all(templates: Templates) -> None:
    rules = first(templates, MIRROR, "AWS::EC2::SecurityGroup", "Members")["Properties"]["SecurityGroupEgress"]
    rules.append({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"})


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


def _router_group(change: Callable[[dict[str, Any]], object]) -> Mutation:
    def mutate(templates: Templates) -> None:
        change(first(templates, MIRROR, "AWS::EC2::SecurityGroup", "FailoverSecurityGroup")["Properties"])

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


def set_weights(*weights: int) -> Mutation:
    """Change the weights of the target groups that the endpoint's first listener names."""

    def mutate(templates: Templates) -> None:
        groups = _named_groups(templates)
        for group, weight in zip(groups, weights, strict=True):
            group["Weight"] = weight

    return mutate


def _named_groups(templates: Templates) -> list[dict[str, Any]]:
    (action,) = first(templates, MIRROR, "AWS::ElasticLoadBalancingV2::Listener")["Properties"]["DefaultActions"]
    groups: list[dict[str, Any]] = action["ForwardConfig"]["TargetGroups"]
    return groups


def _idle_group_left_out(templates: Templates) -> None:
    _named_groups(templates).pop()


def _both_groups_of_one_member(templates: Templates) -> None:
    """Of another service: member a's group of HL7 instead of member b's of the superserver."""
    hl7 = [k for k, v in templates[MIRROR]["Resources"].items() if v["Type"] == _GROUP and "Hl7TargetsA" in k]
    _named_groups(templates)[1]["TargetGroupArn"] = {"Ref": hl7[0]}


def no_own_egress(templates: Templates) -> None:
    first(templates, NETWORK, "AWS::EC2::SecurityGroup", "ServiceEndpoints")["Properties"].pop("SecurityGroupEgress")


def one_role_bounded(templates: Templates) -> None:
    first(templates, A, "AWS::IAM::Role")["Properties"]["PermissionsBoundary"] = "arn:aws:iam::111122223333:policy/boundary"


def two_boundaries(templates: Templates) -> None:
    roles = [r for t in templates.values() for r in t["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    for number, role in enumerate(roles):
        role["Properties"]["PermissionsBoundary"] = f"arn:aws:iam::111122223333:policy/boundary{number % 2}"


_INSTANCE = "AWS::EC2::Instance"
_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_SCALING = "AWS::AutoScaling::AutoScalingGroup"
_VOLUME = "AWS::EC2::Volume"
_ROUTE = "AWS::EC2::Route"
_FUNCTION = "AWS::Lambda::Function"
_QUEUE = "AWS::SQS::Queue"
_TABLE = "AWS::DynamoDB::Table"
_TEMPLATE = "AWS::EC2::LaunchTemplate"
_LATEST = {"Ref": "SsmParameterValueLatestAmi"}
_CLOSE = "target_health_state.unhealthy.connection_termination.enabled"


def _launch(key: str, value: object) -> Mutation:
    def mutate(templates: Templates) -> None:
        first(templates, APP, _TEMPLATE)["Properties"]["LaunchTemplateData"][key] = value

    return mutate


def _arbiter_beside_a(templates: Templates) -> None:
    host(templates, ARBITER)["AvailabilityZone"] = host(templates, A)["AvailabilityZone"]


def _no_arbiter(templates: Templates) -> None:
    del templates[ARBITER]


def _another_byte(templates: Templates) -> None:
    host(templates, A)["UserData"]["Fn::Base64"] += "\n"


def _signal(stack: str, value: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        (tag,) = (tag for tag in host(templates, stack)["Tags"] if tag["Key"].endswith(":signal"))
        tag["Value"] = value

    return mutate


def _no_signal(templates: Templates) -> None:
    group = first(templates, APP, _SCALING)["Properties"]
    group["Tags"] = [tag for tag in group["Tags"] if not tag["Key"].endswith(":signal")]


def _no_bundle(templates: Templates) -> None:
    for specification in first(templates, APP, _TEMPLATE)["Properties"]["LaunchTemplateData"]["TagSpecifications"]:
        specification["Tags"] = [tag for tag in specification["Tags"] if not tag["Key"].endswith(":bundle")]


MUTATIONS: dict[str, tuple[set[str], Mutation]] = {
    "both failover members in one zone": ({"IRIS-1"}, set_host(B, "AvailabilityZone", "eu-west-2a")),
    "arbiter in a member's zone": ({"IRIS-1"}, _arbiter_beside_a),
    "no arbiter": ({"IRIS-1"}, _no_arbiter),
    "volume in another zone": ({"IRIS-1"}, set_property(A, _VOLUME, "AvailabilityZone", "eu-west-2b")),
    "no fixed address": ({"IRIS-2"}, set_interface(ARBITER, "PrivateIpAddress", {"Ref": "Address"})),
    "address of another member": ({"IRIS-2"}, set_interface(B, "PrivateIpAddress", "10.20.144.17")),
    "address outside the subnet": ({"IRIS-2"}, set_interface(ARBITER, "PrivateIpAddress", "10.99.0.17")),
    "latest image": ({"IRIS-3"}, set_host(A, "ImageId", _LATEST)),
    "image resolved from SSM": ({"IRIS-3"}, set_host(A, "ImageId", "resolve:ssm:/images/rhel")),
    "latest image of a tier": ({"IRIS-3"}, _launch("ImageId", _LATEST)),
    "IMDSv1": ({"IRIS-4"}, set_host(A, "MetadataOptions", {"HttpTokens": "optional"})),
    "metadata options of a tier left out": ({"IRIS-4"}, _launch("MetadataOptions", {})),
    "public address": ({"IRIS-5"}, set_interface(A, "AssociatePublicIpAddress", True)),
    "subnet that gives public addresses": (
        {"IRIS-5"},
        set_property(NETWORK, "AWS::EC2::Subnet", "MapPublicIpOnLaunch", True, "data"),
    ),
    "elastic address": ({"IRIS-5"}, add(A, "AWS::EC2::EIPAssociation", {"InstanceId": {"Ref": "InstanceC1063A87"}})),
    "SSH from an office": ({"IRIS-6"}, admit(MIRROR, "Members", 22, 22, "10.0.0.0/8")),
    "RDP inside a range of ports": ({"IRIS-6"}, admit(MIRROR, "Arbiter", 3000, 4000, "192.168.0.0/16")),
    "everything from one range": ({"IRIS-6", "IRIS-8"}, admit(MIRROR, "Members", -1, -1, "192.168.0.0/16", protocol="-1")),
    "endpoint open to the Internet": ({"IRIS-7"}, admit(MIRROR, "EndpointSecurityGroup", 1972, 1972, "0.0.0.0/0")),
    "endpoint open to the Internet's half": ({"IRIS-7"}, admit(MIRROR, "EndpointSecurityGroup", 1972, 1972, "128.0.0.0/1")),
    "endpoint open to IPv6": ({"IRIS-7"}, admit(MIRROR, "EndpointSecurityGroup", 1972, 1972, "::/0")),
    "web load balancer open on another port": (
        {"IRIS-7"},
        admit(WEB, "LoadBalancerSecurityGroup", 8443, 8443, "0.0.0.0/0"),
    ),
    "web load balancer that is no longer the only user of its ports": (
        {"IRIS-7"},
        admit(MIRROR, "Arbiter", 443, 443, "0.0.0.0/0"),
    ),
    "superserver open to a range": ({"IRIS-8"}, admit(MIRROR, "Members", 1972, 1972, "192.168.0.0/16")),
    "ISCAgent open to a range": ({"IRIS-8"}, admit(MIRROR, "Arbiter", 2188, 2188, "10.20.0.0/16")),
    "mirror status open to a range": ({"IRIS-8"}, admit(MIRROR, "Members", 2189, 2189, "10.20.0.0/16")),
    "endpoint target open to a range": ({"IRIS-8"}, admit(MIRROR, "Members", 11972, 11972, "10.20.0.0/16")),
    "target port open on the endpoint itself": (
        {"IRIS-8"},
        admit(MIRROR, "EndpointSecurityGroup", 16661, 16661, "192.168.0.0/16"),
    ),
    "volume not encrypted": ({"IRIS-9"}, set_property(A, _VOLUME, "Encrypted", False)),
    "volume with the account's default key": ({"IRIS-9"}, set_property(A, _VOLUME, "KmsKeyId", "alias/aws/ebs")),
    "volume with no key": ({"IRIS-9"}, set_property(A, _VOLUME, "KmsKeyId", None)),
    "volume deleted with its stack": ({"IRIS-9"}, set_body(A, _VOLUME, "DeletionPolicy", "Delete")),
    "volume deleted when replaced": ({"IRIS-9"}, set_body(A, _VOLUME, "UpdateReplacePolicy", "Snapshot")),
    "root volume not encrypted": (
        {"IRIS-9"},
        set_host(A, "BlockDeviceMappings", [{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": False}}]),
    ),
    "root volume not stated": ({"IRIS-9"}, set_host(A, "BlockDeviceMappings", [])),
    "host not protected": ({"IRIS-10"}, set_host(ARBITER, "DisableApiTermination", False)),
    "approval parameter missing": ({"IRIS-11"}, set_parameter(B, "RollApproval", None)),
    "approval rule missing": ({"IRIS-11"}, no_rules),
    "approval of another code": ({"IRIS-11"}, set_parameter(A, "RollApproval", {"Type": "String", "Default": "0"})),
    "one code for two members": ({"IRIS-11"}, same_code),
    "two members in one stack": ({"IRIS-1", "IRIS-11", "IRIS-24"}, two_members_in_one_stack),
    "health check by TCP": ({"IRIS-12"}, set_target_group("HealthCheckProtocol", "TCP")),
    "health check of the service port": ({"IRIS-12"}, set_target_group("HealthCheckPort", "traffic-port")),
    "health check of another page": ({"IRIS-12"}, set_target_group("HealthCheckPath", "/")),
    "health check that believes a redirect": ({"IRIS-12"}, set_target_group("Matcher", {"HttpCode": "200-399"})),
    "health check too slow": ({"IRIS-12"}, set_target_group("HealthCheckIntervalSeconds", 30)),
    "failover member missing in the endpoint": ({"IRIS-13"}, set_targets(lambda targets: targets.pop())),
    "arbiter in the endpoint": (
        {"IRIS-13"},
        set_targets(lambda targets: targets[1].update(Id="10.20.224.17")),
    ),
    "third target in the endpoint": (
        {"IRIS-13"},
        set_targets(lambda targets: targets.append({"Id": "10.20.128.99", "Port": 11972})),
    ),
    "no cross-zone load balancing": (
        {"IRIS-14"},
        set_attribute(MIRROR, _BALANCER, "LoadBalancerAttributes", "load_balancing.cross_zone.enabled", "false"),
    ),
    "no cross-zone load balancing of a group": (
        {"IRIS-14"},
        set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", "load_balancing.cross_zone.enabled", "false"),
    ),
    "dead connections stay open": ({"IRIS-14"}, set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", _CLOSE, "false")),
    "default security group": ({"IRIS-15"}, default_group_by_attribute),
    "no security group": ({"IRIS-15"}, set_interface(A, "GroupSet", [])),
    "load balancer without security group": ({"IRIS-8", "IRIS-15"}, set_property(MIRROR, _BALANCER, "SecurityGroups", None)),
    "everything may leave": ({"IRIS-16"}, allow_all),
    "egress left to EC2": ({"IRIS-16"}, no_own_egress),
    "more ECP clients than there can be": ({"IRIS-17"}, set_property(APP, _SCALING, "MaxSize", "128")),
    "desired capacity": ({"IRIS-18"}, set_property(WEB, _SCALING, "DesiredCapacity", "3")),
    "custom resource": ({"IRIS-19"}, add(MIRROR, "Custom::VpcRestrictDefaultSG", {"ServiceToken": "arn"})),
    "custom resource by its other name": (
        {"IRIS-19"},
        add(MIRROR, "AWS::CloudFormation::CustomResource", {"ServiceToken": "arn"}),
    ),
    "password in user data": (
        {"IRIS-20", "IRIS-23"},
        set_host(A, "UserData", {"Fn::Base64": {"Fn::Join": ["\n", ["#!/bin/bash", "ISC_PASSWORD=Sys.Pa55word"]]}}),
    ),
    "password as a parameter": (
        {"IRIS-20"},
        set_parameter(MIRROR, "DatabasePassword", {"Type": "String", "Default": "SYS", "NoEcho": True}),
    ),
    "secret with a value": (
        {"IRIS-20"},
        set_property(MIRROR, "AWS::SecretsManager::Secret", "SecretString", "Sys.Pa55word"),
    ),
    "secret in an environment": (
        {"IRIS-20"},
        add(MIRROR, "AWS::Lambda::Function", {"Environment": {"Variables": {"IRIS_PASSWORD": "Sys.Pa55word"}}}),
    ),
    "access key": ({"IRIS-20", "IRIS-23"}, set_host(A, "UserData", {"Fn::Base64": "aws configure AKIA" + "A" * 16})),
    "one role with a boundary": ({"IRIS-21"}, one_role_bounded),
    "two boundaries": ({"IRIS-21"}, two_boundaries),
    "instance type past the approval": ({"IRIS-22"}, set_host(A, "InstanceType", "r7i.8xlarge")),
    "volume past the approval": ({"IRIS-22"}, set_property(A, _VOLUME, "SnapshotId", "snap-0123456789abcdef0")),
    "user data of a member that isn't ours": ({"IRIS-23"}, set_host(A, "UserData", {"Fn::Base64": "#!/bin/sh"})),
    "no user data of servers that CloudFormation waits for": ({"IRIS-23"}, _launch("UserData", {})),
    "another byte in user data": ({"IRIS-20", "IRIS-23"}, _another_byte),
    "nobody waits for a member": ({"IRIS-24"}, set_body(A, _INSTANCE, "CreationPolicy", {})),
    "a member signals for another": ({"IRIS-24"}, _signal(A, "trakcare-primary-trak-b/InstanceC1063A87")),
    "servers signal for nothing": ({"IRIS-24"}, _no_signal),
    "fewer servers are waited for than start": ({"IRIS-24"}, set_property(WEB, _SCALING, "MinSize", "4")),
    "servers that a new bundle leaves as they are": ({"IRIS-25"}, _no_bundle),
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

LISTENER_MUTATIONS: dict[str, tuple[set[str], Mutation]] = {
    "health check that finds the primary itself": ({"IRIS-12"}, set_target_group("HealthCheckProtocol", "HTTP")),
    "health check of the service's own port": ({"IRIS-12"}, set_target_group("HealthCheckPort", "traffic-port")),
    "health check of a member's group too slow": ({"IRIS-12"}, set_target_group("HealthCheckIntervalSeconds", 30)),
    "both members in the group of one": (
        {"IRIS-13"},
        set_targets(lambda targets: targets.append({"Id": "10.20.160.17", "Port": 11972})),
    ),
    "the other member in the group of one": ({"IRIS-13"}, set_targets(lambda targets: targets[0].update(Id="10.20.160.17"))),
    "a group with nobody in it": ({"IRIS-13"}, set_target_group("Targets", [])),
    # Of a group that no load balancer uses it isn't known whether that leads to every zone.
    "the idle member's group left out": ({"IRIS-13", "IRIS-14"}, _idle_group_left_out),
    "another service's group": ({"IRIS-13", "IRIS-14"}, _both_groups_of_one_member),
    "connections to both members": ({"IRIS-13"}, set_weights(1, 1)),
    "connections to nobody": ({"IRIS-13"}, set_weights(0, 0)),
    "a group that its member's death takes out of DNS": (
        {"IRIS-14"},
        set_attribute(
            MIRROR, _GROUP, "TargetGroupAttributes", "target_group_health.dns_failover.minimum_healthy_targets.count", "1"
        ),
    ),
    "dead connections of a member's group stay open": (
        {"IRIS-14"},
        set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", _CLOSE, "false"),
    ),
    "another listener moved": (
        {"IRIS-30"},
        set_statement(
            MIRROR, "FailoverRole", "elasticloadbalancing:ModifyListener", "Resource", "arn:aws:elasticloadbalancing:*"
        ),
    ),
}
"""Of a deployment whose router moves a listener."""
