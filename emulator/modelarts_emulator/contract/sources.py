"""Wire types that describe where data comes from: OBS paths, databases, column mappings, text separators."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.wire import Separator, Wire


class SchemaMap(Wire, kw_only=True):
    """A column of a table source and the column of the dataset that it fills."""

    dest_name: str | None = None
    """Column name in the dataset's schema."""
    src_name: str | None = None
    """Column name in the source file."""


class SourceInfo(Wire, kw_only=True):
    """Connection to a data warehouse or cluster; kept and returned, never connected to."""

    cluster_id: str | None = None
    """Id of the MRS cluster, with which the service finds the cluster."""
    cluster_mode: Literal["0", "1"] | None = None
    """Security of the MRS cluster: ``0`` normal, ``1`` with Kerberos authentication."""
    cluster_name: str | None = None
    """Name of the MRS or DWS cluster."""
    database_name: str | None = None
    """Database of a DLI, RDS or DWS source that holds the table."""
    input: str | None = None
    """HDFS path of the input in an MRS cluster."""
    ip: str | None = None
    """Host address of a DWS cluster."""
    port: str | None = None
    """TCP port of a DWS cluster, as text."""
    queue_name: str | None = None
    """DLI queue that runs the query."""
    subnet_id: str | None = None
    """Subnet of the MRS cluster."""
    table_name: str | None = None
    """Table to read in a DLI, RDS or DWS database."""
    user_name: str | None = None
    """Database user for a DWS source."""
    user_password: str | None = None
    """Password of the database user."""
    vpc_id: str | None = None
    """Virtual private cloud of the MRS cluster."""


class DataSource(Wire, kw_only=True):
    """One data source of a dataset, an import or a sample. Only OBS sources (``data_type`` 0) can be read."""

    data_path: str | None = None
    """OBS path, ``/bucket/folder/`` or ``obs://bucket/folder/``; a file for a manifest or a table."""
    data_type: Literal[0, 1, 2, 3, 4, 5, 6] | None = None
    """Kind of source: 0 OBS (default), 1 DWS, 2 DLI, 3 RDS, 4 MRS, 5 AI Gallery, 6 inference service."""
    schema_maps: list[SchemaMap] | None = None
    """Column mapping of a table source; columns without an entry are matched by name."""
    source_info: SourceInfo | None = None
    """Connection of a source that is not OBS."""
    with_column_header: bool | None = None
    """Whether the first row of a CSV file holds the column names."""


class LabelFormat(Wire, kw_only=True):
    """Layout of labels in text files that are imported into a text classification dataset."""

    label_type: Literal["0", "1"] | None = None
    """Place of the labels: ``0`` in a second file beside the text, ``1`` (default) in the same line as the text."""
    text_label_separator: Separator | None = None
    """Character between two labels, ``,`` by default; one character, which may be escaped with a backslash."""
    text_sample_separator: Separator | None = None
    """Character between text and labels, a tab by default; one character, which may be escaped with a backslash."""
