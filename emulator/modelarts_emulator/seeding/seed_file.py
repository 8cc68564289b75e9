"""A description of datasets, in YAML or JSON: what is to be there, checked before anything is made.

Paths of files are relative to the description; ``/bucket/key/`` is a place in the object tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

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
_AT = re.compile(r"^(?P<why>.*) - at `(?P<where>.+)`$", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")

TypeName = Literal[
    "image_classification",
    "object_detection",
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


class _Known(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What has no other members than these."""


class SeedLabel(_Known):
    """A label of a dataset; ``property`` has further members as the API has them."""

    name: Text
    color: Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    shortcut: str | None = None
    shape: Shape | None = None
    property: dict[str, Any] = {}
    type: int | None = None

    def wire(self) -> dict[str, Any]:
        """As the API has it."""
        known = {"color": self.color, "shortcut": self.shortcut, "default_shape": self.shape and self.shape.value}
        property_ = {f"@modelarts:{name}": value for name, value in known.items() if value is not None}
        return _without_none({"name": self.name, "type": self.type, "property": {**property_, **self.property} or None})


class SeedAnnotation(_Known):
    """A label on a sample: on all of it, a ``box`` of two corners, a ``polygon``, or a part of a text by its ends."""

    name: str | None = None
    box: Annotated[list[float], Meta(min_length=4, max_length=4)] | None = None
    polygon: Annotated[list[Point], Meta(min_length=3)] | None = None
    start: int | None = None
    end: int | None = None
    property: dict[str, Any] = {}
    type: int | None = None
    id: str | None = None

    def wire(self) -> dict[str, Any]:
        """As the API has it."""
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


class SeedSample(_Known):
    """A sample with its labels: a file by its name below the dataset's input, or a text, whose file is made."""

    file: Text | None = None
    text: Annotated[str, Meta(pattern=r"^[^\n\r]+\Z")] | None = None
    labels: list[Text | SeedAnnotation] = []
    hard: bool | list[Annotated[int, Meta(ge=0)]] = False
    """Whether it is a hard example, or for which reasons, by their numbers."""
    usage: Usage | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (self.text is None):
            raise ValueError("a sample is either a `file` or a `text`")

    @property
    def key(self) -> str:
        """By what it is found: its file's name below the input, or its text."""
        return self.file if self.file is not None else str(self.text)

    def wire(self) -> dict[str, Any]:
        """What changes it, as the API has it."""
        marks = [{"name": label} if isinstance(label, str) else label.wire() for label in self.labels]
        changes: dict[str, Any] = {"labels": marks, "sample_usage": self.usage.value if self.usage else None}
        reasons = {"@modelarts:hard_reasons": self.hard} if isinstance(self.hard, list) else {}
        return _without_none({**changes, "metadata": {"@modelarts:hard": 1.0, **reasons} if self.hard else None})


class SeedVersion(_Known):
    """A version to publish."""

    name: VersionName | None = None
    description: VersionDescription | None = None
    format: Literal["Default", "CarbonData", "CSV"] | None = None
    train_evaluate_ratio: str | None = None
    keep_hard: bool = False
    samples: list[SeedSample] = []
    """Changed after the version before this one, and before this one."""

    def wire(self) -> dict[str, Any]:
        """As the API has it."""
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


class SeedDataset(_Known):
    """A dataset: where its files come from and go to, and what is known of them."""

    name: DatasetName
    type: TypeName | int | None = None
    """Without it, the files tell."""
    description: Description = ""
    files: list[Text] | Text = []
    """Files, and folders with all that is in them, that are copied to ``input``."""
    input: Place | None = None
    output: Place | None = None
    import_: bool = msgspec.field(default=True, name="import")
    """Whether label information that lies beside the files is taken along."""
    manifest: Text | None = None
    """A manifest whose samples and annotations are brought in."""
    labels: list[Text | SeedLabel] = []
    samples: list[SeedSample] = []
    versions: list[VersionName | SeedVersion] = []

    def __post_init__(self) -> None:
        if isinstance(self.type, int) and self.type not in set(DatasetType):
            raise ValueError(f"{self.type} is no dataset type; there are {', '.join(TYPES)}")

    @property
    def dataset_type(self) -> DatasetType | None:
        """The type that it says."""
        if self.type is None:
            return None
        return TYPES[self.type] if isinstance(self.type, str) else DatasetType(self.type)


class SeedFile(_Known):
    """All of a description."""

    datasets: Annotated[list[SeedDataset], Meta(min_length=1)]
    project: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None

    def __post_init__(self) -> None:
        names = [dataset.name for dataset in self.datasets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two datasets are called {twice[0]!r}")


def read_seed_file(path: Path) -> SeedFile:
    """Read a description. Raises UsageError, which names the line and the member that is wrong."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: a description has at most {MAX_BYTES} bytes")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: a description is a text in UTF-8") from None
    document, lines = _json(path, text) if path.suffix == ".json" else _yaml(path, text)
    try:
        return msgspec.convert(document, SeedFile)
    except msgspec.ValidationError as error:
        where, why = _place(str(error))
        line = lines.line(where)
        raise UsageError(f"{path}{f', line {line}' if line else ''}: {where or 'the description'}: {why}") from None


class _Lines:
    """On which line a member stands, where that is known."""

    def __init__(self, root: Any = None) -> None:
        self._root = root

    def line(self, where: str) -> int | None:
        """The line of ``datasets[0].name``, or of the last member on the way that is there."""
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
    """A node's member; of a mapping the key, so that its line is told where the value begins on the next."""
    import yaml  # noqa: PLC0415

    if key and isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if index.isdigit() and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        return node.value[int(index)]
    return None


def _yaml(path: Path, text: str) -> tuple[Any, _Lines]:
    import yaml  # noqa: PLC0415  (only a description in YAML needs it)

    try:
        return yaml.safe_load(text), _Lines(yaml.compose(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line}: no YAML: {getattr(error, 'problem', None) or error}") from None
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{path}: no YAML that can be read: {error}") from None


def _json(path: Path, text: str) -> tuple[Any, _Lines]:
    try:
        return json.loads(text), _Lines()
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{path}: no JSON that can be read: {error}") from None


def _place(text: str) -> tuple[str, str]:
    """Where and why, of what msgspec says."""
    found = _AT.match(text)
    if not found:
        return "", text
    return found["where"].removeprefix("$").lstrip("."), found["why"]


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def names(files: list[str] | str) -> Iterator[str]:
    """The files of a dataset, one or several."""
    yield from [files] if isinstance(files, str) else files
