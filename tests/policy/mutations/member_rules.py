"""Ways to break what the rules about members hold."""

from tests.policy.mutations.templates import (
    ARBITER,
    A,
    B,
    Mutations,
    Templates,
    host,
    set_body,
    set_host,
    set_interface,
    set_parameter,
    set_property,
)


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


_VOLUME = "AWS::EC2::Volume"


def _arbiter_beside_a(templates: Templates) -> None:
    host(templates, ARBITER)["AvailabilityZone"] = host(templates, A)["AvailabilityZone"]


def _no_arbiter(templates: Templates) -> None:
    del templates[ARBITER]


MUTATIONS: Mutations = {
    "both failover members in one zone": ({"IRIS-1"}, set_host(B, "AvailabilityZone", "eu-west-2a")),
    "arbiter in a member's zone": ({"IRIS-1"}, _arbiter_beside_a),
    "no arbiter": ({"IRIS-1"}, _no_arbiter),
    "volume in another zone": ({"IRIS-1"}, set_property(A, _VOLUME, "AvailabilityZone", "eu-west-2b")),
    "no fixed address": ({"IRIS-2"}, set_interface(ARBITER, "PrivateIpAddress", {"Ref": "Address"})),
    "address of another member": ({"IRIS-2"}, set_interface(B, "PrivateIpAddress", "10.20.144.17")),
    "address outside the subnet": ({"IRIS-2"}, set_interface(ARBITER, "PrivateIpAddress", "10.99.0.17")),
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
    "instance type past the approval": ({"IRIS-22"}, set_host(A, "InstanceType", "r7i.8xlarge")),
    "volume past the approval": ({"IRIS-22"}, set_property(A, _VOLUME, "SnapshotId", "snap-0123456789abcdef0")),
}
