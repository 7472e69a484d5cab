"""`golden_image`: images that have what hosts need already."""

from collections.abc import Sequence
from typing import Annotated

from cdk_intersystems.model.image import ImageKind
from cdk_intersystems.model.platform import Platform as PlatformModel

from .platform import Platform, S3ObjectConfig
from .section import Number, Section, Text, identifier, key


class GoldenImageConfig(Section):
    """Pipelines of EC2 Image Builder that make the AMIs; each runs when it is started, and its AMI is pinned by hand."""

    base_ami: Annotated[Text, identifier("ami")] = key(
        "Id of the AMI the images begin with; its root device is on `/dev/sda1`.", example="ami-0123456789abcdef0"
    )
    instance_type: Text = key("Type of the machine that is made an image, of the platform's architecture.", example="m7i.large")
    packages_archive: S3ObjectConfig | None = key(
        "The archive of packages, with those that `python -m cdk_intersystems.configuration packages` lists.",
        default=None,
        default_text="packages come from the distribution's repositories, which need `internet: true`",
        example=None,
    )
    kit: S3ObjectConfig | None = key(
        "The installation kit that the images get. Where hosts start from such an image, `platform` has no `kit` and no "
        "`arbiter_kit`, and `packages: image`.",
        default=None,
        default_text="the images get packages, users and limits alone",
        example=None,
    )
    root_volume_gib: Number = key(
        "Size of the images' root volume in GiB, 20 to 1024: the installation and its archive have to fit.",
        default=30,
        example=30,
        ge=20,
        le=1024,
    )

    @staticmethod
    def kinds(*, web_tiers: bool) -> Sequence[ImageKind]:
        """The images of a deployment.

        Args:
            web_tiers: Whether it has web tiers.
        """
        return ("iris", "web") if web_tiers else ("iris",)

    def platform(self, hosts: Platform) -> PlatformModel:
        """What the images run on, and where their software comes from.

        Args:
            hosts: What the hosts run on.
        """
        return PlatformModel(
            operating_system=hosts.operating_system,
            architecture=hosts.architecture,
            packages=self.packages_archive.model() if self.packages_archive else "repositories",
            kit=self.kit.model() if self.kit else None,
        )
