"""Wire types of the sources family."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.wire import Separator, Wire


class SchemaMap(Wire, kw_only=True):
    """SchemaMap."""

    dest_name: str | None = None
    src_name: str | None = None


class SourceInfo(Wire, kw_only=True):
    """SourceInfo."""

    cluster_id: str | None = None
    cluster_mode: Literal["0", "1"] | None = None
    cluster_name: str | None = None
    database_name: str | None = None
    input: str | None = None
    ip: str | None = None
    port: str | None = None
    queue_name: str | None = None
    subnet_id: str | None = None
    table_name: str | None = None
    user_name: str | None = None
    user_password: str | None = None
    vpc_id: str | None = None


class DataSource(Wire, kw_only=True):
    """DataSource."""

    data_path: str | None = None
    data_type: Literal[0, 1, 2, 3, 4, 5, 6] | None = None
    schema_maps: list[SchemaMap] | None = None
    source_info: SourceInfo | None = None
    with_column_header: bool | None = None


class LabelFormat(Wire, kw_only=True):
    """LabelFormat."""

    label_type: Literal["0", "1"] | None = None
    text_label_separator: Separator | None = None
    text_sample_separator: Separator | None = None
