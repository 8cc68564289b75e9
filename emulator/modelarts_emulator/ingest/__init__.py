"""Turn files, lines and rows into samples: one pipeline for synchronization, import and upload.

A listing names the objects (``object_listing``), a resolver reads each unit into a candidate (``sync_files``,
``sync_lines``, ``import_files``, ``import_lines``, ``upload``), a policy merges it with the stored sample (``merge``),
and batches are committed (``pipeline``).
"""
