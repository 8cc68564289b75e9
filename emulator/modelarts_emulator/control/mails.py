"""``/_emulator/mails``: the e-mails to members of labelling teams. No e-mail leaves the machine."""

from __future__ import annotations

import msgspec

from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store.team_records import MailRecord


class MailsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select e-mails."""

    project_id: str | None = None
    """Project whose e-mails are listed; all projects without it."""
    email: str | None = None
    """Address of the recipient."""


class MailsResponse(msgspec.Struct, kw_only=True):
    """The e-mails that were sent."""

    mails: list[MailRecord]
    """E-mails, the oldest first; the latest 1,000 are kept."""


class MailsControl:
    """The endpoint ``/_emulator/mails``."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu

    def list_mails(self, query: MailsQuery) -> MailsResponse:
        """List the e-mails that were sent to members of labelling teams, the oldest first."""
        mails = self._emu.teams.data.mails_of(query.project_id)
        return MailsResponse(mails=[mail for mail in mails if query.email in (None, mail.email)])
