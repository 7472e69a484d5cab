"""Images that have what hosts need already: what is in one, and the Image Builder component that makes it.

Pure: from plain values to plain values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from . import host_description
from .host_description import MirrorFacts
from .storage import MemberVolumes

if TYPE_CHECKING:
    from .host_files import HostFiles
    from .platform import Platform

ImageKind = Literal["iris", "web"]
"""`iris`: for members, arbiters and application servers. `web`: for web servers."""

_ROOT: Final = "/opt/cdk-intersystems"
#: On the machine that is made an image: in its root's home, which nobody else looks into. The component removes it.
_ARCHIVE: Final = "/root/cdk-intersystems-image.tar"

#: Packages, and the installation of a kit of some GiB.
_BUILD_SECONDS: Final = 7200
_CHECK_SECONDS: Final = 600


def image_files(platform: Platform, kind: ImageKind) -> HostFiles:
    """The files of an image in its bundle: those of one host called `image`, which belongs to no mirror.

    Args:
        platform: What it runs on, and where its software comes from.
        kind: What it is for.
    """
    nowhere = MirrorFacts(
        deployment="image",
        name="IMAGE",
        number=1,
        addresses={"a": "0.0.0.0", "b": "0.0.0.0", "arbiter": "0.0.0.0"},  # noqa: S104 - nobody listens there
        databases=(),
        ecp_clients=False,
        service_ports=(),
    )
    described = (
        host_description.web_server(platform, nowhere, "image", application_tier="", paths=(), gateway_parameters={})
        if kind == "web"
        else host_description.member(platform, nowhere, "a", volumes=MemberVolumes(), huge_pages=0)
    )
    return {"image": {"host.json": host_description.text(described)}}


def image_component(*, bucket: str, key: str, sha256: str, kind: ImageKind, has_kit: bool) -> dict[str, Any]:
    """The document of the Image Builder component that makes an image of a bundle.

    Source: EC2 Image Builder User Guide, "Use the AWSTOE component document framework", "Action modules"; a document may be
    in JSON ("Create a YAML component document").

    Args:
        bucket: Bucket of the bundle.
        key: Its key.
        sha256: Its SHA-256, which is its version too.
        kind: What the image is for.
        has_kit: Whether it gets the product from a kit.
    """
    folder = f"{_ROOT}/bundles/{sha256}"
    build = [
        "set -eu",
        f"echo '{sha256}  {_ARCHIVE}' | sha256sum --check --strict",
        f"mkdir -p {folder}",
        f"tar --extract --no-same-owner --file {_ARCHIVE} --directory {folder}",
        f"ln -sfn bundles/{sha256} {_ROOT}/current",
        f"ln -sfn current/bootstrap {_ROOT}/bootstrap",
        f"ln -sfn current/config/image {_ROOT}/config",
        f"/usr/bin/python3 -I {_ROOT}/bootstrap/cdk-host image",
        f"rm -f {_ARCHIVE}",
    ]
    left = [f"{_ROOT}/current", f"{_ROOT}/first_boot.py", "/var/lib/cdk-intersystems", "/etc/systemd/system/cdk-host.service"]
    made = {"iris": [f"test -s {_ROOT}/image/installation.tar", "command -v iris"], "web": ["test -d /opt/webgateway/bin"]}
    check = ["set -eu", *(f"test ! -e {path}" for path in left), *(made[kind] if has_kit else [])]
    return {
        "name": "cdk-intersystems-image",
        "description": "Installs what hosts of a deployment need, and nothing that tells them apart or is secret",
        # As text: as a number it would be written as 1.
        "schemaVersion": "1.0",
        "phases": [
            {
                "name": "build",
                "steps": [
                    {
                        "name": "FetchBundle",
                        "action": "S3Download",
                        "timeoutSeconds": _CHECK_SECONDS,
                        "maxAttempts": 3,
                        "onFailure": "Abort",
                        "inputs": [{"source": f"s3://{bucket}/{key}", "destination": _ARCHIVE}],
                    },
                    _bash("MakeImage", build, _BUILD_SECONDS),
                ],
            },
            {"name": "validate", "steps": [_bash("CheckMachine", check, _CHECK_SECONDS)]},
            # On an instance that was started from the image.
            {"name": "test", "steps": [_bash("CheckImage", check, _CHECK_SECONDS)]},
        ],
    }


def _bash(name: str, lines: list[str], seconds: int) -> dict[str, Any]:
    """A step that runs lines as one script."""
    return {
        "name": name,
        "action": "ExecuteBash",
        "timeoutSeconds": seconds,
        "maxAttempts": 1,
        "onFailure": "Abort",
        "inputs": {"commands": ["\n".join(lines)]},
    }
