"""Archives from outside: .npz, zip and .keras files that would fill the memory, are damaged, or point elsewhere."""

import contextlib
import io
import json
import struct
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from microfer.archives import ArchiveError, members, read_arrays, read_member
from microfer.errors import MicroferError
from microfer.model import networks
from microfer.model.build import load_imagenet
from microfer.model.saved import MEMBER, WEIGHTS, check_weights, read_config
from microfer.training import checkpoint

GIGANTIC = (1 << 20, 1 << 20)
"""As float32 4 TiB: none of the tests below may come near to making it."""


@contextlib.contextmanager
def little_memory():
    """Nothing near to what a bomb asks for is taken inside."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def packed(path: Path, content: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def test_arrays_come_back_as_numpy_saved_them(tmp_path: Path) -> None:
    arrays = {
        "text": np.array("hällo"),
        "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "empty": np.zeros((0, 3)),
        "number": np.float64(0.5),
    }
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {GIGANTIC}, }}"), "is not what it holds"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", bytes(4)), "shape"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10**30,), }"), "no readable header"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n"), "holds object"),
        (npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)), "expected numbers"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,"), "no readable header"),
        (npy("{'descr': '<f4', 'fortran_order': \"\"\", 'shape': (1,), }"), "no readable header"),
        (npy("(" * 110), "no readable header"),
        (b"\x93NUMPY\x01\x00\xff\xff", "no readable header"),
        (b"", "no readable header"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused_before_it_is_made(
    member: bytes, why: str, tmp_path: Path
) -> None:
    path = packed(tmp_path / "bad.npz", {"a.npy": member})
    with little_memory(), pytest.raises(ArchiveError, match=why):
        read_arrays(path)


def test_packed_zeros_are_no_checkpoint(tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.npz", {"a.npy": bytes(50 << 20)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    with little_memory(), pytest.raises(ArchiveError, match="larger than the file"):
        read_arrays(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_damaged_byte_of_a_member_is_an_archive_error_and_nothing_else(packing: int, tmp_path: Path) -> None:
    whole = packed(tmp_path / "whole.zip", {"a": b"abcabcabcdefdef" * 3}, packing).read_bytes()
    path, refused = tmp_path / "bad.zip", 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            with members(path) as archive:
                read_member(archive, "a", 1000)
        except (ArchiveError, KeyError):
            refused += 1
    assert refused > len(whole) // 3


def test_a_damaged_length_of_a_name_does_not_fill_the_screen_with_the_file(tmp_path: Path) -> None:
    """Found by atheris: zipfile shows all that it took for the name."""
    content = bytearray(packed(tmp_path / "a.npz", {"a.npy": npy("{}", bytes(range(256)) * 99)}).read_bytes())
    content[26:28] = b"\xff\x4f"
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ArchiveError) as caught:
        read_arrays(tmp_path / "a.npz")
    assert len(str(caught.value)) < 300


def test_a_member_longer_than_allowed_is_refused_by_its_length_alone(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a": b"12345"})
    with members(path) as archive:
        assert read_member(archive, "a", 5) == b"12345"
        with pytest.raises(ArchiveError, match="5 bytes, expected at most 4"):
            read_member(archive, "a", 4)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_whose_packing_may_ask_for_memory_is_refused(packing: int, tmp_path: Path) -> None:
    with (
        members(packed(tmp_path / "a.zip", {"a": b"12345"}, packing)) as archive,
        pytest.raises(ArchiveError, match="packed in a way that is not read here"),
    ):
        read_member(archive, "a", 5)


def test_an_archive_of_very_many_members_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "many.zip", {str(number): b"" for number in range(10_001)})
    with pytest.raises(ArchiveError, match="more than 10,000 members"):
        members(path)


# --- weights in a .keras file


SHAPES = [(3, 3, 1, 8), (8,)]


def weights(change=lambda file: None) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for index, shape in enumerate(SHAPES):
            file[f"layers/conv/vars/{index}"] = np.ones(shape, np.float32)
        change(file)
    return content.getvalue()


def test_weights_of_the_networks_own_shapes_pass(tmp_path: Path) -> None:
    check_weights(packed(tmp_path / "right.keras", {WEIGHTS: weights()}, zipfile.ZIP_DEFLATED), SHAPES)


def _declare(file, shape, **options):
    del file["layers/conv/vars/0"]
    file.create_dataset("layers/conv/vars/0", shape, "f4", **options)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda file: _declare(file, GIGANTIC, chunks=(1024, 1024)), "which no variable of the network has"),
        (lambda file: _declare(file, SHAPES[0], chunks=(3, 3, 1, 8), fillvalue=1), "does not hold its numbers"),
        (lambda file: _declare(file, SHAPES[0], external="/etc/passwd"), "does not hold its numbers"),
        (lambda file: file.create_dataset("x", (8,), "S1000000"), "expected numbers"),
        (lambda file: file.create_dataset("x", (8,), h5py.string_dtype()), "expected numbers"),
        (lambda file: file.__setitem__("x", h5py.ExternalLink("other.h5", "/")), "link to elsewhere"),
        (lambda file: file.__setitem__("x", h5py.SoftLink("/layers")), "link to elsewhere"),
        (lambda file: file.__setitem__("layers/again", file["/"]), "neither weights nor a group"),
    ],
)
def test_weights_that_declare_more_than_they_hold_or_lie_elsewhere_are_refused(change, why, tmp_path: Path) -> None:
    path = packed(tmp_path / "bad.keras", {WEIGHTS: weights(change)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match=why):
        check_weights(path, SHAPES)


def test_imagenet_weights_that_declare_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    """As keras.applications' files are: HDF5 by itself, without an archive around it."""
    backbone = SimpleNamespace(variables=[SimpleNamespace(shape=shape) for shape in SHAPES], load_weights=None)
    model = SimpleNamespace(get_layer=lambda _: backbone)
    (tmp_path / "notop.h5").write_bytes(weights(lambda file: _declare(file, GIGANTIC, chunks=(1024, 1024))))
    with pytest.raises(MicroferError, match=r"has the shape .* which no variable of the network has"):
        load_imagenet(model, networks.network("resnet50"), tmp_path / "notop.h5")


def test_a_network_larger_than_its_weights_is_refused_before_it_is_built(tmp_path: Path) -> None:
    path = packed(tmp_path / "small.keras", {WEIGHTS: weights()})
    with pytest.raises(ArchiveError, match="and the network 1,099,511,627,776 numbers"):
        check_weights(path, [GIGANTIC])


# --- what a .keras says of its network

NANO = networks.to_json(networks.network("nano"))


def keras_file(path: Path, network: object) -> Path:
    return packed(path, {MEMBER: json.dumps({"network": network, "notes": {}}).encode()}, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network_here_is_read_back_from_its_own_description(name: str, tmp_path: Path) -> None:
    config = networks.network(name)
    assert read_config(keras_file(tmp_path / "a.keras", networks.to_json(config)))[0] == config


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stem_filters": 10**9}, "stem_filters is 1000000000, expected a number from 1 to 4096"),
        ({"stem_filters": "24"}, "stem_filters is '24', expected a whole number"),
        ({"stem_stride": 0}, "stem_stride is 0, expected a number from 1 to 48"),
        ({"stem_kernel": 48, "stem_stride": 48}, "leaves nothing of the crop at its layer stem_pool"),
        ({"fires": [[4096, 4096]] * 64}, "parameters, more than 64,000,000"),
        ({"fires": [[16, 16]] * 65}, "expected 1 to 64 of them"),
        ({"fires": [[16]]}, r"fires\[0\] is .* expected 2 to 3 of them"),
        ({"fires": None}, "fires is None, expected a list"),
        ({"activation_limit": 10**400}, "401 digits"),
        ({"head_dropout": 1.0}, "head_dropout is 1.0"),
        ({"name": "../../etc/passwd"}, "expected 1 to 63 letters, digits"),
        ({"name": "a\x1b]0;b"}, "expected 1 to 63 letters, digits"),
        ({"input_layout": "sideways"}, "input_layout is 'sideways'"),
        ({"kind": "Lambda"}, "kind is 'Lambda', expected one of Vgg"),
        ({"kind": []}, r"kind is \[\], expected a text"),
        ({"another": 1}, "has the unknown key 'another'"),
    ],
)
def test_a_description_of_a_network_that_cannot_be_is_refused_by_name(change, why, tmp_path: Path) -> None:
    with pytest.raises(MicroferError, match=why):
        read_config(keras_file(tmp_path / "a.keras", NANO | change))


@pytest.mark.parametrize("content", [[], {}, {"network": []}, {"network": {}, "notes": []}, {"network": NANO}, 7])
def test_a_description_of_another_form_was_not_saved_by_microfer(content: object, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.keras", {MEMBER: json.dumps(content).encode()})
    with pytest.raises(MicroferError, match=r"a\.keras"):
        read_config(path)


def test_a_description_that_is_a_bomb_is_refused_by_its_length(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.keras", {MEMBER: bytes(50 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(MicroferError, match="52,428,800 bytes, expected at most 1,048,576"):
        read_config(path)


# --- checkpoints


@pytest.mark.parametrize(
    "progress",
    [
        "",
        "[]",
        "{}",
        '{"settings": []}',
        '{"settings": {}, "history": {}}',
        '{"settings": {}, "history": [{"epoch": "1"}]}',
        '{"settings": {}, "best_epoch": 1' + "0" * 400 + "}",
        '{"settings": {}, "best_accuracy": "high"}',
        '{"settings": {}, "unknown": 1}',
        "[" * 100_000,
    ],
)
def test_a_checkpoint_with_another_progress_is_damaged(progress: str, tmp_path: Path) -> None:
    path = tmp_path / "last.npz"
    np.savez(path, allow_pickle=False, progress=np.array(progress), weights=np.zeros(3))
    with pytest.raises(MicroferError, match=r"last\.npz is damaged .*start the run again"):
        checkpoint.read(path)
