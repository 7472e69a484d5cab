"""`regions`: where the deployment stands."""

from typing import cast, get_args

from cdk_intersystems.model.topology import AwsRole

from .dr_region import DrRegion
from .on_premises import OnPremises
from .region import PrimaryRegion, RegionBase
from .section import Section, key


class Regions(Section):
    """The regions of the deployment by their role: a primary region, or members on premises with a DR region."""

    primary: PrimaryRegion | None = key(
        "The region that serves clients. Either this or `on_premises`.",
        default=None,
        default_text="`on_premises` must be there",
        example=None,
    )
    dr: DrRegion | None = key(
        "The region that takes over when the primary region or the premises are lost.",
        default=None,
        default_text="none; needed with `on_premises`",
        example=None,
    )
    on_premises: OnPremises | None = key(
        "Failover members outside AWS, instead of a primary region.",
        default=None,
        default_text="the failover members are in the primary region",
        example=None,
    )

    def of(self, role: str) -> RegionBase:
        """The region of a role, `primary` or `dr`.

        Raises:
            KeyError: The deployment has none of it in AWS.
        """
        if role not in self.roles():
            raise KeyError(role)
        return cast("RegionBase", getattr(self, role))

    def roles(self) -> tuple[AwsRole, ...]:
        """The roles of the regions in AWS, the primary region first."""
        return tuple(role for role in get_args(AwsRole) if getattr(self, role) is not None)

    def serving(self) -> RegionBase:
        """The region in AWS that is set up first: the primary region, or the DR region of members on premises.

        Raises:
            KeyError: There is none.
        """
        return self.of(self.first_role())

    def first_role(self) -> AwsRole:
        """The role of `serving`.

        Raises:
            KeyError: There is no region in AWS.
        """
        for role in self.roles():
            return role
        raise KeyError("primary")
