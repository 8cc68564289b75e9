"""The table of dataset types. Everything that depends on the type of a dataset is looked up here."""

from __future__ import annotations

from typing import NamedTuple

from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType

IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
TEXTS = (".txt", ".csv")


MASK_FOLDER = "segmentationClassRaw"
"""The folder of mask pictures beside the label files of a segmentation version or export."""
DRAWN = (LabelType.OBJECT_DETECTION, LabelType.IMAGE_SEGMENTATION, LabelType.VIDEO)
"""The types of labels that have shapes on a picture."""


class DatasetTypeTraits(NamedTuple):
    """Traits of a dataset type: its samples, its files and its labels."""

    sample_type: SampleType
    unit: str
    """Part of a file that is one sample: the whole ``file``, a ``line`` of text or a ``row`` of a table."""
    extensions: tuple[str, ...]
    """Lower-case extensions of files with samples; empty for any file."""
    labels: tuple[LabelType, ...] = ()
    """Label types, the default first; empty if the type cannot be labelled."""
    splits: bool = False
    """Whether publishing can split it into training and evaluation samples."""
    exports: bool = False
    """Whether it can be exported, so that ``support_export`` lists it."""
    tags: tuple[str, ...] = ()
    """The manual's names of the kind of data and of its labelling, the key identifiers of datasets and versions."""

    @property
    def label_type(self) -> LabelType | None:
        """Return the type of labels that name none; None if the type cannot be labelled."""
        return self.labels[0] if self.labels else None

    @property
    def drawn(self) -> LabelType | None:
        """Return the type of labels that have shapes, and a VOC file for each sample; None if labels have none."""
        return next((kind for kind in self.labels if kind in DRAWN), None)

    def holds(self, name: str) -> bool:
        """Return True if a file of this name or path can contain samples; masks of pictures do not."""
        if self.extensions and not name.lower().endswith(self.extensions):
            return False
        return LabelType.IMAGE_SEGMENTATION not in self.labels or f"/{MASK_FOLDER}/" not in f"/{name}"


_D, _L, _S, _T = DatasetType, LabelType, SampleType, DatasetTypeTraits

_IMAGE, _TEXT, _AUDIO = "Image", "Text", "Audio"
DATASET_TYPES: dict[DatasetType, DatasetTypeTraits] = {
    _D.IMAGE_CLASSIFICATION: _T(
        _S.IMAGE,
        "file",
        IMAGES,
        (_L.IMAGE_CLASSIFICATION,),
        splits=True,
        exports=True,
        tags=(_IMAGE, "Image classification"),
    ),
    _D.OBJECT_DETECTION: _T(
        _S.IMAGE, "file", IMAGES, (_L.OBJECT_DETECTION,), splits=True, exports=True, tags=(_IMAGE, "Object detection")
    ),
    _D.IMAGE_SEGMENTATION: _T(
        _S.IMAGE, "file", IMAGES, (_L.IMAGE_SEGMENTATION,), exports=True, tags=(_IMAGE, "Image segmentation")
    ),
    _D.TEXT_CLASSIFICATION: _T(
        _S.TEXT, "line", TEXTS, (_L.TEXT_CLASSIFICATION,), splits=True, tags=(_TEXT, "Text classification")
    ),
    _D.NAMED_ENTITY: _T(_S.TEXT, "line", TEXTS, (_L.NAMED_ENTITY,), tags=(_TEXT, "Named entity recognition")),
    _D.TEXT_TRIPLET: _T(_S.TEXT, "line", TEXTS, (_L.TRIPLET_ENTITY, _L.TRIPLET_RELATION), tags=(_TEXT, "Text triplet")),
    _D.SOUND_CLASSIFICATION: _T(
        _S.AUDIO, "file", (".wav",), (_L.SOUND_CLASSIFICATION,), splits=True, tags=(_AUDIO, "Sound classification")
    ),
    _D.SPEECH_CONTENT: _T(_S.AUDIO, "file", (".wav",), (_L.SPEECH_CONTENT,), tags=(_AUDIO, "Speech labeling")),
    _D.SPEECH_PARAGRAPH: _T(
        _S.AUDIO, "file", (".wav",), (_L.SPEECH_PARAGRAPH,), tags=(_AUDIO, "Speech paragraph labeling")
    ),
    _D.TABLE: _T(_S.TABLE, "row", (".csv",), tags=("Table",)),
    _D.VIDEO: _T(_S.VIDEO, "file", (".mp4",), (_L.VIDEO,), tags=("Video", "Video labeling")),
    _D.FREE_FORMAT: _T(_S.FREE_FORMAT, "file", (), exports=True, tags=("Free format",)),
}
