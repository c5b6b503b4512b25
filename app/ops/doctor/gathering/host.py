"""The machine: memory, GPUs, device files, drivers, and the libraries bundled with Ollama."""

import grp
import pwd
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from app.ops.doctor.gathering.tools import read, read_number, run
from app.ops.doctor.observations import DeviceNode, Gpu, Host, Rocm, Server

SYS = Path("/sys")

# PCI vendor numbers, https://pci-ids.ucw.cz
_VENDORS = {"0x1002": "AMD", "0x10de": "NVIDIA", "0x8086": "Intel"}
_DRIVER_FOLDERS = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d")
_LIBRARY_FOLDERS = ("/usr/local/lib/ollama", "/usr/lib/ollama")
# The names of ROCm's libraries end in their release: libamdhip64.so.6.3.60303 belongs to 6.3.3.
_ROCM_LIBRARY = re.compile(r"^lib(?:amdhip64|rocblas|hipblas|hsa-runtime64)\.so\.[\d.]*?\.(\d{5,6})$")


def look_at_host(server: Server | None) -> Host:
    """The machine's hardware, drivers and libraries that Ollama can use."""
    binary = server.executable if server is not None and server.started_by != "container" else shutil.which("ollama")
    folder = _library_folder(binary)
    output = run("getcap", binary) if binary else None
    return Host(
        memory_total=_memory("MemTotal"),
        memory_available=_memory("MemAvailable"),
        gpus=tuple(gpus()),
        nodes=tuple(_nodes()),
        ollama_binary=binary,
        binary_capabilities=output.out.strip() if output is not None and output.code == 0 else None,
        library_folder=str(folder) if folder else None,
        has_vulkan_backend=folder is not None and any(folder.glob("vulkan*/*ggml-vulkan*")),
        bundled_rocm=tuple(_bundled_rocm(folder)) if folder else (),
        system_rocm=tuple(_system_rocm()),
        vulkan_drivers=tuple(sorted(str(file) for name in _DRIVER_FOLDERS for file in Path(name).glob("*.json"))),
        user_groups={name: _groups(name) for name in {"ollama", server.user if server else "ollama"}},
        package_manager=_package_manager(),
    )


def _memory(name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB", read(Path("/proc/meminfo")) or "", re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def gpus(sys: Path = SYS) -> Iterator[Gpu]:
    """The GPUs in the kernel's list of render nodes; NVIDIA's from their own tool, which alone knows their memory."""
    targets = dict(_gfx_targets(sys))
    for node in sorted(sys.glob("class/drm/renderD*")):
        device = node / "device"
        vendor = _VENDORS.get(read(device / "vendor") or "")
        if vendor in ("AMD", "Intel"):
            yield Gpu(
                vendor=vendor,
                name=read(device / "product_name") or "",
                gfx=targets.get(int(node.name.removeprefix("renderD")), ""),
                memory_total=read_number(device / "mem_info_vram_total"),
                memory_used=read_number(device / "mem_info_vram_used"),
            )
    yield from _nvidia_gpus()


def _gfx_targets(sys: Path) -> Iterator[tuple[int, str]]:
    """Render minor and LLVM target of AMD's GPUs: gfx_target_version 90006 is gfx906 (ollama, discover/amd.go)."""
    for file in sys.glob("class/kfd/kfd/topology/nodes/*/properties"):
        values = dict(line.split(maxsplit=1) for line in (read(file) or "").splitlines() if " " in line)
        version, minor = int(values.get("gfx_target_version", 0)), int(values.get("drm_render_minor", 0))
        if version and minor:
            yield minor, f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _nvidia_gpus() -> Iterator[Gpu]:
    output = run("nvidia-smi", "--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits")
    for line in output.out.splitlines() if output is not None and output.code == 0 else ():
        name, *sizes = (part.strip() for part in line.split(","))
        total, used = (int(size) * 2**20 if size.isdigit() else 0 for size in [*sizes, "", ""][:2])
        yield Gpu("NVIDIA", name.removeprefix("NVIDIA "), "", total, used)


def _nodes() -> Iterator[DeviceNode]:
    for path in [*sorted(Path("/dev/dri").glob("renderD*")), Path("/dev/kfd")]:
        try:
            status = path.stat()
        except OSError:
            continue
        yield DeviceNode(str(path), status.st_uid, status.st_gid, _group_name(status.st_gid), status.st_mode & 0o777)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _groups(user: str) -> tuple[int, ...]:
    try:
        own = pwd.getpwnam(user).pw_gid
    except KeyError:
        return ()
    return tuple(sorted({own, *(group.gr_gid for group in grp.getgrall() if user in group.gr_mem)}))


def _library_folder(binary: str | None) -> Path | None:
    beside = [Path(binary).resolve().parent.parent / "lib" / "ollama"] if binary else []
    return next((folder for folder in [*beside, *map(Path, _LIBRARY_FOLDERS)] if folder.is_dir()), None)


def _bundled_rocm(folder: Path) -> Iterator[Rocm]:
    for rocm in sorted(path for path in folder.glob("rocm*") if path.is_dir()):
        files = [file.name for file in rocm.iterdir()]
        yield Rocm(str(rocm), rocm_version(files), _targets(rocm / "rocblas" / "library"))


def rocm_version(files: list[str]) -> str | None:
    """ROCm's release from the names of its libraries: 60303 is 6.3.3, 70201 is 7.2.1."""
    numbers = {int(match[1]) for file in files if (match := _ROCM_LIBRARY.match(file))}
    if not numbers:
        return None
    number = max(numbers)
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _system_rocm() -> Iterator[Rocm]:
    seen = set()
    for file in sorted(Path("/opt").glob("rocm*/.info/version")):
        folder = file.parent.parent.resolve()
        version = (read(file) or "").split("-")[0]
        if version and folder not in seen:
            seen.add(folder)
            yield Rocm(str(folder), version, _targets(folder / "lib" / "rocblas" / "library"))


def _targets(folder: Path) -> tuple[str, ...]:
    names = (file.stem.removeprefix("TensileLibrary_lazy_") for file in folder.glob("TensileLibrary_lazy_gfx*.dat"))
    return tuple(sorted(names))


def _package_manager() -> Literal["apt-get", "dnf", "pacman"] | None:
    if shutil.which("apt-get"):
        return "apt-get"
    if shutil.which("dnf"):
        return "dnf"
    return "pacman" if shutil.which("pacman") else None
