"""The deployed functions, each a package: in the wheel beside this file, in a checkout in the repository's folder `lambda`."""

from pathlib import Path

_checkout = Path(__file__).parents[3] / "lambda"
if _checkout.is_dir():
    __path__ = [*__path__, str(_checkout)]
