"""Ways to break what the rules about tiers hold."""

from tests.policy.mutations.templates import APP, SCALING_GROUP, WEB, Mutations, set_property

MUTATIONS: Mutations = {
    "more ECP clients than there can be": ({"IRIS-17"}, set_property(APP, SCALING_GROUP, "MaxSize", "128")),
    "desired capacity": ({"IRIS-18"}, set_property(WEB, SCALING_GROUP, "DesiredCapacity", "3")),
}
