"""Objects are compiled once: what makes another one of them, what does not, and what is left where that fails."""

import os
import time

import pytest
from tests.host.board_client import needs_compiler

from microfer.errors import MicroferError
from microfer.virtual_board import objects
from microfer.virtual_board.core_build import find_compiler
from microfer.virtual_board.objects import Sources, compile_objects

FILES = {
    "lib/one/one.cc": b'#include "one/one.h"\nint One() { return kOne; }\n',
    "lib/one/one.h": b'#include "near.h"\nconstexpr int kOne = kNear;\n',
    "lib/one/near.h": b"constexpr int kNear = 1;\n",
    "lib/two.cc": b'#if 0\n# include "made/contract.h"\n#endif\n#include <cstdint>\nint Two() { return 2; }\n',
    "made/contract.h": b"constexpr int kModel = 1;\n",
}
NAMES = ["lib/one/one.cc", "lib/two.cc"]


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compile FILES with changes; return the objects, and which sources the compiler was really given."""

    def compile_with(changes=None, flags=("-O0",), names=NAMES):
        given = []
        run = objects.run
        with monkeypatch.context() as patch:
            patch.setattr(objects, "run", lambda command, folder: (given.append(command[-3]), run(command, folder)))
            sources = Sources(FILES | (changes or {}), (".", "lib"))
            made = compile_objects(find_compiler(), flags, sources, names, tmp_path / "objects")
        return made, sorted(given)

    return compile_with


@needs_compiler
def test_what_was_compiled_is_not_compiled_again(compiled):
    first, given = compiled()
    assert given == NAMES
    assert all(path.stat().st_size > 100 for path in first)
    assert compiled() == (first, [])
    assert compiled(names=NAMES[::-1]) == (first[::-1], [])


@needs_compiler
@pytest.mark.parametrize(
    ("name", "reaches"),
    [
        ("lib/one/one.cc", NAMES[:1]),
        ("lib/one/near.h", NAMES[:1]),
        ("made/contract.h", NAMES[1:]),
    ],
)
def test_a_change_reaches_what_includes_it_however_deep_and_nothing_else(compiled, name, reaches):
    first, _ = compiled()
    second, given = compiled({name: FILES[name] + b"\n"})
    assert given == reaches
    assert [a != b for a, b in zip(first, second, strict=True)] == [source in reaches for source in NAMES]


@needs_compiler
def test_other_flags_and_a_new_header_that_stands_before_another_make_other_objects(compiled):
    compiled()
    assert compiled(flags=("-O0", "-DOTHER"))[1] == NAMES
    assert compiled({"lib/near.h": b"constexpr int kNear = 2;\n"})[1] == NAMES[:1]


@needs_compiler
def test_what_does_not_compile_leaves_no_object_and_the_others_stay(compiled, tmp_path):
    with pytest.raises(MicroferError, match=r"lib/two\.cc:5"):
        compiled({"lib/two.cc": FILES["lib/two.cc"].replace(b"2;", b"two;")})
    left = [path.name for path in (tmp_path / "objects").iterdir()]
    assert "lock" in left
    assert not any(name.startswith("build-") for name in left)
    assert compiled()[1] in (["lib/two.cc"], NAMES)


@needs_compiler
def test_objects_that_nobody_asks_for_are_swept_when_others_are_made(compiled, tmp_path):
    (one, two), _ = compiled()
    for path in (one, two):
        os.utime(path, (time.time() - objects.KEPT_S - 60,) * 2)
    compiled(names=NAMES[:1])  # asked for: kept
    (other,), _ = compiled({"lib/one/near.h": b"constexpr int kNear = 3;\n"}, names=NAMES[:1])
    assert {path.name for path in (tmp_path / "objects").glob("*.o")} == {one.name, other.name}
