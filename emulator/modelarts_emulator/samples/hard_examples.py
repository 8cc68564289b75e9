"""Hard examples: the reasons why a sample can be hard, each with a suggestion, in our own words.

The ids 0 to 30 are those on the sample pages of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelarts_emulator.contract.samples import HardDetail
from modelarts_emulator.contract.wire import Locale

HARD = "@modelarts:hard"
HARD_REASONS = "@modelarts:hard_reasons"
HARD_METADATA = (HARD, "@modelarts:hard_coefficient", HARD_REASONS)
HARD_KEYS = frozenset(HARD_METADATA)

_CHECK = "Check the label of this sample"
_ADD = "Add similar samples"
_FAR = "differs much from the training data"
_CHANGED = "changes the prediction"
REASONS: dict[int, tuple[str, str]] = {
    0: ("No object was found", "Check whether the sample shows a target object"),
    1: ("The confidence is low", _CHECK),
    2: ("The prediction contradicts the cluster of the training data that the sample belongs to", _CHECK),
    3: ("The prediction differs much from training data of the same class", _CHECK),
    4: ("The predictions for similar pictures in sequence contradict each other", _CHECK),
    5: (f"The resolution of the picture {_FAR}", _ADD),
    6: (f"The aspect ratio of the picture {_FAR}", _ADD),
    7: (f"The brightness of the picture {_FAR}", _ADD),
    8: (f"The saturation of the picture {_FAR}", _ADD),
    9: (f"The richness of colours {_FAR}", _ADD),
    10: (f"The sharpness of the picture {_FAR}", _ADD),
    11: (f"The number of boxes {_FAR}", _ADD),
    12: (f"The spread of the areas of boxes {_FAR}", _ADD),
    13: (f"The aspect ratio of boxes {_FAR}", _ADD),
    14: (f"The share of the picture that boxes cover {_FAR}", _ADD),
    15: (f"The distance of boxes from the edge {_FAR}", _ADD),
    16: (f"The brightness of boxes {_FAR}", _ADD),
    17: (f"The sharpness of boxes {_FAR}", _ADD),
    18: (f"The overlap of boxes {_FAR}", _ADD),
    19: (f"A Gaussian blur {_CHANGED}", _ADD),
    20: (f"Flipping from left to right {_CHANGED}", _ADD),
    21: (f"Cropping {_CHANGED}", _ADD),
    22: (f"Flipping upside down {_CHANGED}", _ADD),
    23: (f"Scaling {_CHANGED}", _ADD),
    24: (f"Shifting {_CHANGED}", _ADD),
    25: (f"Shearing {_CHANGED}", _ADD),
    26: (f"Superpixels {_CHANGED}", _ADD),
    27: (f"Sharpening {_CHANGED}", _ADD),
    28: (f"Adding to the brightness {_CHANGED}", _ADD),
    29: (f"Inverting the colours {_CHANGED}", _ADD),
    30: ("The data are predicted to be abnormal", _CHECK),
}
"""By id: the reason and the suggestion."""
_CHINESE = {
    0: "未识别出目标物体",
    1: "置信度偏低",
    2: "预测结果与训练数据的聚类结果不一致",
    3: "预测结果与训练集同类数据差异较大",
    4: "连续多张相似图片的预测结果不一致",
    5: "图像分辨率与训练数据差异较大",
    6: "图像高宽比与训练数据差异较大",
    7: "图像亮度与训练数据差异较大",
    8: "图像饱和度与训练数据差异较大",
    9: "图像色彩丰富程度与训练数据差异较大",
    10: "图像清晰度与训练数据差异较大",
    11: "目标框数量与训练数据差异较大",
    12: "目标框面积的标准差与训练数据差异较大",
    13: "目标框高宽比与训练数据差异较大",
    14: "目标框面积占比与训练数据差异较大",
    15: "目标框边缘化程度与训练数据差异较大",
    16: "目标框亮度与训练数据差异较大",
    17: "目标框清晰度与训练数据差异较大",
    18: "目标框堆叠程度与训练数据差异较大",
    19: "高斯模糊后预测结果改变",
    20: "左右翻转后预测结果改变",
    21: "裁剪后预测结果改变",
    22: "上下翻转后预测结果改变",
    23: "缩放后预测结果改变",
    24: "平移后预测结果改变",
    25: "错切后预测结果改变",
    26: "超像素处理后预测结果改变",
    27: "锐化后预测结果改变",
    28: "增加亮度后预测结果改变",
    29: "反色后预测结果改变",
    30: "数据被预测为异常",
}
_CHINESE_SUGGESTIONS = {_CHECK: "请检查该样本的标签", _ADD: "请添加相似样本"}


def as_sample_members(raw: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with hard-example members in the form that samples have: numbers, and a list of reasons.

    Clients also send them in the form of labels. A member that is null is absent. Other members stay as they are.

    >>> as_sample_members({"@modelarts:hard": True, "@modelarts:hard_reasons": "3-20", "own": None})
    {'own': None, '@modelarts:hard': 1.0, '@modelarts:hard_reasons': [3, 20]}
    """
    if HARD_KEYS.isdisjoint(raw):
        return raw
    found = {key: value for key, value in raw.items() if key not in HARD_KEYS}
    for key in HARD_METADATA:
        value = raw.get(key)
        if key == HARD_REASONS and isinstance(value, str):
            value = [part.strip() for part in value.split("-")] if value.strip() else None
        elif key == HARD_REASONS and type(value) in (int, float):
            value = [value]
        elif isinstance(value, str):
            text = value.strip().lower()
            value = {"true": 1.0, "false": 0.0, "": None}.get(text, text)
        elif isinstance(value, bool):
            value = float(value)
        if value is not None:
            found[key] = value
    return found


def as_label_members(raw: dict[str, Any]) -> dict[str, Any]:
    """Return properties with hard-example members in the form that labels have: all of them text.

    Clients also send them in the form of samples. A member that is null is absent. Other members stay as they are.

    >>> as_label_members({"@modelarts:hard": True, "@modelarts:hard_reasons": [3, 20], "own": 1})
    {'own': 1, '@modelarts:hard': 'true', '@modelarts:hard_reasons': '3-20'}
    """
    if HARD_KEYS.isdisjoint(raw):
        return raw
    found = {key: value for key, value in raw.items() if key not in HARD_KEYS}
    for key in HARD_METADATA:
        value = raw.get(key)
        if isinstance(value, list):
            value = "-".join(_number_text(each) for each in value)
        elif isinstance(value, (bool, int, float)):
            value = _number_text(value)
        if value not in (None, ""):
            found[key] = value
    return found


def _number_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def require_hard_range(coefficient: float | None, reasons: Iterable[int]) -> None:
    """Raise ValueError if a coefficient is not from 0 to 1, or a reason is none of the documented ids."""
    if coefficient is not None and not 0 <= coefficient <= 1:
        raise ValueError("@modelarts:hard_coefficient must be from 0 to 1")
    for reason in reasons:
        if reason not in REASONS:
            raise ValueError(f"@modelarts:hard_reasons: {str(reason)[:40]} is not an id from 0 to {max(REASONS)}")


def hard_details(metadata: dict[str, Any], locale: Locale) -> dict[str, HardDetail] | None:
    """Return the reasons why a sample is hard, by id; None if it is not a hard example."""
    reasons = metadata.get(HARD_REASONS)
    if not metadata.get(HARD) or not reasons:
        return None
    return {str(reason): hard_detail(reason, locale) for reason in reasons if reason in REASONS}


def hard_detail(reason: int, locale: Locale) -> HardDetail:
    """Return the text of a reason and the suggestion for it. Raises KeyError for an unknown id."""
    text, suggestion = REASONS[reason]
    if locale is Locale.ZH:
        text, suggestion = _CHINESE[reason], _CHINESE_SUGGESTIONS.get(suggestion, _CHINESE_SUGGESTIONS[_CHECK])
    return HardDetail(id=reason, alo_name=text, reason=text, suggestion=suggestion)
