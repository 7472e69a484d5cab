"""`Platform`: what the hosts of a deployment run on, and where their software comes from."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from .arns import Arn
from .instance_types import Architecture

OperatingSystem = Literal["rhel9", "rhel10", "ubuntu2204", "ubuntu2404"]

#: It becomes the resource of an IAM policy, where `*`, `?` and `$` would stand for something else.
#: Sources: Amazon S3 User Guide, "General purpose bucket naming rules"; IAM User Guide, "IAM JSON policy elements: Resource".
_URI: Final = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^\s*?\[$]+)")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def uri_problem(uri: str) -> str | None:
    """Says why a text isn't the address of one S3 object; `None` if it is."""
    if _URI.fullmatch(uri):
        return None
    return "needs the address of one S3 object, s3://<bucket>/<key>, without spaces and * ? [ $"


def sha256_problem(digits: str) -> str | None:
    """Says why a text isn't a SHA-256; `None` if it is."""
    if _SHA256.fullmatch(digits):
        return None
    return "needs the SHA-256 of the object, 64 of 0-9 and a-f, as sha256sum prints it"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """An object in S3 that hosts fetch, and what it has to contain: a host refuses any other content.

    Args:
        uri: Its address, `s3://<bucket>/<key>`, without spaces and `* ? [ $`. The bucket may be in another account.
        sha256: SHA-256 of its content, as `sha256sum` prints it.
        key_arn: ARN of the KMS key it is encrypted with. Default: it needs none of its own.
        region: The bucket's region. Default: that of the key; without one, the hosts'.

    Raises:
        ValueError: If the address or the SHA-256 isn't one.
    """

    uri: str
    sha256: str
    key_arn: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        for name, problem in (("uri", uri_problem(self.uri)), ("sha256", sha256_problem(self.sha256))):
            if problem is not None:
                raise ValueError(f"{name} {problem}, got {getattr(self, name)!r}")

    def description(self) -> dict[str, str]:
        """As a host reads it: `S3Object` of `bootstrap/host/description.py`."""
        found = _URI.fullmatch(self.uri)
        assert found is not None
        key = Arn.parse(self.key_arn) if self.key_arn else None
        region = self.region or (key.region if key else "")
        return {"bucket": found["bucket"], "key": found["key"], "sha256": self.sha256, "region": region}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What the hosts of a deployment run on, and where their software comes from.

    With it a host sets itself up when it first starts. An image that has the product installed (`kit=None`) needs no kit, one
    that has all packages (`packages="image"`) no archive of them.

    Example:
        ```python
        platform = Platform(
            operating_system="rhel9",
            architecture="x86_64",
            kit=S3Object(uri="s3://kits/IRIS-2025.3-lnxrh9x64.tar.gz", sha256="..."),
            arbiter_kit=S3Object(uri="s3://kits/ISCAgent-2025.3-lnxrh9x64.tar.gz", sha256="..."),
        )
        ```

    Args:
        operating_system: Operating system of the images. Amazon Linux is none that IRIS supports.
        architecture: Architecture of the images and of every instance type.
        packages: Where packages beyond the image come from: the distribution's `repositories`, as the image has them set up;
            an archive in S3 with those that `python -m cdk_intersystems.configuration packages` lists; or nowhere, since they
            are in the `image`. Default: `repositories`, which need a way to the Internet.
        kit: The installation kit of IRIS, which also has the Web Gateway. Default: the image has it installed.
        arbiter_kit: The installation kit of the ISCAgent, for arbiters. Default: the image has it installed.

    Raises:
        ValueError: If a value is none of those that are possible.
    """

    operating_system: OperatingSystem
    architecture: Architecture
    packages: Literal["repositories", "image"] | S3Object = "repositories"
    kit: S3Object | None = None
    arbiter_kit: S3Object | None = None

    def __post_init__(self) -> None:
        _check("operating_system", self.operating_system, get_args(OperatingSystem))
        _check("architecture", self.architecture, get_args(Architecture))
        if not isinstance(self.packages, S3Object):
            _check("packages", self.packages, ("repositories", "image"), " or an S3Object")

    @property
    def archive(self) -> S3Object | None:
        """The archive of packages; None if they come from elsewhere."""
        return self.packages if isinstance(self.packages, S3Object) else None

    @property
    def packages_from(self) -> str:
        """Where packages come from, as a host reads it."""
        return self.packages if isinstance(self.packages, str) else "archive"


def packages_problem(packages: str | S3Object, *, internet: bool) -> str | None:
    """Says why hosts can't get their packages; `None` if they can.

    Args:
        packages: Where they are to come from.
        internet: Whether the hosts may open connections to the Internet.
    """
    if internet or packages != "repositories":
        return None
    return (
        "without a way to the Internet no host reaches the distribution's repositories: name an archive of the packages, "
        "or an image that has them (packages: image), or set internet: true"
    )


def _check(name: str, value: str, known: tuple[str, ...], more: str = "") -> None:
    if value not in known:
        raise ValueError(f"{name} is {', '.join(known)}{more}, got {value!r}")
