"""Every rule of IrisChecks is quiet on a deployment as it is, and notices what it is there for."""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Acknowledgment, App, Validations

from cdk_intersystems.policy.iris_checks import IrisChecks, check
from cdk_intersystems.policy.rules import ALL_RULES
from cdk_intersystems.policy.rules.assembly import Assembly
from tests.policy.mutations import LISTENER_MUTATIONS, MUTATIONS, REGION_MUTATIONS, Mutation, Templates
from tests.policy.mutations.templates import A
from tests.policy.variations import ALL, configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]


@pytest.fixture(scope="module")
def one_region(policed: "Get") -> Assembly:
    return policed("one region").assembly


@pytest.mark.parametrize("variation", ALL)
def test_finds_nothing_in_a_deployment_as_it_is(policed: "Get", variation: str) -> None:
    """But for the one thing that a deployment may be told to do all the same, which is acknowledged where it is done."""
    this = policed(variation)
    acknowledged = {each.id for each in this.acknowledged if each.id.startswith("IRIS-")}
    assert acknowledged == ({"IRIS-36"} if variation == "latch in a public object" else set())
    found = [f"{rule.id} {finding.logical_id}: {finding.message}" for rule, finding in check(this.assembly)]
    assert [each for each in found if each.split()[0] not in acknowledged] == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_notices(one_region: Assembly, mutation: str) -> None:
    """Exactly the rules that the mutation is about, so that a finding tells what is wrong."""
    _holds(one_region, *MUTATIONS[mutation])


@pytest.mark.parametrize("mutation", LISTENER_MUTATIONS)
def test_notices_where_the_router_moves_the_listener(policed: "Get", mutation: str) -> None:
    _holds(policed("listener moved by the router").assembly, *LISTENER_MUTATIONS[mutation])


@pytest.mark.parametrize(
    ("variation", "mutation"), [(variation, each) for variation, mutations in REGION_MUTATIONS.items() for each in mutations]
)
def test_notices_between_two_regions(policed: "Get", variation: str, mutation: str) -> None:
    _holds(policed(variation).assembly, *REGION_MUTATIONS[variation][mutation])


def _holds(app: Assembly, expected: set[str], mutate: Mutation) -> None:
    templates = _templates(app)
    mutate(templates)
    found = {rule.id for rule, _ in check(Assembly.from_templates(templates, regions=app.regions))}
    # Whatever is changed in a finished template of a member is a change past its approval too.
    assert found - ({"IRIS-22"} - expected) == expected


def _templates(app: Assembly) -> Templates:
    return {stack.name: deepcopy(dict(stack.template)) for stack in app.stacks}


def test_notices_a_stack_without_termination_protection(one_region: Assembly) -> None:
    app = Assembly.from_templates(_templates(one_region), unprotected=frozenset({A}))
    assert [(rule.id, finding.where) for rule, finding in check(app)] == [
        ("IRIS-10", next(stack for stack in app.stacks if stack.name == A))
    ]


def test_every_rule_has_a_mutation() -> None:
    assert {
        id
        for mutations in (MUTATIONS, LISTENER_MUTATIONS, *REGION_MUTATIONS.values())
        for expected, _ in mutations.values()
        for id in expected
    } == {rule.id for rule in ALL_RULES}


def test_ids_are_unique_and_stay() -> None:
    """An id that changed its meaning would turn somebody's acknowledgement into another."""
    assert [rule.id for rule in ALL_RULES] == [f"IRIS-{number}" for number in range(1, len(ALL_RULES) + 1)]


class TestInTheCdk:
    """As a plugin of a synthesis, on the reference app."""

    @pytest.fixture
    def synthesize(self, tmp_path: "Path") -> Callable[[str | None], None]:
        """Synthesizes a deployment whose member a takes metadata requests without a token."""

        def run(acknowledged: str | None) -> None:
            from cdk_intersystems.configuration import deployment_of
            from stacks.deployment_app import define_deployment, make_app

            app = make_app(outdir=str(tmp_path))
            define_deployment(app, deployment_of(configuration("minimal")))
            host = app.node.find_child("minimal-primary-iris-a").node.find_child("Instance")
            host.instance.add_property_override("MetadataOptions.HttpTokens", "optional")  # type: ignore[attr-defined]
            if acknowledged:
                Validations.of(host).acknowledge(Acknowledgment(id=acknowledged, reason="a test"))
            app.synth()

        return run

    def test_a_finding_fails_the_synthesis(self, synthesize: Callable[[str | None], None]) -> None:
        with pytest.raises(
            RuntimeError, match=r"answers without a session token[\s\S]*minimal-primary-iris-a/Instance"
        ) as error:
            synthesize(None)
        assert "Acknowledge with 'IrisChecks::IRIS-4'" in str(error.value)
        assert "set HttpTokens to required" in str(error.value)

    @pytest.mark.parametrize("id", ["IRIS-4", "IrisChecks::IRIS-4"])
    def test_a_finding_can_be_acknowledged(self, synthesize: Callable[[str | None], None], id: str) -> None:
        synthesize(id)

    def test_another_acknowledgement_is_no_help(self, synthesize: Callable[[str | None], None]) -> None:
        with pytest.raises(RuntimeError, match="IRIS-4"):
            synthesize("IRIS-3")

    def test_a_warning_does_not_fail_it(self, tmp_path: "Path") -> None:
        """A deployment whose protection is off must still deploy: that is how it is destroyed."""
        from cdk_intersystems.configuration import deployment_of
        from stacks.deployment_app import define_deployment, make_app

        data = configuration("minimal")
        data["regions"]["primary"]["termination_protection"] = False
        app = make_app(outdir=str(tmp_path))
        define_deployment(app, deployment_of(data))
        app.synth()
        found = {rule.id for rule, _ in check(Assembly.from_directory(tmp_path))}
        assert found == {"IRIS-10"}
        assert "IRIS-10" in (tmp_path / "validation-report.json").read_text()

    def test_is_always_on_in_the_reference_app(self) -> None:
        """Without it an app says nothing at all."""
        plugin = IrisChecks()
        assert plugin.name == "IrisChecks"
        assert plugin.rule_ids == [rule.id for rule in ALL_RULES]
        Validations.of(App()).add_plugins(plugin)
