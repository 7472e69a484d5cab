"""Ways to break what the rules about security groups hold."""

from tests.policy.mutations.templates import (
    LOAD_BALANCER,
    MIRROR,
    NETWORK,
    WEB,
    A,
    Mutations,
    Templates,
    admit,
    first,
    host,
    set_interface,
    set_property,
)


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


def no_own_egress(templates: Templates) -> None:
    first(templates, NETWORK, "AWS::EC2::SecurityGroup", "ServiceEndpoints")["Properties"].pop("SecurityGroupEgress")


MUTATIONS: Mutations = {
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
    "default security group": ({"IRIS-15"}, default_group_by_attribute),
    "no security group": ({"IRIS-15"}, set_interface(A, "GroupSet", [])),
    "load balancer without security group": (
        {"IRIS-8", "IRIS-15"},
        set_property(MIRROR, LOAD_BALANCER, "SecurityGroups", None),
    ),
    "everything may leave": ({"IRIS-16"}, allow_all),
    "egress left to EC2": ({"IRIS-16"}, no_own_egress),
}
