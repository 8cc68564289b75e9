"""The error catalogue: one row per error of the public error table. Raise ``ApiError(ROW, detail)``.

The body of every error answer is ``{"error_code": …, "error_msg": …}``.
Reference: ``api-ref/source/common_parameters/error_codes.rst``.
"""

from __future__ import annotations

from typing import NamedTuple

from modelarts_emulator.exceptions import EmulatorError


class Error(NamedTuple):
    """A row of the catalogue: HTTP status, code and message."""

    status: int
    code: str
    message: str


class ApiError(EmulatorError):
    """A documented error; nothing was changed. ``detail`` names the field, path or id, and the reason."""

    def __init__(self, error: Error, detail: str = "") -> None:
        super().__init__(f"{error.code} {error.message} {detail}".rstrip())
        self.error = error
        self.detail = detail

    @property
    def message(self) -> str:
        """Return the text of ``error_msg``: the row's message, and the detail."""
        return f"{self.error.message.rstrip('.')}: {self.detail}" if self.detail else self.error.message


RETRY_AFTER_S = 1
"""Seconds after which a client may repeat a request that was answered with status 503."""

# The request itself
NOT_FOUND = Error(404, "ModelArts.0015", "The resource you requested is not exist")
METHOD_NOT_ALLOWED = Error(405, "ModelArts.0101", "Invalid Argument.")
TOO_LARGE = Error(413, "ModelArts.0101", "Invalid Argument.")
PARAMETER_ERROR = Error(400, "ModelArts.0104", "Parameter error.")
PARAMETER_INVALID = Error(400, "ModelArts.4396", "Parameter is invalid")
INTERNAL_ERROR = Error(500, "ModelArts.0010", "Internal error.")
UNAVAILABLE = Error(503, "ModelArts.0010", "Internal error.")

# Access
INVALID_TOKEN = Error(401, "ModelArts.6620", "Please refresh the user token.")
INVALID_SIGNATURE = Error(403, "ModelArts.0206", "Invalid AK/SK.")
PROJECT_MISMATCH = Error(403, "ModelArts.0210", "The project id in the request URL does not match the token.")
FORBIDDEN = Error(403, "ModelArts.0108", "You are not authorized to perform the operation.")

# Paths
PATH_IS_BUCKET = Error(400, "ModelArts.4205", "A subdirectory must be specified as the dataset input or output path.")
BUCKET_NOT_FOUND = Error(400, "ModelArts.4311", "OBS bucket does not exist")
PATH_NOT_FOUND = Error(400, "ModelArts.4312", "OBS path does not exist")
PATH_INVALID = Error(400, "ModelArts.4313", "OBS path is invalid")
OBS_ERROR = Error(400, "ModelArts.4314", "Obs error")
NO_VALID_FILE = Error(400, "ModelArts.4340", "Import path does not contain valid file")
FILE_NOT_FOUND = Error(400, "ModelArts.4345", "File not found")
WORK_PATH_TOO_LONG = Error(400, "ModelArts.4350", "The work_path is too long, please select shorter folder")
FILE_TOO_LARGE = Error(403, "ModelArts.4419", "File is too large")

# Datasets
DATASET_EXISTS = Error(400, "ModelArts.4351", "Dataset already exists")
DATASET_NOT_FOUND = Error(400, "ModelArts.4352", "Dataset does not exist")
UNSUPPORTED_TYPE = Error(501, "ModelArts.4383", "Unsupported operation, dataset type is not supported")
TYPE_MISMATCH = Error(400, "ModelArts.4399", "Type match error")
NO_TABLE_SCHEMA = Error(400, "ModelArts.4400", "Can not get table schema")

# Tasks
PUBLISHING = Error(400, "ModelArts.4343", "Dataset is publishing, the operation is forbidden")
SWITCHING = Error(400, "ModelArts.4349", "Dataset is switching version, the operation is forbidden")
SYNC_RUNNING = Error(400, "ModelArts.4355", "Sync data source task exist")
IMPORT_RUNNING = Error(400, "ModelArts.4356", "Dataset already has running import task")
INVALID_EXPORT_PATH = Error(400, "ModelArts.4358", "Invalid export path")
EXPORT_NOT_FOUND = Error(400, "ModelArts.4359", "Export task does not exist")
SYNC_FAILED = Error(500, "ModelArts.4360", "Sync data source error")
IMPORT_FAILED = Error(400, "ModelArts.4362", "Import data error")
PUBLISHING_ANNOTATION = Error(400, "ModelArts.4381", "Dataset is publishing, annotation is forbidden")
INVALID_EXPORT_PARAMETER = Error(400, "ModelArts.4384", "Invalid export parameter")
TASK_FAILED = Error(400, "ModelArts.4392", "Task failed")
EXPORT_FILE_ERROR = Error(400, "ModelArts.4710", "Dataset export file error")

# Labels
LABEL_NOT_FOUND = Error(400, "ModelArts.4410", "Label not found")
LABEL_EXISTS = Error(400, "ModelArts.4411", "Label already exists")
SHORTCUT_EXISTS = Error(400, "ModelArts.4412", "Label shortcut already exists")
LABEL_INCOMPATIBLE = Error(400, "ModelArts.4413", "Label is incompatible with annotation rules")
TRIPLET_ENTITY_NOT_FOUND = Error(400, "ModelArts.4414", "Triplet label's from_entity or to_entity does not exist")
MASK_GRAY_VALUE_EXISTS = Error(400, "ModelArts.4418", "Label property mask_gray_value already exists")
MASK_GRAY_VALUE_DIFFERS = Error(
    400, "ModelArts.4425", "Label property mask_gray_value is incompatible with defined value"
)
ENTITY_IN_USE = Error(400, "ModelArts.4415", "Entity label can not be deleted because it is used by triplet label")

# Samples
SAMPLE_NOT_FOUND = Error(400, "ModelArts.4420", "Sample not found")
UPLOAD_FAILED = Error(400, "ModelArts.4421", "Upload sample failed")
SAMPLE_EXISTS = Error(400, "ModelArts.4422", "Sample already exists")
SIZE_UNKNOWN = Error(400, "ModelArts.4423", "Get sample size failed, please input size manually")

# Versions
VERSION_NOT_FOUND = Error(400, "ModelArts.4353", "Dataset version does not exist")
VERSION_EXISTS = Error(400, "ModelArts.4371", "Dataset version already exists")
SPLIT_RULES = Error(
    400,
    "ModelArts.4711",
    "Publishing requires splitting but annotated samples do not satisfied for splitting rules",
)
PUBLISH_FAILED = Error(400, "ModelArts.4712", "Dataset publish version failed")
VERSION_NOT_NORMAL = Error(400, "ModelArts.4824", "Dataset version status must be normal")

# Team labelling
QUOTA_EXCEEDED = Error(500, "ModelArts.4354", "Insufficient quota")
WORKER_FORBIDDEN = Error(403, "ModelArts.4600", "The worker action is forbidden")
TEAM_NOT_FOUND = Error(400, "ModelArts.4601", "The workforce does not exist")
TEAM_EXISTS = Error(400, "ModelArts.4602", "The workforce already exists")
WORKER_NOT_FOUND = Error(400, "ModelArts.4604", "The worker does not exist")
WORKER_EXISTS = Error(400, "ModelArts.4605", "The worker already exists")
ACCEPTANCE_NOT_FOUND = Error(400, "ModelArts.4612", "Task not found")
NOTHING_TO_ACCEPT = Error(403, "ModelArts.4613", "Task not finish")
TEAM_TASK_UNFINISHED = Error(400, "ModelArts.4615", "Workforce task is unfinished")
MANAGER_COUNT = Error(400, "ModelArts.4617", "The number of manager should be one")
TEAM_TASK_NOT_FOUND = Error(400, "ModelArts.4619", "Workforce task does not exist")
TEAM_TASK_EXISTS = Error(400, "ModelArts.4620", "The workforce task already exists")
TEAM_TASK_CHECKING = Error(400, "ModelArts.4623", "Workforce task is checking")
WORKER_HAS_TASK = Error(400, "ModelArts.4628", "Can not delete worker who has task")
TOO_FEW_LABELERS = Error(400, "ModelArts.4822", "The number of labelers must exceed 1")

# Intelligent tasks
AUTO_LABEL_EXISTS = Error(501, "ModelArts.4386", "Auto labeling task exist")
PRE_LABEL_EXISTS = Error(501, "ModelArts.4387", "Pre-label task exist")
TASK_STOPPED = Error(400, "ModelArts.4393", "Task stopped")
NO_LABELS = Error(400, "ModelArts.4405", "Dataset must contains labels to start automation labeling")
TOO_FEW_IMAGES = Error(
    400, "ModelArts.4406", "Dataset must contains labels with at least five images to start automation labeling"
)
NO_UNLABELLED_FILES = Error(400, "ModelArts.4407", "Dataset must contains unlabeled files")
NOT_ONLY_BOXES = Error(400, "ModelArts.4408", "Dataset contains labels shape not bndbox")
CLUSTERS_INVALID = Error(400, "ModelArts.4622", "Invalid n_clusters, should less than the total number of samples")
INTELLIGENT_TASK_NOT_FOUND = Error(400, "ModelArts.4700", "Task does not exist")

NAMES: dict[Error, str] = {row: name for name, row in list(vars().items()) if isinstance(row, Error)}
"""Name of each row, such as ``DATASET_NOT_FOUND``."""

_BY_NAME_OR_CODE: dict[str, Error] = {}
for _row, _name in NAMES.items():
    _BY_NAME_OR_CODE.setdefault(_row.code, _row)  # the first of several errors with one code
    _BY_NAME_OR_CODE[_name] = _row


def find_error(name_or_code: str) -> Error | None:
    """Return the error called ``DATASET_NOT_FOUND`` or coded ``ModelArts.4352``; None if there is none."""
    return _BY_NAME_OR_CODE.get(name_or_code)
