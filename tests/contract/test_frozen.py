"""What deployed systems and users' code rely on doesn't change without a version that says so."""

from typing import Any

from tests.contract.frozen import DEPLOYMENTS, LOGICAL_IDS, PUBLIC_API, USER_DATA, logical_ids, public_api, read, user_data


def test_logical_ids_of_stateful_resources_are_frozen(templates: Any) -> None:
    now = [line for name in DEPLOYMENTS for line in logical_ids(templates(name))]
    gone = sorted(set(read(LOGICAL_IDS)) - set(now))
    assert not gone, (
        "these stateful resources get another logical id or go, so that CloudFormation makes new, empty ones in every deployed "
        f"system; that needs a new MAJOR version and a page on migrating: {gone}"
    )
    new = sorted(set(now) - set(read(LOGICAL_IDS)))
    assert not new, f"freeze the new ones by python -m tests.contract.frozen: {new}"


def test_the_user_data_is_frozen() -> None:
    assert user_data() == read(USER_DATA), (
        "first_boot.py changed: every member and arbiter of a deployed system is restarted by that, after an approval, and all "
        "servers of tiers are replaced. Put it into the bundle instead, or freeze it by python -m tests.contract.frozen"
    )


def test_the_public_api_is_frozen() -> None:
    gone = [line for line in read(PUBLIC_API) if line not in public_api()]
    assert not gone, (
        f"changed or gone from the public API, which needs a new MAJOR version unless something was only added: {gone}"
    )
    new = [line for line in public_api() if line not in read(PUBLIC_API)]
    assert not new, f"freeze what was added by python -m tests.contract.frozen: {new}"


def test_every_public_name_is_there() -> None:
    import cdk_intersystems

    assert sorted(cdk_intersystems.__all__) == sorted(set(cdk_intersystems.__all__))
    assert set(cdk_intersystems.__all__) <= set(dir(cdk_intersystems))
