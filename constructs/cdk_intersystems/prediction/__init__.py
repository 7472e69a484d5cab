"""The outage to be expected: a simulation of the mirror, of AWS, and of clients, on a clock of its own.

It runs the decision code that is deployed (`lambda/mirror_router/core.py`, `bootstrap/call_out/core.py`) in a world whose every
number stands in `constants` with its source. Nothing of it was verified on AWS.

    from cdk_intersystems.prediction import Settings, predict

    predict(Settings(route_tables=15))

and the same of a promotion of the DR region (`RegionSettings`, `predict_promotion`).
"""

from .predict import Expected, Figures, Prediction, figures, predict
from .region_move import RegionSettings
from .region_predict import RegionPrediction, predict_promotion
from .world import Settings, World

__all__ = [
    "Expected",
    "Figures",
    "Prediction",
    "RegionPrediction",
    "RegionSettings",
    "Settings",
    "World",
    "figures",
    "predict",
    "predict_promotion",
]
