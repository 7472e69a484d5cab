"""Checks of the tools that deploy, where the command is run: the CDK's command line and the feature flags."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .finding import Finding, failed, ok, unknown, warning

_CLI = "aws-cdk"
#: Where the CDK's command line keeps the flags that it recommends to a new app.
_FLAGS = "lib/init-templates/.recommended-feature-flags.json"


def command_line(app: Path) -> Iterator[Finding]:
    """Whether the CDK's command line is the version that package.json pins.

    Args:
        app: The folder with package.json.
    """
    wanted = (_json(app / "package.json") or {}).get("devDependencies", {}).get(_CLI)
    if wanted is None:
        yield unknown(f"{app / 'package.json'} pins no {_CLI}: run doctor where the app is")
        return
    found = (_json(app / "node_modules" / _CLI / "package.json") or {}).get("version")
    if found is None:
        yield failed(f"{_CLI} {wanted} is not installed: npm ci")
    elif found != wanted:
        yield failed(f"{_CLI} is {found}, and package.json pins {wanted}: npm ci")
    else:
        yield ok(f"{_CLI} {found}")


def feature_flags(app: Path) -> Iterator[Finding]:
    """Whether cdk.json states every feature flag that the installed command line recommends.

    Args:
        app: The folder with cdk.json.
    """
    recommended = _json(app / "node_modules" / _CLI / _FLAGS)
    stated = (_json(app / "cdk.json") or {}).get("context")
    if stated is None:
        yield unknown(f"there is no {app / 'cdk.json'} with a context: run doctor where the app is")
        return
    if recommended is None:
        yield unknown("what the command line recommends is not known: npm ci")
        return
    if missing := sorted(set(recommended) - set(stated)):
        yield warning(f"cdk.json doesn't state {', '.join(missing)}: the library's older behaviour is in force")
    else:
        yield ok(f"{len(recommended)} feature flags are stated")


def qualifier(app: Path) -> str:
    """The bootstrap qualifier of the app, which is part of the bootstrap stack's names.

    Args:
        app: The folder with cdk.json.
    """
    context = (_json(app / "cdk.json") or {}).get("context", {})
    # Source: CDK Developer Guide, "Customize AWS CDK bootstrapping": the default qualifier.
    return str(context.get("@aws-cdk/core:bootstrapQualifier", "hnb659fds"))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
