"""Ways to break what the rules about hosts that set themselves up hold."""

from tests.policy.mutations.templates import (
    APP,
    LAUNCH_TEMPLATE,
    SCALING_GROUP,
    WEB,
    A,
    Mutation,
    Mutations,
    Templates,
    first,
    host,
    launch,
    set_body,
    set_host,
    set_property,
)

_INSTANCE = "AWS::EC2::Instance"


def _signal(stack: str, value: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        (tag,) = (tag for tag in host(templates, stack)["Tags"] if tag["Key"].endswith(":signal"))
        tag["Value"] = value

    return mutate


def _no_signal(templates: Templates) -> None:
    group = first(templates, APP, SCALING_GROUP)["Properties"]
    group["Tags"] = [tag for tag in group["Tags"] if not tag["Key"].endswith(":signal")]


def _no_bundle(templates: Templates) -> None:
    for specification in first(templates, APP, LAUNCH_TEMPLATE)["Properties"]["LaunchTemplateData"]["TagSpecifications"]:
        specification["Tags"] = [tag for tag in specification["Tags"] if not tag["Key"].endswith(":bundle")]


MUTATIONS: Mutations = {
    "user data of a member that isn't ours": ({"IRIS-23"}, set_host(A, "UserData", {"Fn::Base64": "#!/bin/sh"})),
    "no user data of servers that CloudFormation waits for": ({"IRIS-23"}, launch("UserData", {})),
    "nobody waits for a member": ({"IRIS-24"}, set_body(A, _INSTANCE, "CreationPolicy", {})),
    "a member signals for another": ({"IRIS-24"}, _signal(A, "trakcare-primary-trak-b/InstanceC1063A87")),
    "servers signal for nothing": ({"IRIS-24"}, _no_signal),
    "fewer servers are waited for than start": ({"IRIS-24"}, set_property(WEB, SCALING_GROUP, "MinSize", "4")),
    "servers that a new bundle leaves as they are": ({"IRIS-25"}, _no_bundle),
}
