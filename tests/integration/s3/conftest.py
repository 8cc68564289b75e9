"""Start a server with only identity and object storage, in open or strict mode."""

from types import SimpleNamespace

import pytest
from flask import Flask

from modelarts_emulator.api import keystone
from modelarts_emulator.iam.accounts import AccessKey, AccountProject, Accounts, User
from modelarts_emulator.iam.authenticator import Authenticator, url_signing_key
from modelarts_emulator.iam.signatures.url import UrlSigner
from modelarts_emulator.iam.tokens import Tokens
from modelarts_emulator.media.images import ImageCache
from modelarts_emulator.media.picture_gate import PictureGate
from modelarts_emulator.obs.metadata import MetadataStore
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.s3 import endpoint
from modelarts_emulator.s3.call import Storage
from modelarts_emulator.util.ids import Ids
from modelarts_emulator.web import WebServer
from tests.helpers.clocks import MovingClock

USERS = [User("alice", password="pw-a", project=AccountProject.named("red")), User("bob", password="pw-b")]
KEYS = [AccessKey("AKA", "sk-a", "alice"), AccessKey("AKB", "sk-b", "bob")]


@pytest.fixture
def start(tmp_path):
    """Start a server: ``start(strict=True)`` gives its url, folder of buckets, clock, tokens, and signer of URLs."""
    running = []

    def begin(*, strict=False):
        clock, ids = MovingClock(), Ids()
        accounts, tokens = Accounts(USERS, KEYS, strict=strict), Tokens(clock, ids)
        access = Authenticator(accounts, tokens, url_signing_key("OWN", "own-secret"), clock)
        folder = tmp_path / f"server-{len(running)}"
        metadata = MetadataStore(folder / "objects.sqlite")
        tree = ObjectTree(folder / "obs", fsync=False)
        app = Flask("emulator", static_folder=None)
        keystone.register(app, accounts=accounts, tokens=tokens, access=access)
        gate = PictureGate(max_waiting=0)
        storage = Storage(tree, metadata, folder / "uploads", ImageCache(), clock, ids, gate=gate)
        endpoint.register(app, storage, access)
        server = WebServer(app, "127.0.0.1", 0, threads=4)
        server.start()
        running.append((server, metadata))
        return SimpleNamespace(
            url=f"http://127.0.0.1:{server.addresses[0][1]}",
            port=server.addresses[0][1],
            buckets=folder / "obs",
            folder=folder,
            clock=clock,
            tokens=tokens,
            tree=tree,
            gate=gate,
            signer=UrlSigner("OWN", "own-secret", clock),
        )

    yield begin
    for server, metadata in running:
        server.stop()
        metadata.close()


@pytest.fixture
def server(start):
    """An open server with an empty bucket called ``bucket``."""
    begun = start()
    begun.tree.create_bucket("bucket")
    return begun
