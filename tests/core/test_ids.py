"""Names that nothing else has."""

import os
import random

import pytest

from llmkit.core.ids import fresh_id


def test_names_differ_also_where_pythons_own_generator_is_seeded():
    names = set()
    for _ in range(1000):
        random.seed(0)
        names.add(fresh_id())
    assert len(names) == 1000


def test_the_length_is_as_asked():
    assert {len(fresh_id(bits)) for bits in (48, 80, 128) for _ in range(500)} == {12, 20, 32}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_draws_other_names_than_its_parent():
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, fresh_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 32).decode() != fresh_id()
