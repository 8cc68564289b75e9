"""Locate the golden files of the formats."""

from __future__ import annotations

from modelarts_emulator.contract.wire import DatasetType
from tests.helpers.places import FIXTURES

GOLDEN = FIXTURES / "formats"


MANIFESTS = {
    "image_classification": DatasetType.IMAGE_CLASSIFICATION,
    "object_detection": DatasetType.OBJECT_DETECTION,
    "image_segmentation": DatasetType.IMAGE_SEGMENTATION,
    "text_classification": DatasetType.TEXT_CLASSIFICATION,
    "named_entity": DatasetType.NAMED_ENTITY,
    "text_triplet": DatasetType.TEXT_TRIPLET,
    "sound_classification": DatasetType.SOUND_CLASSIFICATION,
    "speech_content": DatasetType.SPEECH_CONTENT,
    "speech_paragraph": DatasetType.SPEECH_PARAGRAPH,
    "video": DatasetType.VIDEO,
}
