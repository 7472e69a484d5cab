"""`python -m cdk_intersystems.configuration`: checks deployments, prints schema, reference page, merge files, packages."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .load import deployment_names, load_deployment
from .merge_files import merge_files_of
from .problems import ConfigurationError, path_text
from .reference import page, schema_text

_BAD_INPUT = 2
_ROLES = ("member", "arbiter", "application", "web")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0, or 2 if a configuration cannot be used.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "schema":
            sys.stdout.write(schema_text())
            return 0
        if options.command == "docs":
            example: Path = options.config_dir / "trakcare.yaml"
            load_deployment(example)
            sys.stdout.write(page(example.read_text(encoding="utf-8")))
            return 0
        if options.command == "cpf":
            return _cpf(options)
        if options.command == "packages":
            return _packages(options)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return _BAD_INPUT
    return _check(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cdk_intersystems.configuration",
        description="Checks the YAML files of deployments, and prints what they may contain.",
    )
    parser.add_argument(
        "--config-dir",
        type=Path,
        default=Path("config"),
        help="folder with one YAML file a deployment (default: config)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check one deployment, or all; exit code 2 if one cannot be used")
    check.add_argument("source", nargs="?", metavar="NAME|FILE", help="name or file of a deployment (default: all)")
    check.add_argument("--json", action="store_true", help="print deployments, every default filled in, and problems as JSON")
    commands.add_parser("schema", help="print the JSON Schema")
    commands.add_parser("docs", help="print the reference page as Markdown")
    packages = commands.add_parser("packages", help="print the packages that a deployment's hosts need, one a line")
    packages.add_argument("source", metavar="NAME|FILE", help="name or file of the deployment")
    packages.add_argument("--role", choices=_ROLES, help="only those of this role's hosts (default: of all that there are)")
    cpf = commands.add_parser("cpf", help="print the CPF merge files that the hosts of a deployment get")
    cpf.add_argument("source", metavar="NAME|FILE", help="name or file of the deployment")
    cpf.add_argument("--member", metavar="a|b|TIER", help="only those of this failover member or application tier")
    cpf.add_argument("--directory", type=Path, help="write them there, each by its name, instead of printing them")
    return parser


def _cpf(options: argparse.Namespace) -> int:
    deployment = load_deployment(options.source, options.config_dir)
    files = merge_files_of(deployment)
    chosen = [file for file in files if options.member in (None, file.host)]
    if not chosen:
        hosts = ", ".join(dict.fromkeys(file.host for file in files))
        sys.stderr.write(f"{deployment.name} has no host {options.member}: choose from {hosts}\n")
        return _BAD_INPUT
    for file in chosen:
        if options.directory is not None:
            (options.directory / f"{deployment.name}-{file.name}.cpf").write_text(file.text, encoding="ascii")
        else:
            sys.stdout.write(f"# {file.name}.cpf, vm.nr_hugepages = {file.memory.huge_pages}\n{file.text}\n")
    return 0


def _packages(options: argparse.Namespace) -> int:
    # The hosts' own code, which needs a Unix.
    from cdk_intersystems.bootstrap.host.steps.packages import package_names

    deployment = load_deployment(options.source, options.config_dir)
    there = {"member": True, "arbiter": True, "application": deployment.application_tiers, "web": deployment.web_tiers}
    roles = [options.role] if options.role else [role for role in _ROLES if there[role]]
    system = deployment.platform.operating_system
    for name in sorted({name for role in roles for name in package_names(role, system)}):
        sys.stdout.write(f"{name}\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    sources = [options.source] if options.source else deployment_names(options.config_dir)
    if not sources:
        sys.stderr.write(f"{options.config_dir}: there is no deployment\n")
        return _BAD_INPUT
    results = []
    for source in sources:
        try:
            deployment = load_deployment(source, options.config_dir)
        except ConfigurationError as error:
            results.append({"source": source, "valid": False, "problems": _problems(error)})
            if not options.json:
                sys.stderr.write(f"{error}\n")
        else:
            results.append({"source": source, "valid": True, "deployment": deployment.model_dump(mode="json")})
            if not options.json:
                sys.stdout.write(f"{source}: ok\n")
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0 if all(result["valid"] for result in results) else _BAD_INPUT


def _problems(error: ConfigurationError) -> list[dict[str, object]]:
    return [
        {"file": error.origin, "line": each.line, "key": path_text(each.path), "got": each.got, "message": each.message}
        for each in error.problems
    ]


if __name__ == "__main__":
    sys.exit(main())
