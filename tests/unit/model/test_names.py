"""Names that both regions and the hosts have to agree on."""

import pytest

from cdk_intersystems.model.names import (
    fenced_parameter,
    region_api_parameter,
    region_state_parameter,
    region_state_table_name,
)


def test_what_moves_a_mirror_is_found_by_name() -> None:
    assert region_api_parameter("trakcare", "TRAK") == "/cdk-intersystems/trakcare/TRAK/region-api"
    assert region_state_parameter("trakcare", "TRAK") == "/cdk-intersystems/trakcare/TRAK/region-state"
    assert fenced_parameter("trakcare", "TRAK") == "/cdk-intersystems/trakcare/TRAK/fenced"
    assert region_state_table_name("trakcare", "TRAK") == "trakcare-TRAK-region-state"


@pytest.mark.parametrize("name", [region_api_parameter, region_state_parameter, fenced_parameter, region_state_table_name])
def test_a_name_that_cannot_be_part_of_another_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        name("trak/care", "TRAK")  # type: ignore[operator]
