"""Describe stored samples as the API answers with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from modelarts_emulator.contract.samples import DescribeSampleResp
from modelarts_emulator.contract.wire import Locale, SampleType
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.worker_answers import as_worker
from modelarts_emulator.samples.changes import IMPORT_ORIGIN, SIZE
from modelarts_emulator.samples.hard_examples import HARD_REASONS, hard_details
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import SampleRecord, decode_sample
from modelarts_emulator.store.team_records import TaskMember
from modelarts_emulator.util.lru import Lru

MAX_CACHED_ANSWERS = 10_000
"""The number of encoded samples that are cached for each variant of the answer: about 5 MB."""
NO_LABELERS: Mapping[str, Sequence[TaskMember]] = {}
PREVIEW = "image/resize,m_lfit,h_200"
"""The image operation of a preview URL."""


def encoded_samples(
    service: DatasetService,
    context: RequestContext,
    documents: list[bytes],
    *,
    locale: Locale,
    process: str | None = None,
    preview: bool = False,
    labelers: Mapping[str, Sequence[TaskMember]] = NO_LABELERS,
) -> list[msgspec.Raw]:
    """Return stored documents as encoded answers; ``process`` is an image operation for each ``source``.

    ``labelers`` are the members of team labelling tasks to whom samples are allotted, by sample id.

    The answer for one document stays the same until its signed URL would expire later, so answers are cached. Callers
    page through the same samples again and again.
    """
    expires = service.signer.expires()
    variant = (context.base_url, locale, preview, process, expires)
    cache = service.answer_cache.get(variant, lambda: _new_cache(service, expires))

    def encode_all(missing: list[bytes]) -> list[msgspec.Raw]:
        found = []
        for document in missing:
            sample = decode_sample(document)
            answer = describe_sample_record(service, context, sample, process=process, locale=locale, expires=expires)
            if preview and sample.type is SampleType.IMAGE:
                answer.preview = signed_source(service, context, sample, PREVIEW)
            if sample.id in labelers:
                answer.labelers = [as_worker(member) for member in labelers[sample.id]]
            found.append(msgspec.Raw(msgspec.json.encode(answer)))
        return found

    # Allotment changes without a change of the document, so these answers are not cached.
    return encode_all(documents) if labelers else cache.get_all(documents, encode_all)


def describe_sample_record(
    service: DatasetService,
    context: RequestContext,
    sample: SampleRecord,
    *,
    process: str | None,
    locale: Locale,
    expires: int | None = None,
) -> DescribeSampleResp:
    """Return a sample as the API answers with it. ``expires`` is that of its signed URL, if known."""
    directory, _, name = sample.path.rpartition("/")
    metadata: dict[str, Any] = {IMPORT_ORIGIN: 0, **sample.metadata}
    if sample.shape:
        metadata[SIZE] = list(sample.shape)
    return DescribeSampleResp(
        sample_id=sample.id,
        sample_type=sample.type,
        sample_name=name,
        sample_dir=f"/{directory}/",
        sample_size=sample.size,
        sample_time=sample.time,
        sample_status=sample.status,
        sample_data=sample.cells,
        source=f"content://{sample.text}"
        if sample.text is not None
        else service.signer.sign(
            context.base_url,
            sample.path,
            process=process if sample.type is SampleType.IMAGE else None,
            expires=expires,
        ),
        labels=sample.labels,
        metadata=metadata,
        hard_details=hard_details(metadata, locale) if HARD_REASONS in metadata else None,
        annotated_by=sample.annotated_by,
        worker_id=sample.worker_id,
    )


def signed_source(
    service: DatasetService, context: RequestContext, sample: SampleRecord, process: str | None = None
) -> str:
    """Return a signed URL of a sample's object, or the text of a text sample as ``content://…``."""
    if sample.text is not None:
        return f"content://{sample.text}"
    process = process if sample.type is SampleType.IMAGE else None
    return service.signer.sign(context.base_url, sample.path, process=process)


def image_size(sample: SampleRecord) -> dict[str, int]:
    """Return ``width``, ``height`` and ``depth`` of an image; empty if they are not known."""
    return dict(zip(("width", "height", "depth"), sample.shape or (), strict=False))


def _new_cache(service: DatasetService, expires: int) -> Lru[msgspec.Raw]:
    """Return an empty cache, and drop those whose signed URLs expire sooner: they are not asked again."""
    service.answer_cache.discard(lambda variant: cast("tuple[object, ...]", variant)[-1] != expires)
    return Lru(MAX_CACHED_ANSWERS)
