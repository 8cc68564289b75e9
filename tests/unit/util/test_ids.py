"""Ids that are drawn, at random or from a seed."""

from __future__ import annotations

import re

from modelarts_emulator.util.ids import Ids, sample_id


def test_ids_have_the_documented_form() -> None:
    ids = Ids()
    assert re.fullmatch(r"[A-Za-z0-9]{19}", ids.entity())
    assert re.fullmatch(r"abc_[A-Za-z0-9]{19}", ids.import_task("abc"))
    assert re.fullmatch(r"[0-9a-f]{40}", ids.secret(40))
    assert re.fullmatch(r"[0-9a-f]{32}", ids.upload())
    assert re.fullmatch(r"[0-9a-f]{32}", sample_id("abc", "bucket/a.png"))
    assert len({ids.entity() for _ in range(1000)}) == 1000
    assert not ids.is_seeded


def test_seed_repeats_the_sequence() -> None:
    ids = Ids("seed")
    first = [ids.entity() for _ in range(5)]
    ids.seed("seed")
    assert [ids.entity() for _ in range(5)] == first
    assert Ids("seed").entity() == first[0]
    assert Ids("other").entity() != first[0]
    assert ids.is_seeded
    ids.seed(None)
    assert ids.entity() not in first
    assert not ids.is_seeded


def test_seed_dataset_ids_do_not_depend_on_uploads_and_secrets() -> None:
    one, other = Ids(1), Ids(1)
    one.secret(64)
    one.upload()
    assert one.entity() == other.entity()


def test_seed_taken_ids_are_skipped() -> None:
    first, second, third = (lambda ids: [ids.entity() for _ in range(3)])(Ids(1))
    ids = Ids()
    ids.seed(1, taken={first, third})
    assert ids.entity() == second
    assert ids.entity() != third


def test_seed_does_not_repeat_secrets() -> None:
    ids = Ids()
    ids.seed(1)
    uploads, secrets = [ids.upload()], [ids.secret()]
    ids.seed(1)
    assert ids.upload() == uploads[0]
    assert ids.secret() != secrets[0]
    ids.seed(1, taken=uploads)
    assert ids.upload() != uploads[0]
