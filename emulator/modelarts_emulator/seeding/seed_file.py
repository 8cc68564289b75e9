"""A seed file describes datasets in YAML or JSON. It is checked completely before anything is created.

Paths of files are relative to the seed file; ``/bucket/key/`` is a path in the object tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelarts_emulator.contract.invalid_member import invalid_member
from modelarts_emulator.contract.wire import (
    DatasetName,
    DatasetType,
    Description,
    Shape,
    Usage,
    VersionDescription,
    VersionName,
)
from modelarts_emulator.exceptions import UsageError

MAX_BYTES = 16 << 20
TYPES = {kind.name.lower(): kind for kind in DatasetType}
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")

TypeName = Literal[
    "image_classification",
    "object_detection",
    "image_segmentation",
    "text_classification",
    "named_entity",
    "text_triplet",
    "sound_classification",
    "speech_content",
    "speech_paragraph",
    "table",
    "video",
    "free_format",
]
Place = Annotated[str, Meta(pattern=r"^(/|obs://)[a-z0-9.-]{3,63}/.+")]
Text = Annotated[str, Meta(min_length=1)]
Point = Annotated[list[float], Meta(min_length=2, max_length=2)]


class _Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A struct that refuses unknown members."""


class SeedLabel(_Strict):
    """A label of a dataset; ``property`` has further members in the form of the API."""

    name: Text
    color: Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    shortcut: str | None = None
    shape: Shape | None = None
    property: dict[str, Any] = {}
    type: int | None = None

    def wire(self) -> dict[str, Any]:
        """Return it in the form of the API."""
        known = {"color": self.color, "shortcut": self.shortcut, "default_shape": self.shape and self.shape.value}
        property_ = {f"@modelarts:{name}": value for name, value in known.items() if value is not None}
        return _without_none({"name": self.name, "type": self.type, "property": {**property_, **self.property} or None})


class SeedAnnotation(_Strict):
    """A label of a sample: of all of it, of a ``box`` or ``polygon``, or of the text from ``start`` to ``end``."""

    name: str | None = None
    box: Annotated[list[float], Meta(min_length=4, max_length=4)] | None = None
    polygon: Annotated[list[Point], Meta(min_length=3)] | None = None
    start: int | None = None
    end: int | None = None
    property: dict[str, Any] = {}
    type: int | None = None
    id: str | None = None

    def wire(self) -> dict[str, Any]:
        """Return it in the form of the API."""
        property_: dict[str, Any] = {}
        if self.box:
            left, top, right, bottom = self.box
            property_ = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[left, top], [right, bottom]]}
        elif self.polygon:
            property_ = {"@modelarts:shape": "polygon", "@modelarts:feature": self.polygon}
        for name, value in (("start_index", self.start), ("end_index", self.end)):
            if value is not None:
                property_[f"@modelarts:{name}"] = value
        property_ |= self.property
        return _without_none({"name": self.name, "type": self.type, "id": self.id, "property": property_ or None})


class SeedSample(_Strict):
    """A sample with its labels: a file, by its name below the dataset's input, or a text, for which a file is made."""

    file: Text | None = None
    text: Annotated[str, Meta(pattern=r"^[^\n\r]+\Z")] | None = None
    labels: list[Text | SeedAnnotation] = []
    hard: bool | list[Annotated[int, Meta(ge=0)]] = False
    """True for a hard example, or the numbers of its reasons."""
    usage: Usage | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (self.text is None):
            raise ValueError("a sample is either a `file` or a `text`")

    @property
    def key(self) -> str:
        """Its file name below the input, or its text."""
        return self.file if self.file is not None else str(self.text)

    def wire(self) -> dict[str, Any]:
        """Return the sample's changes in the form of the API, without its id."""
        marks = [{"name": label} if isinstance(label, str) else label.wire() for label in self.labels]
        changes: dict[str, Any] = {"labels": marks, "sample_usage": self.usage.value if self.usage else None}
        reasons = {"@modelarts:hard_reasons": self.hard} if isinstance(self.hard, list) else {}
        return _without_none({**changes, "metadata": {"@modelarts:hard": 1.0, **reasons} if self.hard else None})


class SeedVersion(_Strict):
    """A version to publish."""

    name: VersionName | None = None
    description: VersionDescription | None = None
    format: Literal["Default", "CarbonData", "CSV"] | None = None
    train_evaluate_ratio: str | None = None
    keep_hard: bool = False
    samples: list[SeedSample] = []
    """Changes of samples to make before this version is published."""

    def wire(self) -> dict[str, Any]:
        """Return it in the form of the API."""
        return _without_none(
            {
                "version_name": self.name,
                "description": self.description,
                "version_format": self.format,
                "train_evaluate_sample_ratio": self.train_evaluate_ratio,
                "remove_sample_usage": False if self.train_evaluate_ratio else None,
                "clear_hard_property": False if self.keep_hard else None,
            }
        )


class SeedDataset(_Strict):
    """A dataset: the sources and the object paths of its files, its labels, samples and versions."""

    name: DatasetName
    type: TypeName | int | None = None
    """Without it, the files determine the type."""
    description: Description = ""
    files: list[Text] | Text = []
    """Files, and folders with all their files, that are copied to ``input``."""
    input: Place | None = None
    output: Place | None = None
    import_: bool = msgspec.field(default=True, name="import")
    """Whether label files beside the files are imported as well."""
    manifest: Text | None = None
    """A manifest whose samples and annotations are imported."""
    labels: list[Text | SeedLabel] = []
    samples: list[SeedSample] = []
    versions: list[VersionName | SeedVersion] = []

    def __post_init__(self) -> None:
        if isinstance(self.type, int) and self.type not in set(DatasetType):
            raise ValueError(f"{self.type} is not a dataset type; types: {', '.join(TYPES)}")

    @property
    def dataset_type(self) -> DatasetType | None:
        """The declared type; None if there is none."""
        if self.type is None:
            return None
        return TYPES[self.type] if isinstance(self.type, str) else DatasetType(self.type)


class SeedFile(_Strict):
    """The root of a seed file."""

    datasets: Annotated[list[SeedDataset], Meta(min_length=1)]
    project: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None

    def __post_init__(self) -> None:
        names = [dataset.name for dataset in self.datasets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two datasets have the name {twice[0]!r}")


def read_seed_file(path: Path) -> SeedFile:
    """Read a seed file. Raises UsageError, which names the line and the invalid member."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: a seed file has at most {MAX_BYTES} bytes")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: a seed file must be UTF-8") from None
    document, lines = _json(path, text) if path.suffix == ".json" else _yaml(path, text)
    try:
        return msgspec.convert(document, SeedFile)
    except msgspec.ValidationError as error:
        where, why = invalid_member(error)
        line = lines.line(where)
        raise UsageError(f"{path}{f', line {line}' if line else ''}: {where or 'the document'}: {why}") from None


class _Lines:
    """Finds the line of a member, if it is known."""

    def __init__(self, root: Any = None) -> None:
        self._root = root

    def line(self, where: str) -> int | None:
        """Return the line of a member such as ``datasets[0].name``, or of its last parent that exists."""
        node = self._root
        if node is None:
            return None
        for key, index in _STEP.findall(f".{where}" if where else ""):
            found = _member(node, key, index)
            if found is None:
                break
            node = found
        return int(node.start_mark.line) + 1


def _member(node: Any, key: str, index: str) -> Any:
    """Return the value of a mapping's key, or an item of a sequence; None if there is none."""
    import yaml  # noqa: PLC0415

    if key and isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if index.isdigit() and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        return node.value[int(index)]
    return None


def _yaml(path: Path, text: str) -> tuple[Any, _Lines]:
    import yaml  # noqa: PLC0415  (only a seed file in YAML needs it)

    try:
        return yaml.safe_load(text), _Lines(yaml.compose(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line}: invalid YAML: {getattr(error, 'problem', None) or error}") from None
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{path}: invalid YAML: {error}") from None


def _json(path: Path, text: str) -> tuple[Any, _Lines]:
    try:
        return json.loads(text), _Lines()
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: invalid JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{path}: invalid JSON: {error}") from None


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def names(files: list[str] | str) -> Iterator[str]:
    """Yield the files of a dataset, given as one or several."""
    yield from [files] if isinstance(files, str) else files
