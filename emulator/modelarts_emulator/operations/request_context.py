"""The context of a request, as an operation gets it beside the decoded query and body."""

from __future__ import annotations

import msgspec


class RequestContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The decoded path parameters, and the caller; a parameter that the route does not have is empty."""

    project_id: str
    dataset_id: str = ""
    sample_id: str = ""
    version_id: str = ""
    task_id: str = ""
    label_name: str = ""
    workforce_id: str = ""
    worker_id: str = ""
    workforce_task_id: str = ""
    base_url: str = ""
    """The URL of this server as the client sees it, without a final slash."""
    warnings: list[str] = msgspec.field(default_factory=list)
    """Members of the request that are unknown or have no effect; the answer's header reports them."""
    user: str = "human/local/local"
    """The caller as ``annotated_by`` has it: ``human/<domain>/<user>``."""
