"""Ways to break what the rules about hosts hold."""

from tests.policy.mutations.templates import NETWORK, A, Mutations, add, launch, set_host, set_interface, set_property

_LATEST = {"Ref": "SsmParameterValueLatestAmi"}


MUTATIONS: Mutations = {
    "latest image": ({"IRIS-3"}, set_host(A, "ImageId", _LATEST)),
    "image resolved from SSM": ({"IRIS-3"}, set_host(A, "ImageId", "resolve:ssm:/images/rhel")),
    "latest image of a tier": ({"IRIS-3"}, launch("ImageId", _LATEST)),
    "IMDSv1": ({"IRIS-4"}, set_host(A, "MetadataOptions", {"HttpTokens": "optional"})),
    "metadata options of a tier left out": ({"IRIS-4"}, launch("MetadataOptions", {})),
    "public address": ({"IRIS-5"}, set_interface(A, "AssociatePublicIpAddress", True)),
    "subnet that gives public addresses": (
        {"IRIS-5"},
        set_property(NETWORK, "AWS::EC2::Subnet", "MapPublicIpOnLaunch", True, "data"),
    ),
    "elastic address": ({"IRIS-5"}, add(A, "AWS::EC2::EIPAssociation", {"InstanceId": {"Ref": "InstanceC1063A87"}})),
}
