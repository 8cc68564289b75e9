"""Wire the parts of a running emulator to a Flask application."""

from __future__ import annotations

from flask import Flask

from modelarts_emulator.api import dispatch, keystone, origin_check
from modelarts_emulator.api.body_admission import BodyAdmission
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
from modelarts_emulator.s3.multipart_store import recover_uploads
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import Durability

IMAGE_CACHE_BYTES = 64 * 1024 * 1024


def create_app(runtime: Runtime, service: DatasetService | None = None) -> Flask:
    """Return the Flask application of an emulator: dataset API, identity, object storage and control API."""
    app = FastRoutingFlask("emulator")
    app.url_map.merge_slashes = False  # object keys may begin with a slash
    app.url_map.strict_slashes = False
    settings = runtime.settings
    is_accepted = origin_check.register(app, settings)  # first, so that it protects every other endpoint
    control_api = control.register(app, runtime)
    accounts = settings.accounts({entry.record.project_id for entry in runtime.store.entries()})
    token_file = TokenFile(runtime.root / "tokens", accounts, fsync=_is_durable(runtime)) if settings.data_dir else None
    tokens = Tokens(runtime.clock, runtime.ids, token_file)
    access = Authenticator(accounts, tokens, url_signing_key(*runtime.signing_key), runtime.clock)
    operations = dispatch.register(app, settings, service or DatasetService(runtime), access)
    keystone.register(app, accounts=accounts, tokens=tokens, access=access, public_url=settings.public_url)
    health.register(app, runtime, control_api.log, lambda: control_api.restoring)
    coverage.register(app)
    openapi.register(app)
    swagger.register(app)
    console.register(app, settings.public_url)
    objects = endpoint.register(app, _storage(runtime), access, public_url=settings.public_url)
    early = EarlyDispatcher(app, runtime, control_api, operations, is_accepted, objects)
    app.extensions["emulator-early"] = early
    app.extensions["emulator-admission"] = BodyAdmission(app, operations, objects, control_api.access)
    return app


def _storage(runtime: Runtime) -> Storage:
    recover_uploads(runtime.root / "uploads")
    return Storage(
        tree=runtime.tree,
        metadata=runtime.metadata,
        uploads=runtime.root / "uploads",
        images=ImageCache(IMAGE_CACHE_BYTES),
        clock=runtime.clock,
        ids=runtime.ids,
        fsync=_is_durable(runtime),
    )


def _is_durable(runtime: Runtime) -> bool:
    return runtime.settings.data_dir is not None and Durability(runtime.settings.durability) is Durability.FULL
