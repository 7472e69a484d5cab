"""A deployment: the whole of one YAML file, frozen."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import model_validator

from cdk_intersystems.model.instance_types import InstanceType, table

from .defaults import complete
from .dns import DnsConfig
from .golden_image import GoldenImageConfig
from .instance_type import StatedInstanceType
from .mirror_set import MirrorSetConfig
from .platform import Platform
from .regions import Regions
from .section import Section, Text, arn, identifier, key, length, matching
from .tiers import ApplicationTierConfig, WebTierConfig

# Source: CloudWatch Logs API Reference, PutRetentionPolicy.
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


class Deployment(Section):
    """Everything that one deployment is made of."""

    name: Annotated[
        Text,
        matching(
            r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
            "the name of a deployment has 2 to 20 of a-z, 0-9 and -, starts with a letter and ends with a letter or digit",
        ),
    ] = key(
        "Name of the deployment; the names of all its stacks begin with it, and its file is called after it.",
        example="trakcare",
    )
    account: Annotated[Text, identifier("account")] | None = key(
        "Number of the AWS account, 12 digits in quotes.",
        default=None,
        default_text="the account of whoever deploys",
        example="111122223333",
    )
    platform: Platform = key("The InterSystems product and what it runs on.", example=None)
    tags: Mapping[Text, Text] = key(
        "Tags of every resource. Not with `aws:` or `cdk-intersystems:` in front, at most 40. A key has letters, digits and "
        "`. : = + @ - _`, as instances show their tags as instance metadata (EC2 User Guide); no two keys differ only by "
        "capitals (IAM User Guide).",
        default_factory=dict,
        default_text="none",
        example={"cost-centre": "4711"},
    )
    permissions_boundary: Annotated[Text, arn("iam-policy")] | None = key(
        "ARN of the IAM policy that is the permissions boundary of every role.",
        default=None,
        default_text="no boundary",
        example="arn:aws:iam::111122223333:policy/boundary",
    )
    instance_types: Mapping[Text, StatedInstanceType] = key(
        "Facts about instance types that this version does not know yet, by name. What is stated here goes before what is "
        "known.",
        default_factory=dict,
        default_text="none",
        example={},
    )
    regions: Regions = key(
        "Where the deployment stands.",
        example={
            "primary": {
                "region": "eu-west-2",
                "availability_zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
                "ami": "ami-0123456789abcdef0",
            }
        },
    )
    mirror_sets: Annotated[tuple[MirrorSetConfig, ...], length(1, 15)] = key("The mirrors, 1 to 15.")
    application_tiers: tuple[ApplicationTierConfig, ...] = key(
        "Tiers of ECP application servers.", default=(), default_text="none", example=[]
    )
    web_tiers: tuple[WebTierConfig, ...] = key("Tiers of web servers.", default=(), default_text="none", example=[])
    golden_image: GoldenImageConfig | None = key(
        "Pipelines that make AMIs with what hosts need already.", default=None, default_text="no pipeline", example=None
    )
    dns: DnsConfig | None = key(
        "The names clients know the deployment by.",
        default=None,
        default_text="only the load balancers' own names",
        example=None,
    )
    log_retention_days: RetentionDays = key(
        "For how many days CloudWatch keeps logs; the values are CloudWatch's own.", default=365, example=365
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        return complete(data)

    def instance_type(self, name: str) -> InstanceType:
        """The facts about an instance type, those stated in the YAML first.

        Raises:
            KeyError: Neither the YAML nor the table knows it.
        """
        stated = self.instance_types.get(name)
        return table()[name] if stated is None else stated.facts()

    def platform_of(self, role: str) -> Platform:
        """The platform in a region: `platform`, and what of it is another in the DR region.

        Args:
            role: The region's role, `primary` or `dr`.
        """
        dr = self.regions.dr
        if role != "dr" or dr is None:
            return self.platform
        own = {name: value for name in type(dr.platform).model_fields if (value := getattr(dr.platform, name)) is not None}
        return self.platform.model_copy(update=own | ({"packages": "archive"} if dr.platform.packages_archive else {}))

    def mirror_set(self, name: str) -> MirrorSetConfig:
        """The mirror set of a name.

        Raises:
            KeyError: There is none.
        """
        for mirror_set in self.mirror_sets:
            if mirror_set.name == name:
                return mirror_set
        raise KeyError(name)
