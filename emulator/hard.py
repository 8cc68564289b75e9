"""Hard examples: the reasons a sample can be hard for, with a suggestion each, in our own words.

The ids stand on the sample pages of the reference; texts are given in English for every locale.
"""

from __future__ import annotations

from typing import Any

from emulator.contract.samples import HardDetail
from emulator.contract.wire import Locale

HARD = "@modelarts:hard"
HARD_REASONS = "@modelarts:hard_reasons"
HARD_METADATA = (HARD, "@modelarts:hard_coefficient", HARD_REASONS)

_CHECK = "Check the label of this sample"
_ADD = "Add similar samples"
# id -> (reason, suggestion)
REASONS: dict[int, tuple[str, str]] = {
    0: ("No target object was found", "Check whether the sample shows a target object"),
    1: ("The confidence is low", _CHECK),
    2: ("The clustering of the training data makes it an outlier", _CHECK),
    3: ("The prediction differs from similar training data", _CHECK),
    4: ("The prediction is inconsistent between similar samples", _CHECK),
    5: ("The sample lies far from the training data", _ADD),
    6: ("The prediction changes under augmentation", _CHECK),
    7: ("The aspect ratio is unusual", _ADD),
    8: ("The brightness is unusual", _ADD),
    9: ("The saturation is unusual", _ADD),
    10: ("The colours are unusual", _ADD),
    11: ("The sharpness is unusual", _ADD),
    12: ("The number of frames is unusual", _ADD),
    13: ("The area of the boxes is unusual", _ADD),
    14: ("The number of boxes is unusual", _ADD),
    15: ("The boxes cover an unusual area", _ADD),
    16: ("Boxes overlap unusually", _CHECK),
    17: ("Boxes lie unusually near the edge", _CHECK),
    18: ("The box has an unusual aspect ratio", _CHECK),
    19: ("The box has an unusual brightness", _CHECK),
    20: ("The box has an unusual sharpness", _CHECK),
    21: ("The box is stacked on others", _CHECK),
    22: ("Blurring changes the prediction", _ADD),
    23: ("Flipping changes the prediction", _ADD),
    24: ("Cropping changes the prediction", _ADD),
    25: ("Rotating changes the prediction", _ADD),
    26: ("Shifting changes the prediction", _ADD),
    27: ("Shearing changes the prediction", _ADD),
    28: ("Noise changes the prediction", _ADD),
    29: ("A change of light changes the prediction", _ADD),
    30: ("The prediction differs between models", _CHECK),
}


def hard_details(metadata: dict[str, Any], locale: Locale) -> dict[str, HardDetail] | None:
    """The reasons a sample is hard for, by id; absent where it is not."""
    reasons = metadata.get(HARD_REASONS)
    if not metadata.get(HARD) or not reasons:
        return None
    return {str(reason): hard_detail(reason, locale) for reason in reasons if reason in REASONS}


def hard_detail(reason: int, locale: Locale) -> HardDetail:
    """What a reason means and what to do about it."""
    text, suggestion = REASONS[reason]
    return HardDetail(id=reason, alo_name=text, reason=text, suggestion=suggestion)
