"""I13 in the DR region: no deployment takes back what a promotion raised, unless somebody has approved just that.

CloudFormation writes the properties that changed in the template, and no others. What a promotion raised is state that the
template doesn't have: an instance's type, and a group's sizes.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2

from tests.contract.cloudformation import Deployed, Templates
from tests.infra.dr_app import DrApp
from tests.infra.dr_tiers import application_tier

_INSTANCE, _GROUP = "AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup"
_SIZES = ("MinSize", "MaxSize")
_WARM = ec2.InstanceType("r7i.xlarge")

Tweak = Callable[[dict[str, Any], dict[str, Any]], None]


def _version(tweak: Tweak | None = None) -> Templates:
    """The templates of a DR region with tiers; the function may change the arguments of mirror and tier."""
    mirror: dict[str, Any] = {"warm_instance_type": _WARM}
    tier: dict[str, Any] = {"warm_min_capacity": 0, "warm_max_capacity": 1}
    if tweak:
        tweak(mirror, tier)
    base = DrApp(**mirror)
    application_tier(base, **tier)
    return base.templates()


class _Region:
    """What is there at AWS: the properties of each resource, written by CloudFormation and by the automation."""

    def __init__(self, templates: Templates) -> None:
        self.deployed = Deployed()
        self.deployed.deploy(templates)
        self.live = {
            (stack, logical_id): deepcopy(resource.get("Properties", {}))
            for stack, template in templates.items()
            for logical_id, resource in template.get("Resources", {}).items()
        }

    def promote(self) -> None:
        """Raises the members' type and the tier's sizes."""
        for place, properties in self.live.items():
            if self._type(place) == _INSTANCE and properties["InstanceType"] == _WARM.to_string():
                properties["InstanceType"] = "r7i.4xlarge"
            if self._type(place) == _GROUP:
                properties.update(MinSize="3", MaxSize="6")

    def deploy(self, templates: Templates, approvals: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, list[str]]:
        """Deploys, and says what was refused."""
        done = self.deployed.deploy(templates, approvals)
        for change in done.changes:
            place = (change.stack, change.logical_id)
            resource = templates[change.stack]["Resources"].get(change.logical_id)
            if resource is None or place not in self.live:
                continue
            for name in change.why:
                self.live[place][name] = deepcopy(resource["Properties"].get(name))
            policy = resource.get("UpdatePolicy", {}).get("AutoScalingScheduledAction", {})
            if change.type == _GROUP and not policy.get("IgnoreUnmodifiedGroupSizeProperties"):
                # Source: CloudFormation User Guide, UpdatePolicy, AutoScalingScheduledAction: then all sizes are written.
                self.live[place].update({name: resource["Properties"][name] for name in _SIZES})
        return dict(done.refused)

    def raised(self) -> dict[str, Any]:
        """What a promotion raises, as it is."""
        return {
            "/".join(place): properties["InstanceType"] if kind == _INSTANCE else [properties[name] for name in _SIZES]
            for place, properties in self.live.items()
            if (kind := self._type(place)) == _GROUP or (kind == _INSTANCE and not place[0].endswith("arbiter"))
        }

    def _type(self, place: tuple[str, str]) -> str:
        stack, logical_id = place
        return str(self.deployed.templates[stack]["Resources"].get(logical_id, {}).get("Type"))


def _set(where: int, **values: Any) -> Tweak:
    return lambda *arguments: arguments[where].update(values)


_HARMLESS: Mapping[str, Tweak | None] = {
    "nothing": None,
    "databases": _set(0, databases=["DATA", "MORE"]),
    "termination protection": _set(0, termination_protection=False),
    "a source of clients": _set(0, client_cidrs=["192.168.0.0/16"]),
    "image of a tier": _set(1, machine_image=ec2.MachineImage.generic_linux({"eu-west-1": "ami-0aaaaaaaaaaaaaaaa"})),
    "instance type of a tier": _set(1, instance_type=ec2.InstanceType("m7i.2xlarge")),
    "the full type": _set(0, instance_type=ec2.InstanceType("r7i.8xlarge")),
}


@pytest.fixture(scope="module")
def first() -> Templates:
    return _version()


@pytest.mark.parametrize("name", _HARMLESS)
def test_a_deployment_leaves_what_a_promotion_raised(first: Templates, name: str) -> None:
    region = _Region(first)
    region.promote()
    before = region.raised()
    assert {str(each) for each in before.values()} == {"r7i.4xlarge", "['3', '6']"}
    assert region.deploy(_version(_HARMLESS[name])) == {}
    assert region.raised() == before


_TAKES_BACK: Mapping[str, tuple[Tweak, set[str]]] = {
    "the warm type": (_set(0, warm_instance_type=ec2.InstanceType("r7i.2xlarge")), {"trak-a", "trak-b"}),
    "no warm type": (_set(0, warm_instance_type=None), {"trak-a", "trak-b"}),
    "image of the members": (
        _set(0, machine_image=ec2.MachineImage.generic_linux({"eu-west-1": "ami-0bbbbbbbbbbbbbbbb"})),
        {"trak-a", "trak-b", "trak-arbiter"},
    ),
    "fewest of a tier": (_set(1, warm_min_capacity=1), {"app"}),
    "most of a tier": (_set(1, warm_max_capacity=2), {"app"}),
}


@pytest.mark.parametrize("name", _TAKES_BACK)
def test_what_would_take_it_back_is_refused(first: Templates, name: str) -> None:
    tweak, asking = _TAKES_BACK[name]
    region = _Region(first)
    region.promote()
    before = region.raised()
    refused = region.deploy(_version(tweak))
    assert set(refused) == asking
    for stack, sentences in refused.items():
        assert ("take back what the promotion raised" in sentences[0].replace("takes", "take")) == (stack != "trak-arbiter")
    assert region.raised() == before


def test_an_approved_capacity_is_written_and_stays_approved(first: Templates) -> None:
    changed = _version(_set(1, warm_min_capacity=1))
    code = changed["app"]["Parameters"]["CapacityApprovalApp"]["Default"]
    region = _Region(first)
    assert region.deploy(changed, {"app": {"CapacityApprovalApp": code}}) == {}
    (sizes,) = (value for place, value in region.raised().items() if place.startswith("app/"))
    assert sizes == ["1", "1"]
    assert region.deploy(changed) == {}


def test_the_sizes_would_be_taken_back_without_the_update_policy(first: Templates) -> None:
    """That the test above can fail: of a changed group CloudFormation writes all sizes, unless it is told not to."""
    careless = deepcopy(_version(_HARMLESS["instance type of a tier"]))
    for resource in careless["app"]["Resources"].values():
        resource.pop("UpdatePolicy", None)
    region = _Region(first)
    region.promote()
    region.deploy(careless)
    assert ["0", "1"] in region.raised().values()
