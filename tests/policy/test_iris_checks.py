"""Every rule of IrisChecks is quiet on a deployment as it is, and notices what it is there for."""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Acknowledgment, App, Validations

from cdk_intersystems.policy.iris_checks import IrisChecks, check
from cdk_intersystems.policy.rules import ALL_RULES
from cdk_intersystems.policy.rules.assembly import Assembly
from tests.policy.mutations import LISTENER_MUTATIONS, MUTATIONS, A, Mutation, Templates
from tests.policy.variations import ALL, configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]


@pytest.fixture(scope="module")
def trakcare(policed: "Get") -> Templates:
    return {stack.name: dict(stack.template) for stack in policed("trakcare").assembly.stacks}


@pytest.mark.parametrize("variation", ALL)
def test_finds_nothing_in_a_deployment_as_it_is(policed: "Get", variation: str) -> None:
    found = [f"{rule.id} {finding.logical_id}: {finding.message}" for rule, finding in check(policed(variation).assembly)]
    assert found == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_notices(trakcare: Templates, mutation: str) -> None:
    """Exactly the rules that the mutation is about, so that a finding tells what is wrong."""
    _holds(trakcare, *MUTATIONS[mutation])


@pytest.mark.parametrize("mutation", LISTENER_MUTATIONS)
def test_notices_where_the_router_moves_the_listener(policed: "Get", mutation: str) -> None:
    templates = {stack.name: dict(stack.template) for stack in policed("listener moved by the router").assembly.stacks}
    _holds(templates, *LISTENER_MUTATIONS[mutation])


def _holds(whole: Templates, expected: set[str], mutate: Mutation) -> None:
    templates = deepcopy(whole)
    mutate(templates)
    found = {rule.id for rule, _ in check(Assembly.from_templates(templates))}
    # Whatever is changed in a finished template of a member is a change past its approval too.
    assert found - ({"IRIS-22"} - expected) == expected


def test_notices_a_stack_without_termination_protection(trakcare: Templates) -> None:
    app = Assembly.from_templates(trakcare, unprotected=frozenset({A}))
    assert [(rule.id, finding.where) for rule, finding in check(app)] == [("IRIS-10", app.stacks[list(trakcare).index(A)])]


def test_every_rule_has_a_mutation() -> None:
    assert {id for expected, _ in (*MUTATIONS.values(), *LISTENER_MUTATIONS.values()) for id in expected} == {
        rule.id for rule in ALL_RULES
    }


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
