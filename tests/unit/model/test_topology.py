"""Where the members of mirror sets stand, and what they are called."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.model.topology import (
    FAILOVER_MEMBERS,
    MEMBERS,
    MIRROR_SET_NUMBERS,
    mirror_name_problem,
    system_name,
    zone_index,
)

MIRROR_NAMES = st.from_regex(r"[A-Z][A-Z0-9]{0,14}", fullmatch=True)


@pytest.mark.parametrize("number", MIRROR_SET_NUMBERS)
def test_the_members_of_a_mirror_set_never_share_a_zone(number: int) -> None:
    assert {zone_index(number, member) for member in MEMBERS} == {0, 1, 2}


def test_fifteen_mirror_sets_load_the_zones_alike() -> None:
    for member in MEMBERS:
        places = [zone_index(number, member) for number in MIRROR_SET_NUMBERS]
        assert [places.count(zone) for zone in range(3)] == [5, 5, 5]


def test_the_first_mirror_set_stands_in_the_order_of_the_zones() -> None:
    assert [zone_index(1, member) for member in MEMBERS] == [0, 1, 2]
    assert [zone_index(2, member) for member in MEMBERS] == [1, 2, 0]


def test_system_names_are_the_mirror_name_and_the_members_letter() -> None:
    assert [system_name("TRAK", 1, member) for member in FAILOVER_MEMBERS] == ["TRAKA", "TRAKB"]


def test_the_members_of_the_dr_region_go_on_with_the_letters() -> None:
    assert [system_name("TRAK", 1, member, "dr") for member in FAILOVER_MEMBERS] == ["TRAKC", "TRAKD"]
    assert system_name("ABCDEFGHIJKLMNO", 3, "b", "dr") == "ABCDEFGHIJKL03D"


def test_a_system_name_that_would_be_too_long_has_the_mirror_sets_number() -> None:
    assert system_name("ABCDEFGHIJKLMN", 3, "a") == "ABCDEFGHIJKLMNA"
    assert system_name("ABCDEFGHIJKLMNO", 3, "a") == "ABCDEFGHIJKL03A"


@given(st.lists(st.from_regex(r"ABCDEFGHIJKL[A-Z]{3}", fullmatch=True), min_size=2, max_size=15, unique=True))
def test_system_names_of_long_mirror_names_are_short_and_differ(names: list[str]) -> None:
    made = [system_name(name, number, member) for (number, name), member in product(enumerate(names, 1), FAILOVER_MEMBERS)]

    assert len(set(made)) == 2 * len(names)
    assert all(len(name) <= 15 for name in made)


@given(MIRROR_NAMES, st.sampled_from(MIRROR_SET_NUMBERS), st.sampled_from(FAILOVER_MEMBERS))
def test_a_system_name_is_a_mirror_name_by_its_letters(name: str, number: int, member: str) -> None:
    made = system_name(name, number, "a" if member == "a" else "b")

    assert mirror_name_problem(made) is None
    assert made.endswith(member.upper())


@pytest.mark.parametrize("name", ["", "trak", "Trak", "1TRAK", "TRAK-1", "TRÄK", "ABCDEFGHIJKLMNOP", "TRAK\n"])
def test_what_is_no_mirror_name(name: str) -> None:
    assert mirror_name_problem(name) == "a mirror name has 1 to 15 upper-case letters and digits and starts with a letter"


@given(MIRROR_NAMES)
def test_what_is_a_mirror_name(name: str) -> None:
    assert mirror_name_problem(name) is None


@pytest.mark.parametrize("number", [0, 16])
def test_a_number_that_no_mirror_set_has(number: int) -> None:
    with pytest.raises(ValueError, match=f"a number from 1 to 15, got {number}"):
        zone_index(number, "a")
