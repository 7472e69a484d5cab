"""The outage to be expected: a simulation of the mirror, of AWS, and of clients, on a clock of its own.

It runs the decision code that is deployed (`lambda/mirror_router/core.py`, `bootstrap/call_out/core.py`) in a world whose every
number stands in `constants` with its source. Nothing of it was verified on AWS.

    from cdk_intersystems.prediction import Settings, predict

    predict(Settings(route_tables=15))
"""

from .predict import Expected, Figures, Prediction, figures, predict
from .world import Settings, World

__all__ = ["Expected", "Figures", "Prediction", "Settings", "World", "figures", "predict"]
