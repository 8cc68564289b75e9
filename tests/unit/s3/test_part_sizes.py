import pytest

from modelarts_emulator.s3.part_sizes import PlacedPart, count_parts, encode_sizes, find_part, placed_parts


def test_equal_sizes_are_stored_as_a_group():
    assert encode_sizes([5, 5, 5, 2]) == "5*3,2*1"
    assert encode_sizes([]) == ""


@pytest.mark.parametrize(("number", "expected"), [(1, (0, 5)), (3, (10, 15)), (4, (15, 17)), (5, None), (0, None)])
def test_find_part_returns_its_bytes(number, expected):
    assert find_part("5*3,2*1", number) == (PlacedPart(number, *expected) if expected else None)


def test_placed_parts_returns_a_page():
    assert [part.number for part in placed_parts("5*3,2*1", 1, 2)] == [2, 3]
    assert [part.number for part in placed_parts("5*3,2*1", 3, 9)] == [4]
    assert placed_parts("5*3,2*1", 9, 9) == []


@pytest.mark.parametrize("damaged", ["", "x", "5*", "*3", ",,"])
def test_damaged_sizes_are_no_parts(damaged):
    assert count_parts(damaged) == 0
    assert find_part(damaged, 1) is None
