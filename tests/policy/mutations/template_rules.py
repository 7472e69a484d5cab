"""Ways to break what the rules about what may stand in a template hold."""

from tests.policy.mutations.templates import (
    MIRROR,
    A,
    Mutations,
    Templates,
    add,
    first,
    host,
    set_host,
    set_parameter,
    set_property,
)


def one_role_bounded(templates: Templates) -> None:
    first(templates, A, "AWS::IAM::Role")["Properties"]["PermissionsBoundary"] = "arn:aws:iam::111122223333:policy/boundary"


def two_boundaries(templates: Templates) -> None:
    roles = [r for t in templates.values() for r in t["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    for number, role in enumerate(roles):
        role["Properties"]["PermissionsBoundary"] = f"arn:aws:iam::111122223333:policy/boundary{number % 2}"


def _another_byte(templates: Templates) -> None:
    host(templates, A)["UserData"]["Fn::Base64"] += "\n"


MUTATIONS: Mutations = {
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
    "another byte in user data": ({"IRIS-20", "IRIS-23"}, _another_byte),
}
