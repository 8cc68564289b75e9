"""The only wiring: settings become a runtime, a runtime becomes a Flask application."""

from __future__ import annotations

from flask import Flask

from modelarts_emulator.api import dispatch, keystone, origin_check
from modelarts_emulator.api.early import EarlyDispatcher
from modelarts_emulator.api.flask_internals import FastRoutingFlask
from modelarts_emulator.control import api as control
from modelarts_emulator.control import health
from modelarts_emulator.control.pages import console, coverage, openapi, swagger
from modelarts_emulator.iam.authenticator import Authenticator, url_signing_key
from modelarts_emulator.iam.token_file import TokenFile
from modelarts_emulator.iam.tokens import Tokens
from modelarts_emulator.media.images import ImageCache
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.s3 import endpoint
from modelarts_emulator.s3.call import Storage

IMAGE_CACHE_BYTES = 64 * 1024 * 1024


def create_app(emu: Runtime) -> Flask:
    """The whole surface of an emulator: dataset API, identity, objects and control."""
    app = FastRoutingFlask("emulator")
    app.url_map.merge_slashes = False  # //x is another key than /x
    app.url_map.strict_slashes = False
    settings = emu.settings
    is_accepted = origin_check.register(app, settings)  # before all that answers
    control_api = control.register(app, emu)
    accounts = settings.accounts()
    token_file = TokenFile(emu.root / "tokens", accounts) if settings.data_dir else None
    tokens = Tokens(emu.clock, emu.ids, token_file)
    access = Authenticator(accounts, tokens, url_signing_key(*emu.signing_key), emu.clock)
    operations = dispatch.register(app, emu, access)
    keystone.register(app, accounts=accounts, tokens=tokens, access=access, public_url=settings.public_url)
    health.register(app, emu, lambda: control_api.restoring)
    coverage.register(app)
    openapi.register(app)
    swagger.register(app)
    console.register(app, settings.public_url)
    objects = endpoint.register(app, _storage(emu), access, public_url=settings.public_url)
    early = EarlyDispatcher(app, emu, control_api, operations, is_accepted, objects)
    app.extensions["emulator-early"] = early
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
