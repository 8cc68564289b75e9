"""Hard examples: the reasons why a sample can be hard, each with a suggestion, in our own words.

The ids 0 to 30 are those on the sample pages of the API reference.
"""

from __future__ import annotations

from typing import Any

from modelarts_emulator.contract.samples import HardDetail
from modelarts_emulator.contract.wire import Locale

HARD = "@modelarts:hard"
HARD_REASONS = "@modelarts:hard_reasons"
HARD_METADATA = (HARD, "@modelarts:hard_coefficient", HARD_REASONS)

_CHECK = "Check the label of this sample"
_ADD = "Add similar samples"
REASONS: dict[int, tuple[str, str]] = {
    0: ("No target object was found", "Check whether the sample shows a target object"),
    1: ("The confidence is low", _CHECK),
    2: ("The clustering of the training data makes it an outlier", _CHECK),
    3: ("The prediction differs from similar training data", _CHECK),
    4: ("The prediction is inconsistent between similar samples", _CHECK),
    5: ("The sample is far from the training data", _ADD),
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
    17: ("Boxes are unusually near the edge", _CHECK),
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
"""By id: the reason and the suggestion."""
_CHINESE = {
    0: "未识别出目标物体",
    1: "置信度偏低",
    2: "按训练数据聚类，该样本离群",
    3: "预测结果与同类训练数据不一致",
    4: "相似样本的预测结果不一致",
    5: "样本远离训练数据",
    6: "数据增强后预测结果改变",
    7: "长宽比异常",
    8: "亮度异常",
    9: "饱和度异常",
    10: "色彩异常",
    11: "清晰度异常",
    12: "帧数异常",
    13: "框面积异常",
    14: "框数量异常",
    15: "框覆盖面积异常",
    16: "框重叠异常",
    17: "框过于靠近边缘",
    18: "框长宽比异常",
    19: "框亮度异常",
    20: "框清晰度异常",
    21: "框堆叠",
    22: "模糊后预测结果改变",
    23: "翻转后预测结果改变",
    24: "裁剪后预测结果改变",
    25: "旋转后预测结果改变",
    26: "平移后预测结果改变",
    27: "错切后预测结果改变",
    28: "加噪声后预测结果改变",
    29: "光照变化后预测结果改变",
    30: "模型间预测结果不一致",
}
_CHINESE_SUGGESTIONS = {_CHECK: "请检查该样本的标签", _ADD: "请添加相似样本"}


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
