"""Where answers differ from the contract's tables or examples, and why: the one reviewed list.

An entry is a regular expression over a fault, or over the path of a member that the example has and the answer lacks;
and, of types, over where one of ours is not as the contract's tables say. Errors are named as in the catalogue.
"""

from __future__ import annotations

FAULTS: dict[str, str] = {
    r"clear_difficult: not in the contract": "the examples of the status pages show it",
    r"sample_state: '' is none of the options": "the examples send an empty text, and it is answered as it came",
    r"train_sample_ratio: 1\.0 is no String": "the tables say text, every example of an answer has a number",
    r"sample_status: '\w+' is none of the options": "real clients record MANUAL_ANNOTATION and UN_ANNOTATION",
    r"annotated_by: not in the contract": "on every sample that recorded data of real clients shows",
    r"datasets\[\]\.files: not in the contract": "the text of the list's page has it beside samples",
}

MISSING: dict[str, str] = {
    r"labelers": "members of a labelling team; the replayed dataset has no team task",
    r"export_params\.export_new_dataset_": "the example lists an export to a dataset, the test's is to a directory",
    r"^DeleteLabelAndSamples\.success": "a 204 has no body",
}

WARNINGS: dict[str, str] = {
    r"^member dataset_id is not known": "UpdateDataset's example has it; the tables do not, and the path says it",
}

TYPES: dict[str, str] = {
    r"(ai_project|dataset_version): not in the contract": "the examples show it",
    r"clear_difficult: not in the contract": "the examples of the status pages show it",
    r"ListStats <deletion_stats: not in the contract": "the example shows it",
    r"datasets\[\]\.files: not in the contract": "the text of the list's page has it beside samples",
    r"annotated_by: not in the contract": "on every sample that recorded data of real clients shows",
    r"preview: not in the contract": "the query parameter preview asks for it; the tables have no place for it",
    r"(add|included|excluded)_tags: not in the contract": "the examples have this name beside the documented one",
    r"sample_status: options": "real clients record MANUAL_ANNOTATION and UN_ANNOTATION",
    r"_separator: .* are forbidden": "the text allows any character, the limits do not",
    r"annotated_by: options": "a client may say human/<domain>/<user>, as answers do",
    r"import_type: options \['0', '1'\]": "the older pages have these numbers",
    r"type: options \['3'\]": "image segmentation is not implemented",
    r"sample_state: options \[''\]": "the examples send an empty text, and it is answered as it came",
    r"score: range": "the label rules check it, so that one label that is wrong refuses only its sample",
    r"search_conditions\[\]\.hard: options": "true and false are read as well",
    r"sample_time: options": "the third option is a form, not a value; it is checked",
    r"(start|end)_time: mandatory is True": "the reference's own example goes without",
    r"label_format\.label_type: default 1": "absent is told apart, to take the dataset's own format; it means 1",
    r"metadata\.@modelarts:size\[\]: IntType instead of Object": "width, height and depth are whole numbers",
    r"@modelarts:size: default 3": "the depth, where the default is meant for the whole",
    r"@modelarts:feature: options": "these are the shapes; a feature is points, and checked after its shape",
    r"@modelarts:hard(_reasons)?: options": "other values are kept as well; only the documented ones have a text",
    r"data_type: default 0": "absent means 0",
    r"ImportTask >with_column_header: default": "absent is told apart: a manifest's files may tell for themselves",
    r"work_path_type: default 0": "mandatory, so that the default can never be taken",
    r"export_params\.\w+: default": "absent is told apart from the default; what is kept and answered has it",
    r"(DeleteLabelAndSamples|UpdateLabel|DeleteWorkforce) <": "a 204 has no body",
    r"CreateWorker >role: options \['3'\]": "answered with Parameter error, as by UpdateWorker",
    r"ListWorkforceTaskSamples \?(email|worker_id): not in the contract": "a member sees own samples, without a login",
    r"checking_task_id: mandatory is True": "the reference's own example goes without",
    r"UpdateWorkforceSamplingTask \?locale: mandatory is True": "it has no effect",
}

ERRORS: dict[str, str] = {
    "METHOD_NOT_ALLOWED": "the table's 400 is for arguments; HTTP has a status of its own for a wrong method",
    "TOO_LARGE": "the table's 400 is for arguments; HTTP has a status of its own for a body that is too large",
    "UNAVAILABLE": "the table's 500 is for errors that stay; HTTP has a status of its own for a call to be repeated",
    "FORBIDDEN": "the table's text has a place to be filled in",
    "UNSUPPORTED_TYPE": "the table's text has places to be filled in",
}
