"""The entrance to the service: everything that the operations do, by family."""

from __future__ import annotations

import msgspec

from modelarts_emulator.runtime import Runtime
from modelarts_emulator.service.datasets import DatasetManagement
from modelarts_emulator.service.exports import ExportManagement
from modelarts_emulator.service.imports import ImportManagement
from modelarts_emulator.service.intelligent_tasks import IntelligentTaskManagement
from modelarts_emulator.service.labels import LabelManagement
from modelarts_emulator.service.samples import SampleManagement
from modelarts_emulator.service.synchronization import SynchronizationManagement
from modelarts_emulator.service.team_acceptance import AcceptanceManagement
from modelarts_emulator.service.team_samples import TeamSampleManagement
from modelarts_emulator.service.team_tasks import TeamTaskManagement
from modelarts_emulator.service.teams import TeamManagement
from modelarts_emulator.service.versions import VersionManagement
from modelarts_emulator.util.lru import Lru

MAX_ANSWER_VARIANTS = 4
"""For how many variants of a sample list (base URL, language, image size) encoded samples are cached."""


class DatasetService:
    """The datasets of a running emulator: one attribute for each family of operations.

    Methods take and return typed values, never HTTP requests; they raise ApiError with a row of the error catalogue.

    Example::

        service = DatasetService(runtime)
        service.labels.create(project_id, dataset_id, [Label(name="cat")])
    """

    def __init__(self, runtime: Runtime) -> None:
        self.clock, self.signer = runtime.clock, runtime.signer
        self.answer_cache: Lru[Lru[msgspec.Raw]] = Lru(MAX_ANSWER_VARIANTS)
        """Encoded samples as operations have answered with them, by variant of the answer and by stored document."""
        self.synchronization = SynchronizationManagement(runtime)
        self.samples = SampleManagement(runtime)
        self.labels = LabelManagement(runtime)
        self.imports = ImportManagement(runtime)
        self.versions = VersionManagement(runtime)
        self.team_tasks = TeamTaskManagement(runtime)
        self.datasets = DatasetManagement(runtime, self.synchronization, self.imports, self.versions, self.team_tasks)
        self.exports = ExportManagement(runtime, self.datasets, self.versions)
        self.teams = TeamManagement(runtime)
        self.intelligent_tasks = IntelligentTaskManagement(runtime)
        self.team_samples = TeamSampleManagement(runtime, self.team_tasks)
        self.team_acceptance = AcceptanceManagement(runtime, self.team_tasks)
