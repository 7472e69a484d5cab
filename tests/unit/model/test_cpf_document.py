"""The form of a merge file, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.model.cpf.document import SECRETS, Action, MergeFile, Section, action, section
from tests.unit.model.cpf_parser import parse

STARTUP = section("Startup", SystemMode="LIVE")

names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,20}", fullmatch=True).filter(lambda name: name not in SECRETS)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"')).map(str.strip)
properties = st.lists(st.tuples(names, texts | st.integers()), min_size=1, max_size=5, unique_by=lambda pair: pair[0])


def test_a_file_as_the_documentation_shows_one() -> None:
    file = MergeFile(
        "For whom.",
        (STARTUP, section("config", globals=(0, 0, 900, 0, 0, 0), routines=64)),
        (action("CreateNamespace", Name="APPA", Globals="APPA"), action("Execute", Namespace="%SYS", Arg1="CN=a, O=b")),
    )

    assert file.text() == (
        "# For whom.\n\n[Startup]\nSystemMode=LIVE\n\n[config]\nglobals=0,0,900,0,0,0\nroutines=64\n\n"
        '[Actions]\nCreateNamespace:Name=APPA,Globals=APPA\nExecute:Namespace=%SYS,Arg1="CN=a, O=b"\n'
    )


@pytest.mark.parametrize(
    ("value", "rendered"),
    [("a", "a"), (7, "7"), ("a=b", '"a=b"'), ("a,b", '"a,b"'), ("", '""'), (":mirror:A:B", ":mirror:A:B")],
)
def test_a_value_is_quoted_where_it_would_be_read_otherwise(value: str | int, rendered: str) -> None:
    assert action("Do", Name=value).line() == f"Do:Name={rendered}"


@given(st.lists(st.tuples(names, properties), max_size=5))
def test_actions_are_read_back_as_they_were_given(actions: list[tuple[str, list[tuple[str, str | int]]]]) -> None:
    file = MergeFile("For whom.", (STARTUP,), tuple(Action(name, tuple(given)) for name, given in actions))

    assert parse(file.text()).actions == [(name, {key: str(value) for key, value in given}) for name, given in actions]


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\tb", " a", "a ", "ä", True])
def test_a_value_that_has_no_form_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Name needs a number or printable text"):
        action("Do", Name=value).line()
    with pytest.raises(ValueError, match="name needs a number or printable text"):
        list(section("config", name=value).lines())


def test_a_part_of_a_key_that_would_become_two_is_refused() -> None:
    with pytest.raises(ValueError, match="console cannot have a comma in one of its values, got 'a,b'"):
        list(section("config", console="a,b").lines())


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_a_secret_is_refused_wherever_it_would_stand(secret: str) -> None:
    with pytest.raises(ValueError, match=f"{secret}: it is a secret, which the host adds"):
        Section("Startup", ((secret, "x"),))
    with pytest.raises(ValueError, match=f"{secret}: it is a secret, which the host adds"):
        Action("CreateUser", ((secret, "x"),))


def test_what_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[config\] cannot have globals twice"):
        Section("config", (("globals", 1), ("globals", 2)))
    with pytest.raises(ValueError, match="Do cannot have Name twice"):
        Action("Do", (("Name", 1), ("Name", 2)))
    with pytest.raises(ValueError, match="once, got Startup more often"):
        MergeFile("For whom.", (STARTUP, STARTUP), ())


@pytest.mark.parametrize("sections", [(), (section("config", routines=64),), (section("config", routines=64), STARTUP)])
def test_a_file_begins_with_the_section_the_host_adds_to(sections: tuple[Section, ...]) -> None:
    with pytest.raises(ValueError, match="the first section is Startup"):
        MergeFile("For whom.", sections, ())


@pytest.mark.parametrize("name", ["", "Actions", "a]b", "a b", "1a"])
def test_a_section_has_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="a section is named by letters and digits, and actions are apart"):
        Section(name, ())


def test_an_action_has_a_name_and_properties() -> None:
    with pytest.raises(ValueError, match="an action is named by letters"):
        Action("Do:It", (("Name", "x"),))
    with pytest.raises(ValueError, match="an action is named by letters and has properties"):
        Action("Do", ())
    with pytest.raises(ValueError, match="Do cannot have the name 'a=b'"):
        Action("Do", (("a=b", "x"),))
