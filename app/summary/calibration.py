"""The second stage of the check: calibrates a model's log-odds on claims known to be true or false.

The texts and claims were written for this project (CC0).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from app.summary.check import Judgement

_OVERLAP_WEIGHT = 3.0
_STANDING_LOGIT = 1.1  # the logit at which a sentence has MIN_SUPPORT
_LEAST_AUC = 0.75  # of a model's log-odds, true against false claims; a weaker model is not used as a judge
_LEAST_SPREAD = 0.1  # keeps the slope finite
_UNSURE = 0.001  # probability of yes and no together, below which an answer is neither


@dataclass(frozen=True, slots=True)
class Example:
    """A text, claims that it states, and similar claims that are false."""

    text: str
    true: tuple[str, ...]
    false: tuple[str, ...]


EXAMPLES = (
    Example(
        "The harbour board of Skagen met on Tuesday. It approved a new crane for the east pier, which the "
        "fishing cooperative had asked for since 2019, and rejected a hotel that an investor from Aarhus "
        "wanted to build next to the fish market. Chairwoman Lone Krogh said that the harbour must stay a "
        "place of work. The crane costs 4.2 million kroner, of which the municipality pays half. It will be "
        "delivered in May, unless the pier, which a storm damaged in January, has not been repaired by then. "
        "The old crane will not be sold: it goes to the museum.",
        (
            "The harbour board approved a new crane for the east pier.",
            "The board turned down an investor's plan for a hotel beside the fish market.",
            "The municipality pays half of the price of the crane.",
            "The old crane is given to the museum.",
            "The delivery in May depends on the repair of the damaged pier.",
            "The fishing cooperative had wanted a crane for years.",
        ),
        (
            "The harbour board approved a new hotel next to the fish market.",
            "The fishing cooperative rejected the crane that the board wanted.",
            "The investor from Aarhus pays half of the price of the crane.",
            "The old crane will be sold to a museum.",
            "Chairwoman Lone Krogh wants more tourists in the harbour.",
            "The storm in January damaged the new crane.",
        ),
    ),
    Example(
        "Dear all, the tests of the heating control are finished. In eleven of twelve flats the new valves "
        "saved energy, on average 14 percent; in the flat of the Moreau family they saved nothing, because "
        "the sensor hung beside the oven. We moved it last week. Tenants liked the app less than we had "
        "hoped: most of them turn the knob as before. Ravi therefore proposes to drop the app and to keep the "
        "valves, and Ellen agrees with him. I do not want to decide that before the owners have seen the "
        "figures. Please send me your comments by Thursday.",
        (
            "The new valves saved energy in almost all of the flats.",
            "In one flat nothing was saved because of the place of the sensor.",
            "The sensor of the Moreau family has been moved.",
            "Ravi suggests to give up the app but to keep the valves.",
            "Ellen shares the opinion of Ravi.",
            "The writer wants to wait with the decision until the owners know the figures.",
        ),
        (
            "The new valves saved energy in the flat of the Moreau family.",
            "The tenants liked the app more than the knobs.",
            "Ravi proposes to drop the valves and to keep the app.",
            "Ellen disagrees with the proposal of Ravi.",
            "The owners have already decided to drop the app.",
            "The oven of the Moreau family was moved last week.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model's log-odds of yes against no for claims.

    `middle`: halfway between the means for true and for false claims. `slope`: of the logit that a claim is true, by
    linear discriminant analysis.
    """

    middle: float
    slope: float


def calibrated(true: Sequence[float], false: Sequence[float]) -> Calibration | None:
    """The calibration from log-odds for true and for false claims; None if they do not separate the two."""
    pairs = [(odds > other) + 0.5 * (odds == other) for odds in true for other in false]
    if not pairs or sum(pairs) / len(pairs) < _LEAST_AUC:
        return None
    above, below = mean(true), mean(false)
    spread = mean([(odds - above) ** 2 for odds in true] + [(odds - below) ** 2 for odds in false])
    return Calibration((above + below) / 2, (above - below) / max(spread, _LEAST_SPREAD))


def engine_support(judgement: Judgement, log_odds: float, calibration: Calibration) -> float:
    """The support of a sentence by engine and rules together, 0 to 1."""
    logit = calibration.slope * (log_odds - calibration.middle) - _OVERLAP_WEIGHT * (1 - judgement.overlap)
    return 1 / (1 + math.exp(min(50.0, _STANDING_LOGIT - logit)))


def log_odds(first_token: Mapping[str, float]) -> float | None:
    """The log-odds of yes against no by the log probabilities of an answer's first token; None if it is neither."""
    yes = sum(math.exp(value) for token, value in first_token.items() if token.strip().lower() == "yes")
    no = sum(math.exp(value) for token, value in first_token.items() if token.strip().lower() == "no")
    if yes + no < _UNSURE:
        return None
    return math.log(max(yes, 1e-9)) - math.log(max(no, 1e-9))
