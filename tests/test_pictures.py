import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from colorzoo import color
from colorzoo.errors import PictureError
from colorzoo.pictures.picture import Picture
from colorzoo.pictures.read import read
from colorzoo.pictures.samples import to_rgb
from colorzoo.pictures.write import write

WIDTH, HEIGHT = 23, 17


def ramp() -> Image.Image:
    return Image.fromarray(np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype("u1"))


def photo() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def lightness(picture: Picture) -> NDArray[np.float32]:
    return picture.lightness(0, picture.height)


def exact_lightness(image: Image.Image) -> NDArray[np.float32]:
    rgb = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).double() / 255
    return color.srgb_to_lab(rgb)[0].float().numpy()


def sixteen_bit() -> Image.Image:
    return Image.fromarray((np.asarray(ramp()).astype(np.uint16)) * 257)


MODES: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: ramp().convert("1"),
    "L": ramp,
    "LA": lambda: ramp().convert("LA"),
    "La": lambda: ramp().convert("LA").convert("La"),
    "P": lambda: photo().convert("P", palette=Image.Palette.ADAPTIVE),
    "PA": lambda: photo().convert("P").convert("PA"),
    "RGB": photo,
    "RGBA": lambda: photo().convert("RGBA"),
    "RGBX": lambda: photo().convert("RGBX"),
    "CMYK": lambda: photo().convert("CMYK"),
    "YCbCr": lambda: photo().convert("YCbCr"),
    "HSV": lambda: photo().convert("HSV"),
    "I;16": sixteen_bit,
    "I": lambda: Image.fromarray(np.asarray(sixteen_bit()).astype(np.int32)),
    "F": lambda: Image.fromarray((np.asarray(ramp()) / 255).astype(np.float32)),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_its_lightness_and_stays_as_it_is(mode: str) -> None:
    image = MODES[mode]()
    assert image.mode == mode
    before = image.tobytes()
    picture = read(image)
    shown = ramp() if mode in ("I;16", "I", "F") else image.convert("LA") if mode == "La" else image
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert np.abs(lightness(picture) - exact_lightness(shown)).max() < 2e-3
    assert (picture.alpha is not None) == (mode in ("LA", "La", "PA", "RGBA"))
    assert image.mode == mode
    assert image.tobytes() == before


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_greys_are_scaled_to_rgb_and_others_converted(mode: str) -> None:
    assert np.array_equal(to_rgb(MODES[mode]()), ramp().convert("RGB"))
    assert np.array_equal(to_rgb(photo().convert("CMYK")), photo())
    with pytest.raises(PictureError, match="0..65535"):
        to_rgb(Image.fromarray(np.array([[70_000]], dtype=np.int32)))


def test_lab_pictures_keep_their_lightness() -> None:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(photo(), transform)
    assert lab is not None
    # Theirs is relative to D50, so the lightness of strong colours is a little another.
    assert np.abs(lightness(read(lab)) - exact_lightness(photo())).mean() < 1.0


def test_grey_in_three_channels_is_as_grey_in_one() -> None:
    one, three = read(ramp()), read(ramp().convert("RGB"))
    assert three.codes.dtype == np.uint8
    assert np.array_equal(one.codes, three.codes)
    assert np.array_equal(one.table, three.table)


def test_transparency_of_palettes_greys_and_colours_becomes_alpha(tmp_path: Path) -> None:
    ramp().save(tmp_path / "grey.png", transparency=0)
    colours = photo().convert("P")
    colours.save(tmp_path / "palette.gif", transparency=colours.getpixel((4, 4)))
    sixteen_bit().save(tmp_path / "sixteen.png", transparency=0)
    for file in tmp_path.iterdir():
        alpha = read(file).alpha
        assert alpha is not None, file
        assert set(np.unique(alpha)) == {0, 255}, file


ARRAYS = {
    "uint8": np.asarray(ramp()),
    "uint8 with an axis": np.asarray(ramp())[..., None],
    "uint16": np.asarray(ramp()).astype(np.uint16) * 257,
    "big-endian uint16": (np.asarray(ramp()).astype(np.uint16) * 257).astype(">u2"),
    "float64": np.asarray(ramp()) / 255,
    "float16": (np.asarray(ramp()) / 255).astype(np.float16),
    "RGB": np.asarray(ramp().convert("RGB")),
    "RGB uint16": np.asarray(ramp().convert("RGB")).astype(np.uint16) * 257,
    "RGB float32": np.asarray(ramp().convert("RGB")).astype(np.float32) / 255,
    "RGBA": np.asarray(ramp().convert("RGBA")),
    "mirrored view": np.asarray(ramp())[:, ::-1][:, ::-1],
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_give_their_lightness_and_stay_as_they_are(kind: str) -> None:
    array = ARRAYS[kind].copy()
    picture = read(array)
    tolerance = 0.06 if kind == "float16" else 2e-3
    assert np.abs(lightness(picture) - exact_lightness(ramp())).max() < tolerance
    assert np.array_equal(array, ARRAYS[kind])
    assert not np.shares_memory(picture.codes, array)


def test_colour_arrays_and_pictures_agree() -> None:
    array = np.asarray(photo())
    expected = exact_lightness(photo())
    for pixels in (array, array.astype(np.uint16) * 257, array / 255):
        assert np.abs(lightness(read(pixels)) - expected).max() < 2e-3


def test_masks_and_alpha_of_arrays() -> None:
    mask = np.asarray(ramp()) > 99
    assert set(np.unique(lightness(read(mask)))) == {0.0, 100.0}
    half = np.full((3, 3, 4), 0.5)
    assert np.array_equal(read(half).alpha, np.full((3, 3), 128, dtype=np.uint8))


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros((2, 2, 2)), r"none of them 0\.$"),
        (np.zeros((3, 4, 5)), "transpose"),
        (np.zeros(4), r"none of them 0\.$"),
        (np.zeros((1, 4, 4, 3)), r"list\(array\)"),
        (np.zeros((0, 4), dtype=np.uint8), "shape"),
        (np.full((2, 2), 1.5), "0..1"),
        (np.full((2, 2), -0.5), "0..1"),
        (np.full((2, 2), np.nan), "NaN"),
        (np.zeros((2, 2), dtype=np.int64), "int64"),
        (np.zeros((2, 2), dtype=np.complex64), "complex64"),
        (np.array([["a"]]), "expected uint8"),
    ],
)
def test_wrong_arrays_are_refused(array: NDArray[np.generic], fault: str) -> None:
    with pytest.raises(PictureError, match=fault):
        read(array)


def test_other_things_are_no_pictures() -> None:
    with pytest.raises(PictureError, match=r"Colorizer\.predict"):
        read(torch.zeros(1, 1, 4, 4))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(PictureError, match="no pixels"):
        read(Image.new("L", (0, 4)))
    with pytest.raises(PictureError, match=r"0\.\.65535"):
        read(Image.new("I", (2, 2), 70000))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_the_rest_of_exif_kept(
    orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Box camera"
    ramp().save(tmp_path / "turned.png", exif=exif)
    picture = read(tmp_path / "turned.png")
    tall = orientation >= 5
    assert (picture.width, picture.height) == ((HEIGHT, WIDTH) if tall else (WIDTH, HEIGHT))
    corners = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)}
    corners |= {5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    assert picture.codes[corners[orientation]] == 0
    assert picture.metadata.exif is not None
    kept = Image.Exif()
    kept.load(picture.metadata.exif)
    assert dict(kept) == {ExifTags.Base.Make: "Box camera"}


def test_the_exif_of_a_given_picture_is_not_changed() -> None:
    image = ramp()
    image.getexif()[ExifTags.Base.Orientation] = 6
    assert read(image).width == HEIGHT
    assert image.getexif()[ExifTags.Base.Orientation] == 6


@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"\0" * 40])
def test_broken_exif_is_left_out_and_noted(exif: bytes) -> None:
    image = ramp()
    image.info["exif"] = exif
    picture = read(image)
    assert picture.metadata.exif is None
    assert np.array_equal(picture.codes, np.asarray(image))


def test_metadata_and_layout_of_a_tiff_are_told_apart(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = "Grandmother, 1931"
    sixteen_bit().save(tmp_path / "scan.tif", exif=tags, compression="tiff_lzw")
    picture = read(tmp_path / "scan.tif")
    assert picture.bit_depth == 16
    image = picture.assemble([(0, np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))])
    for name in ("out.tif", "out.jpg", "out.png", "out.webp"):
        with Image.open(write(image, tmp_path / name)) as back:
            assert back.mode == "RGB"
            assert back.getexif()[ExifTags.Base.ImageDescription] == "Grandmother, 1931"


def profile_of(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]  # its own literals


def curve_profile(space: bytes, gamma: float) -> bytes:
    """A minimal ICC profile of version 2: grey with one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    text += bytes(-len(text) % 4)
    body, table = b"", struct.pack(">I", 3)
    for tag, data in ((b"kTRC", curve), (b"wtpt", white), (b"desc", text)):
        table += tag + struct.pack(">II", 128 + 4 + 36 + len(body), len(data))
        body += data
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def test_a_grey_profile_becomes_the_curve_of_lightness() -> None:
    image = ramp()
    image.info["icc_profile"] = curve_profile(b"GRAY", 1.0)
    picture = read(image)
    assert picture.notes == ()
    linear = torch.arange(256, dtype=torch.float64).expand(3, 1, 256) / 255
    encoded = torch.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    expected = color.srgb_to_lightness(encoded)[0, 0].numpy()
    assert np.abs(picture.table - expected).max() < 0.6
    assert picture.metadata.icc_profile is not None
    sixteen = sixteen_bit()
    sixteen.info["icc_profile"] = image.info["icc_profile"]
    assert np.abs(lightness(read(sixteen)) - lightness(picture)).max() < 0.01


def test_an_srgb_profile_changes_nothing_and_comes_back(tmp_path: Path) -> None:
    photo().save(tmp_path / "photo.png", icc_profile=profile_of("sRGB"))
    picture = read(tmp_path / "photo.png")
    assert np.array_equal(picture.codes, read(photo()).codes)
    image = picture.assemble([(0, np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))])
    for name in ("out.png", "out.jpg", "out.tif", "out.webp"):
        with Image.open(write(image, tmp_path / name)) as back:
            opened = ImageCms.ImageCmsProfile(io.BytesIO(back.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(opened)
    assert "icc_profile" not in read(photo()).assemble([]).info


@pytest.mark.parametrize("profile", [b"no profile at all", curve_profile(b"GRAY", 1.8)])
def test_a_profile_that_cannot_be_used_is_noted(profile: bytes) -> None:
    image = photo()
    image.info["icc_profile"] = profile
    picture = read(image)
    assert len(picture.notes) == 1
    assert "ignored" in picture.notes[0]
    assert np.array_equal(picture.codes, read(photo()).codes)


def test_of_an_animation_the_first_frame_is_taken_and_noted(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (200, 100, 0)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    for name, count in (("film.gif", "several"), ("film.webp", "3")):
        picture = read(tmp_path / name)
        assert f"holds {count} pictures" in picture.notes[0]
        assert np.abs(picture.codes.astype(int) - 200).max() <= 2


def jpeg() -> bytes:
    stream = io.BytesIO()
    photo().resize((300, 200)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"Dear grandmother,\n", "is not a picture"),
        (b"\xff\xd8\xff", "(not a picture|cut off)"),
        (jpeg()[:300], "(not a picture|cut off)"),
        (jpeg()[: len(jpeg()) // 2], "cut off"),
        (jpeg()[:-200], "cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "(not a picture|cut off)"),
    ],
)
def test_broken_files_are_refused_by_name(
    content: bytes | None, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "portrait.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=fault) as caught:
        read(path)
    assert "portrait.jpg" in str(caught.value)


def test_a_limit_of_pixels_holds_before_the_picture_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.new("L", (60, 40)).save(path)
    path.write_bytes(path.read_bytes()[:60])  # decoding it would fail
    with pytest.raises(PictureError, match="more than 0.0023 million pixels"):
        read(path, max_pixels=2300)
    with pytest.raises(PictureError, match="cut off or damaged"):
        read(path, max_pixels=2400)


def test_folders_bombs_and_broken_pil_pictures_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PictureError, match="folder"):
        read(tmp_path)
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-400])
    with Image.open(tmp_path / "cut.jpg") as lazy, pytest.raises(PictureError, match="cut off"):
        read(lazy)
    photo().save(tmp_path / "bomb.png")
    for limit in (WIDTH * HEIGHT - 1, WIDTH * HEIGHT // 3):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(PictureError, match="MAX_IMAGE_PIXELS"):
            read(tmp_path / "bomb.png")


def test_resizing_is_that_of_pillow_and_strips_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (401, 297), dtype=np.uint8)
    picture = read(pixels)
    whole = picture.resized_lightness(41, 30)
    expected = Image.fromarray(lightness(picture)).resize(
        (30, 41), Image.Resampling.BICUBIC, reducing_gap=3.0
    )
    assert whole.shape == (41, 30)
    assert np.abs(whole - np.asarray(expected)).max() < 0.5
    monkeypatch.setattr("colorzoo.pictures.strips.STRIP_PIXELS", 5000)
    assert np.abs(picture.resized_lightness(41, 30) - whole).max() < 1e-3
    assert picture.resized_lightness(900, 600).shape == (900, 600)


def test_writing_makes_folders_replaces_and_leaves_no_rest(tmp_path: Path) -> None:
    place = tmp_path / "new" / "deeper" / "photo.PNG"
    assert write(ramp(), place) == place
    write(photo(), place)
    with Image.open(place) as back:
        assert np.array_equal(np.asarray(back), np.asarray(photo()))
    assert [path.name for path in place.parent.iterdir()] == ["photo.PNG"]


def test_what_cannot_be_written_is_refused_and_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    clear = photo().convert("RGBA")
    for image, name, fault in (
        (ramp(), "photo.jpgg", r"Did you mean '\.jpg'"),
        (ramp(), "photo", "no suffix"),
        (ramp(), "file/photo.png", "Cannot write"),
        (clear, "photo.jpg", "transparency"),
        (Image.new("L", (16400, 1)), "long.webp", "16400"),
    ):
        (tmp_path / "long.webp").write_bytes(b"old")
        with pytest.raises(PictureError, match=fault):
            write(image, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "long.webp"]
    assert (tmp_path / "long.webp").read_bytes() == b"old"
