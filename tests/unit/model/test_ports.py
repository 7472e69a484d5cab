"""Ports of a mirror endpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.model.ports import (
    ENDPOINT_PORT_OFFSET,
    ISCAGENT_PORT,
    MIRROR_STATUS_PORT,
    service_port_problems,
    target_port,
)


@pytest.mark.parametrize(
    ("ports", "name", "problem"),
    [
        ({"hl7": 0}, "hl7", "a service port is 1 to 55535"),
        ({"hl7": 55536}, "hl7", "a service port is 1 to 55535"),
        ({"hl7": 22}, "hl7", "port 22 is SSH"),
        ({"hl7": 2188}, "hl7", "port 2188 is the ISCAgent's"),
        ({"hl7": MIRROR_STATUS_PORT}, "hl7", "is the mirror status responder's"),
        ({"hl7": 6661, "lab": 6661}, "lab", "port 6661 is already that of hl7"),
        ({"hl7": 6661, "lab": 16661}, "hl7", "its target port 16661 is the service port of lab"),
        ({"superserver": 1973}, "superserver", "listens on 1972"),
        ({"sql": 1972}, "sql", "name it superserver"),
        ({"hl7": 6661, "hl-7": 6662}, "hl-7", "its name differs from hl7 only by hyphens"),
        ({"hl7_lab": 6661, "HL7-lab": 6662}, "HL7-lab", "its name differs from hl7_lab only by"),
    ],
)
def test_a_service_port_that_cannot_be(ports: dict[str, int], name: str, problem: str) -> None:
    (found,) = service_port_problems(ports)

    assert found[0] == name
    assert problem in found[1]


@pytest.mark.parametrize("ports", [{}, {"superserver": 1972}, {"superserver": 1972, "hl7": 6661, "highest": 55535}])
def test_service_ports_that_can_be(ports: dict[str, int]) -> None:
    assert service_port_problems(ports) == []


@given(st.lists(st.integers(-1, 70000), max_size=6))
def test_accepted_service_ports_give_listeners_and_targets_that_never_meet(numbers: list[int]) -> None:
    ports = {f"service{index}": number for index, number in enumerate(numbers)}
    if service_port_problems(ports):
        return
    targets = [target_port(port) for port in ports.values()]

    assert len({*numbers, *targets, ISCAGENT_PORT, MIRROR_STATUS_PORT}) == 2 * len(numbers) + 2
    assert all(1 <= port <= 65535 for port in (*numbers, *targets))


def test_the_target_port_is_the_service_port_and_ten_thousand() -> None:
    assert (target_port(1972), ENDPOINT_PORT_OFFSET) == (11972, 10_000)
