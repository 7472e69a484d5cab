"""The document by which the automation has a member do one step: only steps of `iris-region`, and nothing but words."""

import re
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host.steps.region import COMMAND
from cdk_intersystems.bootstrap.region import command
from cdk_intersystems.model.region_document import ARGUMENTS_PATTERN, COMMANDS, PROGRAM, region_document, region_document_name

#: What the automation sends with each command.
ARGUMENTS = {
    "promote": "--partner none --promotion 2026-11-25.a_b-1",
    "fence": "--epoch 12 --serving dr",
    "freeze": "--seconds 300 --primary-alone",
    "thaw": "--freeze 0123456789abcdef",
}


def test_every_command_is_one_of_the_program_and_every_one_of_the_program_is_there() -> None:
    assert Path(PROGRAM) == COMMAND
    assert set(COMMANDS) == set(command._WORK)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_program_takes_what_the_automation_sends(name: str) -> None:
    arguments = ARGUMENTS.get(name, "")
    assert re.fullmatch(ARGUMENTS_PATTERN, arguments)

    parsed = command._parser().parse_args([name, *arguments.split()])

    assert parsed.command == name


@pytest.mark.parametrize("bad", ["--partner $(id)", "a;b", "a|b", "a\nb", "`id`", "'x'", 'x"', "a&b", "a>b", "x" * 201])
def test_nothing_that_a_shell_reads_as_more_than_words_gets_through(bad: str) -> None:
    assert not re.fullmatch(ARGUMENTS_PATTERN, bad)


def test_the_document_runs_the_program_with_both_parameters() -> None:
    content = region_document("trakcare", "TRAK")

    assert content["schemaVersion"] == "2.2"
    assert content["parameters"]["Command"]["allowedValues"] == list(COMMANDS)
    (step,) = content["mainSteps"]
    assert step["inputs"]["runCommand"] == [f"exec {PROGRAM} {{{{ Command }}}} {{{{ Arguments }}}}"]
    assert region_document_name("trakcare", "TRAK") == "cdk-intersystems-trakcare-TRAK-region"


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["promote"], "--partner"),
        (["promote", "--partner", "some"], "invalid choice"),
        (["promote", "--partner", "none", "--promotion", "a b"], "an id has letters"),
        (["fence", "--epoch", "0", "--serving", "dr"], "a number from 1 on"),
        (["fence", "--epoch", "1", "--serving", "mars"], "invalid choice"),
        (["fly"], "invalid choice"),
        ([], "required"),
    ],
)
def test_what_is_no_command_is_refused_in_json(words: list[str], wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command._parser().parse_args(words)

    assert ended.value.code == command.REFUSED
    said = capsys.readouterr().out
    assert said.startswith('{"refused": ')
    assert wrong in said
