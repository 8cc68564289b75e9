"""The parts of wire types: the base struct, the enumerations, the constrained strings and numbers.

Requests are decoded leniently (``"0"`` for an integer, ``"true"`` for a boolean), as by the service; unknown members
are dropped and reported (``lenient_decoding``). An optional member that is absent or ``null`` is ``None``, and ``None``
is left out when encoded. Times are milliseconds since the epoch. Each field is described by the docstring below it,
which OpenAPI shows.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta


def prefixed(name: str) -> str:
    """Return the wire name: ``@modelarts:color`` for ``color``, and ``@modelarts:from`` for ``from_``."""
    return "@modelarts:" + name.rstrip("_")


class Wire(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Base of every request and response type. ``None`` means absent."""


class DatasetType(IntEnum):
    """Content of a dataset and how it is labelled."""

    IMAGE_CLASSIFICATION = 0
    OBJECT_DETECTION = 1
    IMAGE_SEGMENTATION = 3
    TEXT_CLASSIFICATION = 100
    NAMED_ENTITY = 101
    TEXT_TRIPLET = 102
    SOUND_CLASSIFICATION = 200
    SPEECH_CONTENT = 201
    SPEECH_PARAGRAPH = 202
    TABLE = 400
    VIDEO = 600
    FREE_FORMAT = 900


class LabelType(IntEnum):
    """The type of a label; triplet datasets have two, relations (102) and entities (103)."""

    IMAGE_CLASSIFICATION = 0
    OBJECT_DETECTION = 1
    IMAGE_SEGMENTATION = 3
    TEXT_CLASSIFICATION = 100
    NAMED_ENTITY = 101
    TRIPLET_RELATION = 102
    TRIPLET_ENTITY = 103
    SOUND_CLASSIFICATION = 200
    SPEECH_CONTENT = 201
    SPEECH_PARAGRAPH = 202
    VIDEO = 600


class SampleType(IntEnum):
    """Kind of a sample. As a filter, 9 (the default) selects every kind."""

    IMAGE = 0
    TEXT = 1
    AUDIO = 2
    TABLE = 4
    VIDEO = 6
    FREE_FORMAT = 9


class DatasetStatus(IntEnum):
    """State of a dataset; clients wait for ``NORMAL``."""

    CREATING = 0
    NORMAL = 1
    DELETING = 2
    DELETED = 3
    ABNORMAL = 4
    SYNCHRONIZING = 5
    PUBLISHING = 6
    SWITCHING = 7
    IMPORTING = 8


class VersionStatus(IntEnum):
    """State of a version; ``RUNNING`` means published."""

    CREATING = 0
    RUNNING = 1
    DELETING = 2
    DELETED = 3
    ERROR = 4


class RunningTaskType(IntEnum):
    """Kind of running task that ``check_running_task`` asks for."""

    AUTO_LABELING = 0
    PRE_LABELING = 1
    EXPORT = 2
    VERSION_SWITCH = 3
    MANIFEST_EXPORT = 4
    MANIFEST_IMPORT = 5
    PUBLISH = 6
    AUTO_GROUPING = 7
    DEPLOY = 10


class SampleState(str, Enum):
    """State of samples, as a filter; the states of team tasks select nothing without a team task.

    Also accepted without the underscores, and in lower case. The empty text selects all samples, as no state does.
    """

    ANY = ""
    ALL = "__ALL__"
    NONE = "__NONE__"
    UNCHECK = "__UNCHECK__"
    ACCEPTED = "__ACCEPTED__"
    REJECTED = "__REJECTED__"
    UNREVIEWED = "__UNREVIEWED__"
    REVIEWED = "__REVIEWED__"
    WORKFORCE_SAMPLED = "__WORKFORCE_SAMPLED__"
    WORKFORCE_SAMPLED_UNCHECK = "__WORKFORCE_SAMPLED_UNCHECK__"
    WORKFORCE_SAMPLED_CHECKED = "__WORKFORCE_SAMPLED_CHECKED__"
    WORKFORCE_SAMPLED_ACCEPTED = "__WORKFORCE_SAMPLED_ACCEPTED__"
    WORKFORCE_SAMPLED_REJECTED = "__WORKFORCE_SAMPLED_REJECTED__"
    AUTO_ANNOTATION = "__AUTO_ANNOTATION__"

    @classmethod
    def _missing_(cls, value: object) -> SampleState | None:
        """Return the state of a text in another spelling, such as ``ALL`` or ``__all__``."""
        return cls.__members__.get(value.strip("_").upper()) if isinstance(value, str) else None


class SampleStatus(str, Enum):
    """State of a sample in answers, with the values that recorded data of real clients show."""

    UN_ANNOTATION = "UN_ANNOTATION"
    MANUAL_ANNOTATION = "MANUAL_ANNOTATION"
    AUTO_ANNOTATION = "AUTO_ANNOTATION"


class TaskStatus(str, Enum):
    """States of a synchronization or import task."""

    QUEUING = "QUEUING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    NOT_EXIST = "NOT_EXIST"


class ExportStatus(str, Enum):
    """States of an export task, in the service's spelling."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    SUCCESSED = "SUCCESSED"


class Shape(str, Enum):
    """Shapes of object detection."""

    BNDBOX = "bndbox"
    POLYGON = "polygon"
    CIRCLE = "circle"
    LINE = "line"
    DASHED = "dashed"
    POINT = "point"
    POLYLINE = "polyline"


class VersionFormat(str, Enum):
    """Format of a published version."""

    DEFAULT = "Default"
    CARBON_DATA = "CarbonData"
    CSV = "CSV"


class Usage(str, Enum):
    """Split that a sample belongs to."""

    TRAIN = "TRAIN"
    EVAL = "EVAL"
    TEST = "TEST"
    INFERENCE = "INFERENCE"


class Order(str, Enum):
    """Sorting order of a list."""

    ASC = "asc"
    DESC = "desc"


class SortBy(str, Enum):
    """Member that a list of datasets is sorted by."""

    CREATE_TIME = "create_time"
    DATASET_NAME = "dataset_name"


class Operator(str, Enum):
    """Combination of several search members."""

    AND = "AND"
    OR = "OR"


class Locale(str, Enum):
    """Language of explanations in an answer."""

    EN = "en-us"
    ZH = "zh-cn"


# Counts are 32-bit and times 64-bit on the wire: a typed client must be able to decode values that are sent back.
Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Long = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

Limit = Annotated[int, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]
VersionLimit = Annotated[int, Meta(ge=1, le=1000)]
LabelLimit = Annotated[int, Meta(ge=1, le=100_000)]
Repetition = Annotated[int, Meta(ge=1, le=2**31 - 1)]

TaskLimit = Annotated[int, Meta(ge=1, le=1000)]

DatasetName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+\Z")]
VersionName = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9_-]+\Z")]
TaskName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
TeamName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
Comment = Annotated[str, Meta(max_length=256, pattern=r"""^[^!<>=&"']*\Z""")]
Description = Annotated[str, Meta(max_length=256, pattern=r"""^[^\^!<>=&"']*\Z""")]
# The newest page allows the apostrophe here.
ChangedDescription = Annotated[str, Meta(max_length=256, pattern=r"""^[^\^!<>=&"]*\Z""")]
AttributeName = Annotated[str, Meta(max_length=64, pattern=r"""^[^!<>=&"']*\Z""")]
VersionDescription = Annotated[str, Meta(max_length=256, pattern=r"""^[^!<>=&"']*\Z""")]
WorkPath = Annotated[str, Meta(min_length=3, max_length=700)]
SampleName = Annotated[str, Meta(max_length=1024, pattern=r"""^[^!<>=&"']*\Z""")]
# One character, which may be escaped with a backslash.
Separator = Annotated[str, Meta(max_length=2, pattern=r"^(\\.|.)?\Z")]
