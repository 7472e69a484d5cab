"""Which members `rebuild` builds anew, and from which one it copies. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.rebuild.choose import check, member_named, source_for
from cdk_intersystems.command.rebuild.hosts import Member

_RUNS = {"running": True, "is_primary": False, "caught_up": True, "inconsistent": False, "member_type": "Disaster Recovery"}
_STOPPED = {**_RUNS, "status": "Stopped", "caught_up": False, "inconsistent": True}


def member(name: str, region: str, **said: Any) -> Member:
    """A member whose instance runs."""
    instance = {"InstanceId": f"i-{name}", "State": {"Name": "running"}}
    return Member(name=name, role="primary", region=region, letter="a", instance=instance, said=_RUNS | said)


A = replace(member("TRAKA", "home"), said=_STOPPED)
B = member("TRAKB", "home")
BACKUP = member("TRAKB", "home", member_type="Failover", status="Backup")
C = member("TRAKC", "away", is_primary=True, status="Primary", member_type="Failover")
D = member("TRAKD", "away")


def refused(of: Member, others: list[Member], *, unasked: bool = False) -> str:
    """Why it isn't built anew; empty if it is."""
    try:
        check(of, others, unasked=unasked)
    except CommandError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("said", "anyway", "code"),
    [
        (_STOPPED, False, ""),
        (_STOPPED | {"inconsistent": None}, False, "not_diverged"),
        (_STOPPED | {"inconsistent": None}, True, ""),
        (_STOPPED | {"inconsistent": False}, False, "not_diverged"),
        (_STOPPED | {"inconsistent": False}, True, "not_diverged"),
        (_STOPPED | {"inconsistent": None, "rebuilding": True}, False, ""),
        ({}, False, "not_diverged"),
        ({}, True, ""),
        (_RUNS, True, "needed"),
        (_STOPPED | {"is_primary": True}, True, "needed"),
        (_RUNS | {"status": "Backup", "member_type": "Failover"}, True, "needed"),
    ],
)
def test_what_the_mirror_needs_is_never_built_anew(said: dict[str, Any], anyway: bool, code: str) -> None:
    assert refused(replace(A, said=said), [B, C], unasked=anyway) == code


def test_only_where_there_is_a_primary_and_it_is_not_the_member_itself() -> None:
    shown = [{"name": "TRAKA", "status": "Primary"}]
    assert refused(A, [B, D], unasked=True) == "no_primary"
    assert refused(A, [replace(B, said=_RUNS | {"members": shown})]) == "no_primary"
    assert refused(A, [replace(B, said=_RUNS | {"members": [{"name": "TRAKC", "status": "Primary"}]})]) == ""


@pytest.mark.parametrize(
    ("others", "source"),
    [
        ([B, C, D], "TRAKB"),
        ([C, D], "TRAKD"),
        ([BACKUP, C, D], "TRAKB"),
        ([replace(B, region="away", said=BACKUP.said), C, D], "TRAKD"),
        ([replace(B, said=_STOPPED), C, D], "TRAKD"),
        ([replace(B, said={"running": True, "caught_up": True, "inconsistent": True}), C, D], "TRAKD"),
        ([replace(B, said={}), C], "TRAKC"),
        ([replace(B, said=_RUNS | {"running": False}), C], "TRAKC"),
    ],
)
def test_the_source_is_near_has_all_and_is_the_primary_only_if_that_is_alone(others: list[Member], source: str) -> None:
    assert source_for(A, others, None).name == source


@pytest.mark.parametrize(
    ("wanted", "others", "says"),
    [
        ("TRAKC", [B, C], "not alone: TRAKB runs"),
        ("TRAKB", [replace(B, said=_STOPPED), C], "its journals diverged too"),
        ("TRAKB", [replace(B, said=_RUNS | {"caught_up": False, "status": "Connected"}), C], "has not caught up (Connected)"),
        ("TRAKB", [replace(B, said={}, why="its instance is stopped"), C], "its instance is stopped"),
        ("TRAKX", [B, C], "TRAKX is no member in AWS; there are: TRAKB, TRAKC"),
        ("TRAKA", [B, C], "is the member that is built anew"),
        (None, [replace(B, said=_STOPPED), replace(C, said={}, why="no agent")], "TRAKC: no agent"),
    ],
)
def test_no_other_is_the_source(wanted: str | None, others: list[Member], says: str) -> None:
    with pytest.raises(CommandError) as raised:
        source_for(A, others, wanted)
    assert says in raised.value.message


def test_a_member_that_stands_elsewhere_is_no_member_here() -> None:
    with pytest.raises(CommandError, match="there are: TRAKA, TRAKC"):
        member_named([A, C], "CLINIC1")
