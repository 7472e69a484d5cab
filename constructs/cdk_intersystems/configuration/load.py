"""Reads a deployment: from its name or file to a frozen `Deployment`, or one error with every problem."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .deployment import Deployment
from .problems import ConfigurationError, Problem, shown
from .problems import Path as KeyPath
from .repair import follows_from, repaired
from .rules import problems_of
from .wording import path_of, problem_of
from .yaml_source import Source, read_yaml

_SUFFIXES = (".yaml", ".yml")


def deployment_names(config_dir: Path) -> list[str]:
    """The names of the deployments a folder has, sorted."""
    return sorted({path.stem for path in config_dir.glob("*") if path.suffix in _SUFFIXES})


def load_deployment(source: str | Path, config_dir: Path = Path("config")) -> Deployment:
    """Reads a deployment.

    Args:
        source: Name of a deployment, whose file is `<config_dir>/<name>.yaml` and says the same name; or the path of a file,
            which may be called anything.
        config_dir: Folder with one YAML file a deployment. Default: `config` in the current folder.

    Returns:
        The deployment, every default filled in.

    Raises:
        ConfigurationError: There is no such deployment, or something is wrong with it; tells every problem at once.
    """
    path, called = _file(source, config_dir)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigurationError([Problem(path=(), message=message)], str(path)) from None
    except OSError as error:
        message = f"cannot be read: {(error.strerror or 'unknown error').lower()}"
        raise ConfigurationError([Problem(path=(), message=message)], str(path)) from None
    return _deployment(read_yaml(text, str(path)), called)


def parse_deployment(text: str, origin: str = "configuration") -> Deployment:
    """Reads a deployment from YAML text; otherwise as `load_deployment`."""
    return _deployment(read_yaml(text, origin))


def deployment_of(data: Mapping[str, Any], origin: str = "configuration") -> Deployment:
    """Makes a deployment of plain values, as a YAML file would have them; otherwise as `load_deployment`."""
    return _deployment(Source(dict(data), origin))


def _file(source: str | Path, config_dir: Path) -> tuple[Path, str | None]:
    """The file of a deployment, and the name it was asked for by; `None` if it was asked for by its path."""
    if isinstance(source, Path) or "/" in source or source.endswith(_SUFFIXES):
        return Path(source), None
    for suffix in _SUFFIXES:
        if (path := config_dir / f"{source}{suffix}").is_file():
            return path, source
    names = deployment_names(config_dir)
    close = get_close_matches(source, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    there = f"there are: {', '.join(names)}" if names else "there is none"
    message = f"no deployment of this name; {hint}{there} (in {config_dir})"
    raise ConfigurationError([Problem(path=(), message=message, got=repr(source))], "deployment")


def _deployment(source: Source, called: str | None = None) -> Deployment:
    if not isinstance(source.data, dict):
        message = "a deployment is a mapping (key: value)"
        raise ConfigurationError([Problem(path=(), message=message, got=shown(source.data))], source.origin)
    try:
        deployment = Deployment.model_validate(source.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [problem_of(each, Deployment, source) for each in details]
        whole, places = repaired(source.data, [path_of(each) for each in details], Deployment)
        problems += _later_problems(whole, places, source, called)
        raise ConfigurationError(problems, source.origin) from None
    if problems := [_placed(problem, source) for problem in _rule_problems(deployment, called)]:
        raise ConfigurationError(problems, source.origin)
    return deployment


def _later_problems(whole: Any, places: list[KeyPath], source: Source, called: str | None) -> list[Problem]:
    try:
        deployment = Deployment.model_validate(whole)
    except ValidationError:
        return []  # no stand-in fits: what was found already has to be put right first
    return [_placed(problem, source) for problem in _rule_problems(deployment, called) if not follows_from(problem, places)]


def _rule_problems(deployment: Deployment, called: str | None) -> list[Problem]:
    problems = problems_of(deployment)
    if called is not None and deployment.name != called:
        message = f"its file is called {called}, and two files of one name would deploy over each other: give both one name"
        problems.append(Problem(path=("name",), message=message))
    return problems


def _placed(problem: Problem, source: Source) -> Problem:
    """Adds the line, and what stands there, to a problem that a rule found."""
    got = problem.got
    if got is None:
        found, value = _lookup(source.data, problem.path)
        got = shown(value) if found else None
    return replace(problem, got=got, line=source.line(problem.path))


def _lookup(data: Any, path: KeyPath) -> tuple[bool, Any]:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, data
