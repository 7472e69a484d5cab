"""No deployment restarts or replaces two failover members, whatever changed; the documentation says what a change does."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from cdk_intersystems.configuration import ConfigurationError
from tests.contract import change_table
from tests.contract.changes import MINIMAL, ROWS, Row, both
from tests.contract.cloudformation import Change, Effect, Templates, effects
from tests.contract.cloudformation import parameters as parameter_values
from tests.contract.versions import deployed_first, synthesized, versions

ROOT = Path(__file__).parent.parent.parent
_INSTANCE, _VOLUME = "AWS::EC2::Instance", "AWS::EC2::Volume"


def _touches(change: Change) -> bool:
    """Whether a change stops, starts or replaces a host, or is about which volumes a member has."""
    if change.type == _INSTANCE:
        return change.effect is not Effect.UPDATED
    if change.type == _VOLUME:
        # A smaller size is refused by EBS, which touches nothing.
        return change.effect is not Effect.UPDATED and change.why != ("Size",)
    return False


def _touched(changes: list[Change], among: Templates) -> set[str]:
    """The stacks of hosts that are touched; creating the stacks of further hosts touches none."""
    return {change.stack for change in changes if change.stack in among and _touches(change)}


def _failover_members(stacks: set[str]) -> set[str]:
    return {stack for stack in stacks if not stack.endswith("-arbiter")}


def _codes(templates: Templates) -> dict[str, str]:
    return {
        name: template["Parameters"]["RollApproval"]["Default"]
        for name, template in templates.items()
        if "RollApproval" in template.get("Parameters", {})
    }


@pytest.fixture(params=ROWS, ids=lambda row: re.sub(r"\W+", "-", row.title).strip("-"))
def row(request: pytest.FixtureRequest) -> Row:
    assert isinstance(request.param, Row)
    return request.param


def test_a_first_deployment_needs_no_approval(row: Row) -> None:
    deployed_first(versions(row)[0])


def test_without_approval_no_host_is_touched(row: Row) -> None:
    before, after = versions(row)
    done = deployed_first(before).deploy(after)
    assert _touched(done.changes, before) == set()


def test_an_approval_is_asked_for_exactly_where_a_host_is_touched(row: Row) -> None:
    before, after = versions(row)
    refused = deployed_first(before).deploy(after).refused
    assert set(refused) == _touched(effects(before, after), before)


def test_the_refusal_says_which_command_approves(row: Row) -> None:
    before, after = versions(row)
    codes = _codes(after)
    for stack, sentences in deployed_first(before).deploy(after).refused.items():
        assert sentences[0].endswith(f"cdk deploy {stack} --exclusively --parameters {stack}:RollApproval={codes[stack]}")


def test_one_code_lets_one_host_pass_even_if_given_to_all_stacks(row: Row) -> None:
    before, after = versions(row)
    asking = set(deployed_first(before).deploy(after).refused)
    for stack, code in _codes(after).items():
        if stack not in asking:
            continue
        everywhere = deployed_first(before).deploy(after, {"*": {"RollApproval": code}})
        assert _touched(everywhere.changes, before) == {stack}
        alone = deployed_first(before).deploy(after, {stack: {"RollApproval": code}})
        assert _touched(alone.changes, before) == {stack}
        assert set(alone.refused) == asking - {stack}


@pytest.mark.parametrize("title", [row.title for row in ROWS if "absent" in row.title])
def test_a_host_is_taken_out_and_put_back_whatever_else_is_deployed(title: str) -> None:
    """CloudFormation refuses to take back an export that a deployed stack still uses."""
    row = next(row for row in ROWS if row.title == title)
    assert [change for change in effects(*versions(row)) if change.effect is Effect.REFUSED] == []


@pytest.mark.parametrize("title", ["`databases`", "`ecp_client_ceiling`", "`platform.kit`"])
def test_what_hosts_are_to_be_changes_without_touching_one(title: str) -> None:
    """Another bundle is another asset and parameter, and another object that roles may fetch; a person applies it later."""
    before, after = versions(next(row for row in ROWS if row.title == title))
    assert {change.type for change in effects(before, after)} == {"AWS::IAM::ManagedPolicy", "AWS::SSM::Parameter"}
    assert {change.effect for change in effects(before, after)} == {Effect.UPDATED}


def test_servers_of_tiers_get_what_they_are_to_be_by_being_replaced() -> None:
    before, after = versions(next(row for row in ROWS if row.title == "`databases`, with tiers"))
    found = {(change.stack, change.type) for change in effects(before, after)}
    for tier in ("app", "web"):
        assert (f"iris-primary-{tier}", "AWS::EC2::LaunchTemplate") in found
        assert (f"iris-primary-{tier}", "AWS::AutoScaling::AutoScalingGroup") in found
    assert not [change for change in effects(before, after) if change.type == _INSTANCE]


def test_a_mirror_that_made_its_authority_gets_a_dr_region_in_two_steps() -> None:
    """As docs/how-to/add-a-dr-region.md has it: whoever uses the mirror's own secret lets go of it before it leaves."""
    before = synthesized(MINIMAL)
    after = versions(next(row for row in ROWS if row.title == "`platform.certificate_authority.secret`"))[1]
    users = {name: template for name, template in after.items() if name.rpartition("-")[2] in ("a", "b", "arbiter")}
    deployed = deployed_first(before)
    for step in (users, after):
        done = deployed.deploy(step)
        assert done.refused == {}
        assert [change for change in done.changes if change.effect is Effect.REFUSED] == []
        assert _touched(done.changes, before) == set()


def test_a_dr_region_touches_nothing_that_is_there() -> None:
    before, after = versions(next(row for row in ROWS if row.title == "`regions.dr`"))
    there = [change for change in effects(before, after) if change.stack in before]
    assert {change.effect for change in there} <= {Effect.UPDATED, Effect.NEW, Effect.REPLACED}
    # The names get the region's role in them.
    assert {change.type for change in there if change.effect is Effect.REPLACED} == {"AWS::Route53::RecordSet"}
    assert _touched(there, before) == set()


def test_an_approval_is_used_up() -> None:
    row = next(row for row in ROWS if row.title == "`instance_type` of a mirror set")
    before, after = versions(row)
    deployed = deployed_first(before)
    for stack, code in _codes(after).items():
        deployed.deploy(after, {stack: {"RollApproval": code}})
    assert deployed.deploy(after).refused == {}, "what was rolled stays approved"
    back = deployed.deploy(before)
    assert _touched(back.changes, before) == set(), "the way back is asked for again"
    assert len(back.refused) == 2


@given(rows=st.lists(st.sampled_from(ROWS), min_size=2, max_size=5, unique=True))
# Not shrunk: each example costs a synthesis.
@settings(max_examples=12, derandomize=True, phases=[Phase.generate])
def test_changes_made_together_touch_at_most_the_approved_member(rows: list[Row]) -> None:
    first = both(*(row.first for row in rows))
    together = Row(title="together", first=first, change=both(*(row.change for row in rows)))
    tweak = next((row.tweak for row in rows if row.tweak), None)
    try:
        before, after = synthesized(together.before()), synthesized(together.after(), tweak)
    except (ConfigurationError, KeyError, IndexError):
        assume(False)
    asking = deployed_first(before).deploy(after)
    assert _touched(asking.changes, before) == set()
    for code in _codes(after).values():
        done = deployed_first(before).deploy(after, {"*": {"RollApproval": code}})
        assert len(_failover_members(_touched(done.changes, before))) <= 1


def test_no_two_members_have_the_same_code() -> None:
    seen: dict[str, str] = {}
    for row in ROWS:
        for templates in versions(row):
            for stack, code in _codes(templates).items():
                assert seen.setdefault(code, stack) == stack
    assert len(seen) > 3 * len({name.split("-")[-1] for name in seen.values()})


def test_the_default_is_what_a_rule_compares_with() -> None:
    """What the simulation rests on: a parameter that nobody gives keeps its previous value, and is compared with the code."""
    before, after = versions(ROWS[0])
    stack = "iris-primary-trak-a"
    kept = parameter_values(parameter_values(None, before[stack], {}), after[stack], {})
    assert kept["RollApproval"] == _codes(before)[stack] != _codes(after)[stack]


def test_the_documentation_says_what_a_change_does() -> None:
    lines = [change_table.line(row, *versions(row)) for row in ROWS]
    assert change_table.read() == lines, "run python -m tests.contract.change_table and read what changed"


@pytest.mark.parametrize(
    ("title", "verdict"),
    [("`ami`", "replace"), ("`instance_type` of a mirror set", "may be replaced"), ("`log_retention_days`", "")],
)
def test_the_cdk_agrees(title: str, verdict: str, tmp_path: Path, cdk_diff: Callable[..., str]) -> None:
    """The command line's own table is another source: "may be replaced" is a restart where the root volume is on EBS."""
    row = next(row for row in ROWS if row.title == title)
    before, after = versions(row)
    stack = "iris-primary-trak-a"
    shown = cdk_diff(before[stack], after[stack])
    assert [verdict in line for line in shown.splitlines() if "AWS::EC2::Instance " in line] == ([True] if verdict else [])


@pytest.fixture
def cdk_diff(tmp_path: Path) -> Callable[[Mapping[str, Any], Mapping[str, Any]], str]:
    """A function from two templates to what `cdk diff` prints; it compares files and asks no account."""

    def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        old, out = tmp_path / "before.json", tmp_path / "cdk.out"
        out.mkdir()
        old.write_text(json.dumps(before))
        (out / "stack.template.json").write_text(json.dumps(after))
        artifact = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "stack.template.json"},
        }
        (out / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {"stack": artifact}}))
        cdk = ROOT / "node_modules" / ".bin" / "cdk"
        command = [str(each) for each in (cdk, "diff", "--app", out, "--template", old, "stack")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)

    return diff
