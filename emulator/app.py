"""The only wiring: settings become a runtime, a runtime becomes a Flask application."""

from __future__ import annotations

from flask import Flask

from emulator.api import adapter, hosts, identity, objects
from emulator.api.matching import App
from emulator.api.objects_call import Storage
from emulator.control import api as control
from emulator.control import console, coverage, docs, health, openapi
from emulator.iam.access import Access, own_key
from emulator.iam.token_file import TokenFile
from emulator.iam.tokens import Tokens
from emulator.images import ImageCache
from emulator.runtime import Runtime

IMAGE_CACHE_BYTES = 64 * 1024 * 1024


def create_app(emu: Runtime) -> Flask:
    """The whole surface of an emulator: dataset API, identity, objects and control."""
    app = App("emulator")
    app.url_map.merge_slashes = False  # //x is another key than /x
    app.url_map.strict_slashes = False
    settings = emu.settings
    hosts.register(app, settings)  # before all that answers
    control.register(app, emu)
    accounts = settings.accounts()
    token_file = TokenFile(emu.root / "tokens", accounts) if settings.data_dir else None
    tokens = Tokens(emu.clock, emu.ids, token_file)
    access = Access(accounts, tokens, own_key(*emu.signing_key), emu.clock)
    adapter.register(app, emu, access)
    identity.register(app, accounts=accounts, tokens=tokens, access=access, public_url=settings.public_url)
    health.register(app, emu)
    coverage.register(app)
    openapi.register(app)
    docs.register(app)
    console.register(app, settings.public_url)
    objects.register(app, _storage(emu), access, public_url=settings.public_url)
    return app


def _storage(emu: Runtime) -> Storage:
    return Storage(
        tree=emu.tree,
        metadata=emu.metadata,
        uploads=emu.root / "uploads",
        images=ImageCache(IMAGE_CACHE_BYTES),
        clock=emu.clock,
        ids=emu.ids,
    )
