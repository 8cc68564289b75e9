"""A server with identity and object storage alone, in a thread, as open or as strict as a test wants it."""

import threading
from types import SimpleNamespace

import pytest
from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from emulator.api import identity, objects, waitress_channel
from emulator.api.objects_call import Storage
from emulator.clock import SystemClock
from emulator.iam.access import Access, own_key
from emulator.iam.tokens import Tokens
from emulator.iam.users import AccessKey, Accounts, Project, User
from emulator.ids import Ids
from emulator.images import ImageCache
from emulator.obs.metadata import MetadataStore
from emulator.obs.signing import UrlSigner
from emulator.obs.tree import ObjectTree

USERS = [User("alice", password="pw-a", project=Project.named("red")), User("bob", password="pw-b")]
KEYS = [AccessKey("AKA", "sk-a", "alice"), AccessKey("AKB", "sk-b", "bob")]


class MovingClock:
    """The machine's time, moved ahead by a test."""

    ahead_ms = 0

    def now_ms(self):
        return SystemClock().now_ms() + self.ahead_ms


@pytest.fixture
def start(tmp_path):
    """Start a server: ``start(strict=True)`` gives its url, folder of buckets, clock, tokens, and signer of URLs."""
    running = []

    def begin(*, strict=False):
        clock, ids = MovingClock(), Ids()
        accounts, tokens = Accounts(USERS, KEYS, strict=strict), Tokens(clock, ids)
        access = Access(accounts, tokens, own_key("OWN", "own-secret"), clock)
        folder = tmp_path / f"server-{len(running)}"
        metadata = MetadataStore(folder / "objects.sqlite")
        tree = ObjectTree(folder / "obs", fsync=False)
        app = Flask("emulator", static_folder=None)
        identity.register(app, accounts=accounts, tokens=tokens, access=access)
        objects.register(app, Storage(tree, metadata, folder / "uploads", ImageCache(), clock, ids), access)
        sockets = {}
        server = create_server(app, host="127.0.0.1", port=0, max_request_body_size=1 << 40, map=sockets)
        waitress_channel.apply_to(server)
        stopping = threading.Event()
        thread = threading.Thread(target=serve, args=(sockets, stopping), name="http")
        thread.start()
        running.append((server, sockets, stopping, thread, metadata))
        return SimpleNamespace(
            url=f"http://127.0.0.1:{server.effective_port}",
            port=server.effective_port,
            buckets=folder / "obs",
            folder=folder,
            clock=clock,
            tokens=tokens,
            tree=tree,
            signer=UrlSigner("OWN", "own-secret", clock),
        )

    yield begin
    for server, sockets, stopping, thread, metadata in running:
        server.task_dispatcher.shutdown()
        stopping.set()
        server.pull_trigger()
        thread.join(10)
        # Not before: the loop would close the trigger while it is being pulled.
        wasyncore.close_all(sockets, ignore_all=True)
        metadata.close()


def serve(sockets, stopping):
    while not stopping.is_set():
        wasyncore.loop(use_poll=True, map=sockets, count=1)


@pytest.fixture
def server(start):
    """An open server with an empty bucket called ``bucket``."""
    begun = start()
    begun.tree.create_bucket("bucket")
    return begun
