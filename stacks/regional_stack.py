"""What every stack of a region has in common."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.region import RegionBase


class RegionalStack(Stack):
    """A stack named `<deployment>-<region role>-<what>`, in the region and zones the configuration names.

    The zones come from the configuration and never from a lookup, so that synthesis needs neither credentials nor network
    and gives the same template everywhere.
    """

    def __init__(
        self, scope: Construct, deployment: Deployment, role: str, what: str, *, description: str, stateful: bool
    ) -> None:
        """Define the stack.

        Args:
            scope: The app.
            deployment: The configuration.
            role: The region's role, `primary` or `dr`.
            what: What is in it.
            description: The same in a sentence.
            stateful: Whether its loss would lose data or the network under it; then it can't be deleted by mistake.
        """
        self._region_settings = deployment.regions.of(role)
        self.deployment = deployment
        name = f"{deployment.name}-{role}-{what}"
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=description,
            env=Environment(account=deployment.account, region=self._region_settings.region),
            termination_protection=stateful and self._region_settings.termination_protection,
        )

    @property
    def settings(self) -> RegionBase:
        """The configuration of this stack's region."""
        return self._region_settings

    @property
    def availability_zones(self) -> list[str]:
        """The zones the configuration names."""
        return list(self._region_settings.availability_zones)
