"""The rules of the gate. What they do to packets is shown in tests/bootstrap/test_gate.py."""

from pathlib import Path

import pytest

import cdk_intersystems
from cdk_intersystems.model.gate import ENDPOINT_MARK, gate_ruleset


def test_they_are_the_same_in_whatever_order_the_configuration_has_them() -> None:
    assert gate_ruleset([5000, 1972, 5000], ["100.64.0.2", "100.64.0.1"]) == gate_ruleset(
        {1972, 5000}, ("100.64.0.1", "100.64.0.2")
    )


def test_every_service_port_is_reached_at_its_target_port_and_at_the_overlay_address() -> None:
    rules = gate_ruleset([1972, 5000], ["100.64.0.1"])
    assert "redirect to :tcp dport map { 11972 : 1972, 15000 : 5000 }" in rules
    assert "ip daddr { 100.64.0.1 } tcp dport { 1972, 5000 } redirect" in rules


def test_without_an_overlay_address_nothing_is_told_by_address() -> None:
    assert "daddr" not in gate_ruleset([1972])


@pytest.mark.parametrize("ports", [[], [0], [55_536]])
def test_a_port_without_a_target_port_is_refused(ports: list[int]) -> None:
    with pytest.raises(ValueError, match="give at least one, each from 1 to 55535"):
        gate_ruleset(ports)


def test_an_overlay_address_is_an_address() -> None:
    with pytest.raises(ValueError, match=r"100\.64\.0"):
        gate_ruleset([1972], ["100.64.0.0/10"])


def test_the_program_ends_the_connections_that_the_rules_mark() -> None:
    program = Path(cdk_intersystems.__file__).parent / "bootstrap" / "gate" / "iris-gate"
    assert f"readonly MARK={ENDPOINT_MARK:#010x}\n" in program.read_text()
