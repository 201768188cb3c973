"""Which device and which precision generators run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from colorzoo.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import torch

_DTYPES: Final = ("float32", "float16", "bfloat16")


def pick_device(device: str | torch.device) -> torch.device:
    """Return the device asked for, or for ``"auto"`` the best there is.

    Raises:
        ConfigError: It is unknown to torch, or not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen).cpu()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        # torch's own message lists everything it was ever built for, which helps nobody here.
        raise ConfigError(
            f"There is no device {str(device)!r} here. Give "
            f"{' or '.join(map(repr, ['auto', *list_devices()]))}. A GPU is called "
            "'cuda' (NVIDIA, AMD) or 'mps' (Apple); 'colorzoo doctor' tells which are seen."
        ) from error
    return chosen


def check_device(device: str | torch.device) -> None:
    """Raise a ConfigError unless the device is there; what needs none of torch does without it."""
    if str(device) not in ("auto", "cpu"):
        pick_device(device)


def list_devices() -> list[str]:
    """Return the names of the devices of this machine that generators run on."""
    import torch

    return [
        "cpu",
        *(f"cuda:{index}" for index in range(torch.cuda.device_count())),
        *(["mps"] if torch.backends.mps.is_available() else []),
    ]


def pick_dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    """Return the dtype asked for; None means float32.

    ``"auto"`` is bfloat16 where the device has instructions for it, and float32 elsewhere.

    Raises:
        ConfigError: It is not one that generators run in.
    """
    import torch

    if dtype is None:
        return torch.float32
    name = dtype.removeprefix("torch.") if isinstance(dtype, str) else str(dtype)[len("torch.") :]
    if name == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    if name not in _DTYPES:
        names = ("auto", *_DTYPES)
        raise ConfigError(
            f"dtype must be one of {', '.join(names)}, not {dtype!r}.{did_you_mean(name, names)}"
        )
    picked: torch.dtype = getattr(torch, name)
    return picked


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has instructions for bfloat16; any other computes it more slowly."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    told: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if told:
        return bool(told.get("avx512_bf16") or told.get("amx_bf16"))
    # Older releases of torch keep what they know to themselves.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)
