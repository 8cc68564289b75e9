"""The demo: datasets of several kinds with labels and versions, seeded through the API as any client would."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from modelarts_emulator.demo import digits, scenes, shapes, sounds, tables, texts
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.seeding.login import log_in
from modelarts_emulator.seeding.object_upload import ObjectUploader
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seeder import Seeder
from modelarts_emulator.util.http_client import Client

BUCKET = "demo"
PROJECT = "demo"
FIXTURES = Path(__file__).parents[3] / "fixtures"
"""Real pictures, where this is a checkout of the repository; an installed package draws its own."""


def plans() -> list[DatasetPlan]:
    """All datasets of the demo."""
    return [
        digits.plan(FIXTURES / "digits"),
        scenes.plan(FIXTURES / "scenes"),
        shapes.plan(),
        texts.reviews(),
        texts.people(),
        texts.inventions(),
        sounds.plan(),
        tables.plan(),
    ]


def seed(base_url: str, objects: ObjectUploader, user: User | None = None) -> list[str]:
    """Make the datasets that are not there yet. Returns three commands to try. Raises Failed."""
    with Client(base_url) as client:
        project = log_in(client, user, PROJECT if user is None else None)
        seeder = Seeder(client, project, objects)
        made = {plan.name: seeder.seed(plan).dataset_id for plan in plans()}
    base = f"{base_url}/v2/{project}/datasets"
    # Where only users may come in, a command needs what a log-in gives.
    curl = "curl -s" + (" -H X-Auth-Token:$TOKEN" if user else "")
    condition = quote('{"sample_name":"digit-0001"}')
    return [
        f"{curl} '{base}?with_labels=true'",
        f"{curl} '{base}/{made['digits']}/data-annotations/samples?limit=2&search_conditions={condition}'",
        f"{curl} '{base}/{made['scenes']}/data-annotations/samples?sample_state=ALL&limit=1'",
    ]
