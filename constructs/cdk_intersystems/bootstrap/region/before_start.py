"""`iris-region before-start`: what systemd does before it starts IRIS. See docs/adr/0014-a-member-asks-before-it-starts.md.

A former failover member that starts as what it was, after its mirror has moved to another region, becomes a second primary
(High Availability Guide, 5.5, Caution). So each start asks first; if another region holds the mirror, the member is made to ask
that region's primary for its role.
"""

from __future__ import annotations

import sys
import time
from typing import Callable

from ..call_out.awake import Awake
from ..call_out.requests import Aws
from ..call_out.said import Teller
from ..host import iris
from ..host.context import CONFIG
from ..host.description import Description, read_description
from . import cpf, memory, question, readings

GO_ON, STAY_DOWN = 0, 1


def before_start() -> int:
    """Asks, and makes the instance ask.

    Returns:
        The exit status, other than 0 only if the instance would start as what it must not be.
    """
    try:
        description = read_description(CONFIG / "host.json")
        status, said = ask(description, lambda: Aws(Awake(), Teller(description.name, in_journal=True)))
    except Exception as error:
        status, said = GO_ON, f"could not ask which region holds the mirror, starting as usual: {error}"
    _say(said)
    _fit_the_memory()
    return status


def _fit_the_memory() -> None:
    """Gives an instance the sizes for the memory that its host has now; without them it starts with those that it had."""
    try:
        instance = iris.look(read_description(CONFIG / "host.json").instance)
        said = memory.fit(instance.cpf, CONFIG) if instance else None
    except Exception as error:
        said = f"warning: the sizes for this host's memory are not known, IRIS keeps its own: {error}"
    if said:
        _say(said)


def ask(description: Description, new_aws: Callable[[], Aws]) -> tuple[int, str]:
    """Asks for one host, and has its instance ask.

    Args:
        description: The host.
        new_aws: Makes a way to AWS.

    Returns:
        The exit status, and what to say.

    Raises:
        StepError: The instance doesn't say where its configuration file is.
    """
    mirror, region = description.mirror.name, description.region
    instance = iris.look(description.instance)
    if region is None or instance is None or not cpf.is_member(instance.cpf, mirror):
        return GO_ON, "not a member of a mirror with two regions: nothing to ask"
    if not cpf.is_failover(instance.cpf, mirror, description.name):
        return GO_ON, "a member for disaster recovery asks the primary anyway, and becomes none by itself: nothing to ask"
    began = time.monotonic()
    known, problems = readings.read(region, new_aws)
    for problem in problems:
        _say(f"warning: {problem}")
    answer = question.decide(region.own, known)
    took = f"asked for {time.monotonic() - began:.1f} s"
    if not answer.elsewhere:
        return GO_ON, f"starts as what it was ({took}): {answer.why}"
    try:
        cpf.ask_for_the_role(instance.cpf)
    except OSError as error:
        return STAY_DOWN, f"does NOT start: {answer.why}, and {instance.cpf} can't be written: {error}"
    return GO_ON, f"has the primary say what it is, ValidatedMember=0 ({took}): {answer.why}"


def _say(line: str) -> None:
    sys.stderr.write(f"iris-region: {' '.join(line.split())}\n")
    sys.stderr.flush()
